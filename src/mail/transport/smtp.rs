use std::{
    error::Error,
    fs,
    sync::{Mutex, PoisonError},
    time::{Duration, Instant},
};

use lettre::{
    Message,
    transport::smtp::{
        Error as SmtpError,
        authentication::{Credentials, DEFAULT_MECHANISMS},
        client::{AsyncSmtpConnection, Certificate, CertificateStore, TlsParameters},
        extension::ClientId,
    },
};
use secrecy::{ExposeSecret, SecretString};
use tokio::{net::TcpStream, time::timeout_at};

use super::{SendError, one_line, starttls::StarttlsStream};
use crate::{
    config::{MailConfig, SmtpConfig, SmtpEncryption},
    mail::error::MailError,
    secret::read_private_file,
};

/// The maximum number of idle connections: as many as there are messages that a server sends at the same time.
const MAX_IDLE: usize = 8;

/// The maximum time for which a connection is idle. Mail servers close idle connections after some minutes.
const MAX_IDLE_TIME: Duration = Duration::from_secs(30);

/// The response code of a server that does not accept any message at the moment (RFC 5321 §3.8).
const SERVICE_NOT_AVAILABLE: u16 = 421;

/// Sends messages to a mail server.
///
/// It keeps idle connections itself: the pool of lettre reuses a connection whose use was cancelled, such as by a
/// timeout. A late response would then count for the next message.
pub(in crate::mail) struct Smtp {
    host: String,
    port: u16,
    security: Security,
    credentials: Option<Credentials>,
    hello: ClientId,
    timeout: Duration,
    idle: Mutex<Vec<(AsyncSmtpConnection, Instant)>>,
}

/// The encryption of connections.
enum Security {
    Starttls(TlsParameters),
    Tls(TlsParameters),
    Plain,
}

impl Smtp {
    pub(super) fn new(config: &MailConfig, hello: &str) -> Result<Self, MailError> {
        let smtp = &config.smtp;
        let host = smtp.host.clone().unwrap_or_default();
        let security = match smtp.encryption {
            SmtpEncryption::Starttls => Security::Starttls(tls(&host, smtp)?),
            SmtpEncryption::Tls => Security::Tls(tls(&host, smtp)?),
            SmtpEncryption::None => Security::Plain,
        };
        let credentials = credentials(smtp)?;
        Ok(Self {
            port: smtp.port(),
            security,
            credentials,
            hello: if hello.contains('.') { ClientId::Domain(hello.to_owned()) } else { ClientId::default() },
            timeout: config.send_timeout,
            idle: Mutex::default(),
            host,
        })
    }

    /// Sends a message within the timeout. Returns the response of the mail server.
    pub(super) async fn send(&self, message: &Message) -> Result<String, SendError> {
        let deadline = tokio::time::Instant::now() + self.timeout;
        let late = |what: &str| format!("the mail server did not {what} within {} s", self.timeout.as_secs());
        let mut connection = match timeout_at(deadline, self.connection()).await {
            Ok(Ok(connection)) => connection,
            Ok(Err(error)) => return Err(SendError::Unavailable(describe(&*error))),
            Err(_) => return Err(SendError::Unavailable(late("accept the connection"))),
        };
        let sent = timeout_at(deadline, connection.send(message.envelope(), &message.formatted())).await;
        let response = match sent {
            Ok(Ok(response)) => response,
            Ok(Err(error)) => return Err(classify(&error)),
            Err(_) => return Err(SendError::Temporary(late("accept the message"))),
        };
        self.keep(connection);
        let text = response.message().collect::<Vec<_>>().join(" ");
        Ok(one_line(&format!("{} {text}", response.code())))
    }

    /// An idle connection that still works, or a new one.
    async fn connection(&self) -> Result<AsyncSmtpConnection, Box<dyn Error + Send + Sync>> {
        while let Some(mut connection) = self.take_idle() {
            if connection.test_connected().await {
                return Ok(connection);
            }
        }
        let mut connection = match &self.security {
            Security::Starttls(tls) => self.connect_with_starttls(tls.clone()).await?,
            Security::Tls(tls) => self.connect(Some(tls.clone())).await?,
            Security::Plain => self.connect(None).await?,
        };
        if let Some(credentials) = &self.credentials {
            connection.auth(DEFAULT_MECHANISMS, credentials).await?;
        }
        Ok(connection)
    }

    async fn connect(&self, tls: Option<TlsParameters>) -> Result<AsyncSmtpConnection, SmtpError> {
        let server = (self.host.as_str(), self.port);
        AsyncSmtpConnection::connect_tokio1(server, None, &self.hello, tls, None).await
    }

    async fn connect_with_starttls(
        &self,
        tls: TlsParameters,
    ) -> Result<AsyncSmtpConnection, Box<dyn Error + Send + Sync>> {
        let stream = TcpStream::connect((self.host.as_str(), self.port)).await;
        let stream = stream.map_err(|error| format!("Connection error: {error}"))?;
        let stream = Box::new(StarttlsStream::new(stream));
        let mut connection = AsyncSmtpConnection::connect_with_transport(stream, &self.hello).await?;
        connection.starttls(tls, &self.hello).await?;
        Ok(connection)
    }

    fn take_idle(&self) -> Option<AsyncSmtpConnection> {
        let mut idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner);
        idle.retain(|(_, since)| since.elapsed() < MAX_IDLE_TIME);
        idle.pop().map(|(connection, _)| connection)
    }

    fn keep(&self, connection: AsyncSmtpConnection) {
        let mut idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner);
        if idle.len() < MAX_IDLE && !connection.has_broken() {
            idle.push((connection, Instant::now()));
        }
    }
}

/// Sorts an error of sending one message. A mail server that closes the connection may do so because of the message, so
/// the others do not wait.
fn classify(error: &SmtpError) -> SendError {
    let text = describe(error);
    match error.status().map(u16::from) {
        Some(SERVICE_NOT_AVAILABLE) => SendError::Unavailable(text),
        // Such as an address in another script than ASCII that this mail server cannot deliver to.
        _ if error.is_permanent() || error.is_client() => SendError::Permanent(text),
        _ => SendError::Temporary(text),
    }
}

fn describe(error: &dyn Error) -> String {
    one_line(&error.to_string())
}

fn tls(host: &str, config: &SmtpConfig) -> Result<TlsParameters, MailError> {
    let mut tls = TlsParameters::builder(host.to_owned());
    if let Some(path) = &config.ca_file {
        let pem = fs::read(path)
            .map_err(|source| MailError::CaFile { path: path.clone(), reason: source.to_string() })?;
        let invalid = |reason: &str| MailError::CaFile { path: path.clone(), reason: reason.to_owned() };
        if !pem.windows(BEGIN.len()).any(|window| window == BEGIN) {
            return Err(invalid("it contains no certificate"));
        }
        let certificates = Certificate::from_pem(&pem).map_err(|_| invalid("it is not valid PEM"))?;
        tls = tls.certificate_store(CertificateStore::None).add_root_certificate(certificates);
    }
    tls.build().map_err(|error| MailError::Tls(error.to_string()))
}

/// The start of a certificate in a PEM file.
const BEGIN: &[u8] = b"-----BEGIN CERTIFICATE-----";

fn credentials(config: &SmtpConfig) -> Result<Option<Credentials>, MailError> {
    let Some(username) = config.username.clone() else { return Ok(None) };
    let password = match (&config.password, &config.password_file) {
        (Some(password), _) => password.clone(),
        (None, Some(path)) => {
            let text = read_private_file(path).map_err(MailError::PasswordFile)?;
            SecretString::from(text.trim_end_matches(['\r', '\n']))
        }
        (None, None) => return Ok(None),
    };
    Ok(Some(Credentials::new(username, password.expose_secret().to_owned())))
}
