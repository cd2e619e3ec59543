use std::{error, fmt};

use crate::{
    app::AppError,
    config::{ConfigError, InvalidValue},
    database::ConnectError,
    operations::TrustedError,
    schema::DuplicateField,
};

/// The reason why the program does not start, or has stopped. Both `Display` and `Debug` print a sentence with the cause
/// and the remedy, so that it reads well when `main` returns it.
///
/// ```
/// # #[cfg(feature = "server")]
/// # #[tokio::main]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// use async_graphql::Object;
/// use portcullis::Portcullis;
///
/// struct Clash;
///
/// #[Object]
/// impl Clash {
///     /// The schema has a field with this name already.
///     async fn me(&self) -> i32 {
///         0
///     }
/// }
///
/// let error = Portcullis::builder().query(Clash).sdl().err().ok_or("no error")?;
/// assert!(error.to_string().contains("me"));
/// assert_eq!(error.exit_status(), 1);
/// # Ok(())
/// # }
/// # #[cfg(not(feature = "server"))]
/// # fn main() {}
/// ```
pub struct Error {
    text: String,
    source: Option<Box<dyn error::Error + Send + Sync>>,
    exit_status: u8,
}

impl Error {
    /// The exit status for the error, as the `portcullis` binary uses it: 3 if `migrate status` finds pending
    /// migrations, otherwise 1.
    #[must_use]
    pub fn exit_status(&self) -> u8 {
        self.exit_status
    }

    /// An error without a source.
    pub(crate) fn new(text: impl Into<String>) -> Self {
        Self { text: text.into(), source: None, exit_status: 1 }
    }

    /// An error with a text of its own, and the error that has caused it.
    pub(crate) fn caused(text: impl Into<String>, source: impl error::Error + Send + Sync + 'static) -> Self {
        Self { text: text.into(), source: Some(Box::new(source)), exit_status: 1 }
    }

    /// The same error with another exit status.
    pub(crate) fn with_exit_status(self, exit_status: u8) -> Self {
        Self { exit_status, ..self }
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

/// `main` prints an error by its `Debug`.
impl fmt::Debug for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl error::Error for Error {
    fn source(&self) -> Option<&(dyn error::Error + 'static)> {
        self.source.as_ref().map(|source| &**source as _)
    }
}

#[doc(hidden)]
impl From<ConfigError> for Error {
    fn from(error: ConfigError) -> Self {
        Self::caused(error.to_string(), error)
    }
}

#[doc(hidden)]
impl From<InvalidValue> for Error {
    fn from(error: InvalidValue) -> Self {
        Self::caused(error.to_string(), error)
    }
}

#[doc(hidden)]
impl From<DuplicateField> for Error {
    fn from(error: DuplicateField) -> Self {
        Self::caused(error.to_string(), error)
    }
}

#[doc(hidden)]
impl From<TrustedError> for Error {
    fn from(error: TrustedError) -> Self {
        AppError::from(error).into()
    }
}

#[doc(hidden)]
impl From<AppError> for Error {
    fn from(error: AppError) -> Self {
        match error {
            AppError::Connect(error) => error.into(),
            error => Self::caused(error.to_string(), error),
        }
    }
}

#[doc(hidden)]
impl From<ConnectError> for Error {
    fn from(error: ConnectError) -> Self {
        let remedy = match error {
            ConnectError::Unreachable { .. } => {
                "\nCheck that the database is running, and that database.url (or DATABASE_URL) is correct."
            }
            ConnectError::Folder { .. } => "\nSet data_dir (--data-dir) to a folder that you may write to.",
            _ => "",
        };
        Self::caused(format!("{error}{remedy}"), error)
    }
}
