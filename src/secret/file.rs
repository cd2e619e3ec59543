use std::{fs, io, path::Path};

use secrecy::zeroize::Zeroizing;

use super::SecretError;

/// Reads a text file that nobody else may read.
///
/// # Errors
/// When it cannot be read, or others may read it.
pub fn read_private_file(path: &Path) -> Result<Zeroizing<String>, SecretError> {
    let failed = |source| SecretError::File { path: path.to_owned(), source };
    refuse_readable_by_others(path)?;
    fs::read_to_string(path).map(Zeroizing::new).map_err(failed)
}

/// Makes a file that its owner alone can read; it must not be there yet.
#[cfg(unix)]
pub(super) fn create_private(path: &Path) -> io::Result<fs::File> {
    use std::os::unix::fs::OpenOptionsExt;
    fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(path)
}

/// Makes a file; it must not be there yet.
#[cfg(not(unix))]
pub(super) fn create_private(path: &Path) -> io::Result<fs::File> {
    fs::OpenOptions::new().write(true).create_new(true).open(path)
}

#[cfg(unix)]
fn refuse_readable_by_others(path: &Path) -> Result<(), SecretError> {
    use std::os::unix::fs::PermissionsExt;
    let failed = |source| SecretError::File { path: path.to_owned(), source };
    let mode = fs::metadata(path).map_err(failed)?.permissions().mode() & 0o777;
    // A group may read it, for that is how orchestrators mount secrets; the world may not.
    let others = mode & 0o007;
    if others == 0 { Ok(()) } else { Err(SecretError::Readable { path: path.to_owned(), mode }) }
}

#[cfg(not(unix))]
fn refuse_readable_by_others(_: &Path) -> Result<(), SecretError> {
    Ok(())
}
