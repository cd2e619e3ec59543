use super::report::Report;
use crate::{
    config::{Config, MailTransport},
    mail::Mail,
};

/// Checks the templates of messages and the files of the mail server. It connects to no mail server: `portcullis mail
/// test` does.
pub(super) fn examine(config: &Config, report: &mut Report) {
    match Mail::check(config) {
        Ok(()) => {
            let text = match config.mail.transport {
                MailTransport::Smtp => {
                    "all templates can be rendered; `portcullis mail test ADDRESS` tries the mail server"
                        .to_owned()
                }
                MailTransport::Folder => {
                    format!(
                        "all templates can be rendered; messages go to {}",
                        config.mail_folder().display()
                    )
                }
                MailTransport::Off => "messages are discarded (mail.transport)".to_owned(),
            };
            report.ok("mail", text);
        }
        Err(error) => report.fail("mail", error.to_string()),
    }
}
