//! Keeps the secrets of a message out of the texts of mail servers, which may quote the message that they refuse.

use super::{Variables, context::grouped};

/// The length of a part of a token that is recognized in a text. A shorter part does not help to guess the rest.
const RECOGNIZED: usize = 8;

/// The text in place of one that quotes a secret.
const WITHHELD: &str = "the response is withheld, because it quotes the message";

/// The text of a mail server, unless it contains a part of the link or the code of a message.
pub(super) fn without_secrets(text: String, variables: &Variables) -> String {
    let has_code = variables.code.iter().any(|code| {
        let digits: String = text.chars().filter(|c| !c.is_whitespace()).collect();
        !code.is_empty() && (digits.contains(code.as_str()) || text.contains(&grouped(code)))
    });
    let has_token = variables.link.iter().any(|link| {
        let token: Vec<char> = token_of(link).chars().collect();
        token.windows(RECOGNIZED.min(token.len()).max(1)).any(|part| text.contains(&String::from_iter(part)))
    });
    if has_code || has_token {
        // The status code comes first, and says what kind of error it is.
        let status: String = text.chars().filter(char::is_ascii_digit).take(3).collect();
        return format!("{status} {WITHHELD}").trim_start().to_owned();
    }
    text
}

/// The part of a link that contains its token: the fragment, or the query of an operator's own link.
fn token_of(link: &str) -> &str {
    let part =
        link.split_once(['#', '?']).map_or_else(|| link.rsplit('/').next().unwrap_or(link), |(_, rest)| rest);
    part.rsplit('=').next().unwrap_or(part)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_that_quotes_a_part_of_the_link_or_the_code_is_withheld() {
        let variables = Variables {
            link: Some("https://id.example/reset#token=abcdefghijklmnopqrstuvwxyz0123456789".to_owned()),
            code: Some("12345678".to_owned()),
            ..Variables::default()
        };
        let kept = |text: &str| without_secrets(text.to_owned(), &variables) == text;
        assert!(kept("permanent error (550): 5.1.1 no such user at https://id.example/"));
        assert!(kept("permanent error (550): 5.7.1 spam 1234"));
        for quoting in [
            "permanent error (554): link https://id.example/reset#token=abcdefghijklmnopqrstuvwxyz0123456789",
            "permanent error (554): #token=3Dabcdefghijkl=",
            "permanent error (554): your code is 1234 5678",
            "permanent error (554): 12345678",
        ] {
            let withheld = without_secrets(quoting.to_owned(), &variables);
            assert_eq!(withheld, format!("554 {WITHHELD}"));
        }
    }
}
