use std::fs;

use sea_orm::{ConnectionTrait, Statement};

use super::{TestApp, eventually};

/// A message that the server wrote to its folder.
pub(crate) struct Message {
    /// The whole message, with its headers.
    pub(crate) text: String,
    /// The token of its link. Empty without a link.
    pub(crate) token: String,
    /// The eight digits of its code. Empty without a code.
    pub(crate) code: String,
}

impl TestApp {
    /// The messages to an address, oldest first, after the server has sent all that it has to send.
    pub(crate) async fn messages(&self, address: &str) -> Vec<Message> {
        self.until_outbox_is_empty().await;
        let Ok(entries) = fs::read_dir(self.app.config.mail_folder()) else { return Vec::new() };
        let mut files: Vec<_> = entries.map(|entry| entry.expect("a file").path()).collect();
        // The name is the identifier of the message, which sorts by time.
        files.sort_unstable();
        let texts = files.iter().map(|file| fs::read_to_string(file).expect("it is text"));
        let to = format!("To: {address}");
        let own = texts.filter(|text| text.lines().any(|line| line.trim_end() == to));
        own.map(|text| self.message(text)).collect()
    }

    /// The newest message to an address.
    pub(crate) async fn newest_message(&self, address: &str) -> Message {
        self.messages(address).await.pop().unwrap_or_else(|| panic!("there is no message to {address}"))
    }

    /// Waits until no message is left to send.
    pub(crate) async fn until_outbox_is_empty(&self) {
        let db = self.app.database.reader();
        let sql = "SELECT 1 AS one FROM outgoing_messages WHERE next_attempt_at IS NOT NULL LIMIT 1";
        let statement = || Statement::from_string(db.get_database_backend(), sql);
        eventually(async || db.query_one_raw(statement()).await.expect("an answer").is_none()).await;
    }

    fn message(&self, text: String) -> Message {
        let link = text.lines().find_map(|line| line.trim().split_once("/account/")?.1.split_once('#'));
        let token = link.map(|(_, token)| token.to_owned()).unwrap_or_default();
        let code: String = text.lines().find_map(code).unwrap_or_default();
        if !token.is_empty() {
            self.secrets.add(&token);
        }
        Message { text, token, code }
    }
}

/// The digits of a line that is a code and nothing else.
fn code(line: &str) -> Option<String> {
    let digits: String = line.chars().filter(|c| !c.is_whitespace()).collect();
    (digits.len() == 8 && digits.bytes().all(|byte| byte.is_ascii_digit())).then_some(digits)
}
