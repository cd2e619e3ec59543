//! Prompts: the confirmation of a command, and new passwords.

use std::io::{self, BufRead, IsTerminal, Read, Write};

use secrecy::{SecretString, zeroize::Zeroizing};

use super::error::CliError;

/// The maximum length of a password line, in bytes. The password policy rejects longer passwords anyway.
const MAX_LINE_BYTES: u64 = 16 * 1024;

/// The confirmation of a command that cannot be undone.
#[derive(clap::Args)]
pub(super) struct Confirmation {
    /// Do not ask for confirmation
    #[arg(long, short)]
    yes: bool,
}

impl Confirmation {
    /// Asks the user to confirm, unless `--yes` was given.
    pub(super) fn ask(&self, question: &str) -> Result<(), CliError> {
        if self.yes {
            return Ok(());
        }
        if !io::stdin().is_terminal() {
            return Err(CliError::refused(format!(
                "{question} Standard input is not a terminal; pass --yes to confirm."
            )));
        }
        write!(io::stderr(), "{question} Type yes to continue: ")?;
        let mut answer = String::new();
        io::stdin().read_line(&mut answer).map_err(CliError::Input)?;
        match answer.trim() {
            "yes" => Ok(()),
            _ => Err(CliError::refused("not confirmed; nothing was changed")),
        }
    }
}

/// Reads a new password: typed twice on a terminal, otherwise the first line of standard input.
pub(super) fn new_password() -> Result<SecretString, CliError> {
    if !io::stdin().is_terminal() {
        return read_line(&mut io::stdin().lock());
    }
    let ask = |prompt| rpassword::prompt_password(prompt).map(Zeroizing::new).map_err(CliError::Input);
    let (first, second) = (ask("New password: ")?, ask("Repeat the password: ")?);
    if *first != *second {
        return Err(CliError::refused("the passwords differ; nothing was changed"));
    }
    Ok(SecretString::from(first.as_str()))
}

/// Reads the password of an account: typed on a terminal, otherwise the first line of standard input.
pub(super) fn current_password() -> Result<SecretString, CliError> {
    if !io::stdin().is_terminal() {
        return read_line(&mut io::stdin().lock());
    }
    let typed = rpassword::prompt_password("Password: ").map(Zeroizing::new).map_err(CliError::Input)?;
    Ok(SecretString::from(typed.as_str()))
}

/// Reads one line without its line ending. Spaces are kept, because they may belong to the password.
fn read_line(input: &mut impl BufRead) -> Result<SecretString, CliError> {
    let mut line = Zeroizing::new(Vec::with_capacity(512));
    input.take(MAX_LINE_BYTES).read_until(b'\n', &mut line).map_err(CliError::Input)?;
    let text = line.strip_suffix(b"\n").unwrap_or(&line);
    let text = text.strip_suffix(b"\r").unwrap_or(text);
    if text.is_empty() {
        return Err(CliError::refused(
            "no password on standard input; pipe it in as one line, or run this command in a terminal",
        ));
    }
    let text = str::from_utf8(text).map_err(|_| CliError::refused("the password is not valid UTF-8"))?;
    Ok(SecretString::from(text))
}

#[cfg(test)]
mod tests {
    use secrecy::ExposeSecret;

    use super::*;

    #[test]
    fn a_password_is_the_first_line_without_its_end() {
        for (input, password) in [
            ("open sesame\n", "open sesame"),
            (" spaces stay \nnext", " spaces stay "),
            ("no end", "no end"),
            ("windows\r\n", "windows"),
        ] {
            let read = read_line(&mut input.as_bytes()).expect("a password");
            assert_eq!(read.expose_secret(), password);
        }
        assert!(read_line(&mut "\n".as_bytes()).is_err());
        assert!(read_line(&mut [0xff, b'\n'].as_slice()).is_err());
    }
}
