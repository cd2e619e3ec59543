use secrecy::{SecretString, zeroize::Zeroizing};
use totp_rs::{Builder, Totp};

use crate::{
    clock::Timestamp,
    secret::{NoRandomBytes, fill_random},
};

/// The bytes of a secret (RFC 4226 §4, R6).
const SECRET_BYTES: usize = 20;

/// The digits of a code.
const DIGITS: usize = 6;

/// The secret of an authenticator app: SHA-1, six digits and steps of 30 seconds, as all apps support.
pub(super) struct TotpSecret(Zeroizing<Vec<u8>>);

impl TotpSecret {
    /// Generates a secret.
    pub(super) fn generate() -> Result<Self, NoRandomBytes> {
        let mut bytes = Zeroizing::new(vec![0; SECRET_BYTES]);
        fill_random(&mut bytes)?;
        Ok(Self(bytes))
    }

    /// Reads an unsealed secret.
    pub(super) const fn from_bytes(bytes: Zeroizing<Vec<u8>>) -> Self {
        Self(bytes)
    }

    /// The bytes of the secret.
    pub(super) fn as_bytes(&self) -> &[u8] {
        &self.0
    }

    /// The secret in base32, for typing.
    pub(super) fn base32(&self) -> Option<SecretString> {
        Some(self.totp("", "")?.secret().to_base32().into())
    }

    /// The otpauth URI of the secret, for a QR code. The format separates names by a colon, so they must not contain one.
    pub(super) fn uri(&self, service: &str, username: &str) -> Option<SecretString> {
        let name = |text: &str| text.replace(':', " ");
        Some(self.totp(&name(service), &name(username))?.to_url().ok()?.into())
    }

    /// The time step of a code, if the code is of the current step or of the one before or after it (RFC 6238 §5.2), and of
    /// a later step than `last_step`. The comparison takes the same time for each wrong code.
    pub(super) fn step_of(&self, code: &str, now: Timestamp, last_step: i64) -> Option<i64> {
        let code = digits(code)?;
        let seconds = u64::try_from(now.timestamp()).ok()?;
        let step = self.totp("", "")?.check(&code, seconds)?;
        i64::try_from(step).ok().filter(|step| *step > last_step)
    }

    fn totp(&self, service: &str, username: &str) -> Option<Totp> {
        let issuer = Some(service).filter(|service| !service.is_empty());
        let builder = Builder::new().with_secret(self.0.to_vec()).with_skew(1);
        builder.with_issuer(issuer).with_account_name(username).build().ok()
    }
}

/// The time step of a time, in which codes change.
pub(super) fn step_at(time: Timestamp) -> i64 {
    time.timestamp().div_euclid(30)
}

/// The digits of a code that a person typed, who may have separated them. `None` if they are not six digits.
fn digits(text: &str) -> Option<Zeroizing<String>> {
    // A bound before the copy. No person types more separators than digits.
    if text.len() > 4 * DIGITS {
        return None;
    }
    let digits: String = text.chars().filter(|c| !c.is_whitespace() && *c != '-').collect();
    (digits.len() == DIGITS && digits.bytes().all(|byte| byte.is_ascii_digit()))
        .then(|| Zeroizing::new(digits))
}

#[cfg(test)]
mod tests {
    use chrono::DateTime;
    use secrecy::ExposeSecret;

    use super::*;

    fn at(seconds: i64) -> Timestamp {
        DateTime::from_timestamp(seconds, 0).expect("a time")
    }

    fn rfc_secret() -> TotpSecret {
        TotpSecret::from_bytes(Zeroizing::new(b"12345678901234567890".to_vec()))
    }

    #[test]
    fn the_codes_are_those_of_rfc_6238() {
        // Appendix B for SHA-1, the last six of its eight digits.
        for (seconds, code) in [(59, "287082"), (1_111_111_109, "081804"), (2_000_000_000, "279037")] {
            let step = rfc_secret().step_of(code, at(seconds), -1);
            assert_eq!(step, Some(seconds / 30), "{code}");
            assert_eq!(step_at(at(seconds)), seconds / 30);
        }
    }

    #[test]
    fn a_code_is_accepted_one_step_early_or_late_and_once() {
        let (secret, step) = (rfc_secret(), 1_111_111_109 / 30);
        for (drift, is_accepted) in [(-60, false), (-30, true), (0, true), (30, true), (60, false)] {
            let found = secret.step_of("081804", at(1_111_111_109 + drift), -1);
            assert_eq!(found, is_accepted.then_some(step), "{drift} s");
        }
        assert_eq!(secret.step_of("081804", at(1_111_111_109), step), None);
    }

    #[test]
    fn a_code_is_six_digits_however_they_are_separated() {
        for text in ["081804", "081 804", " 081-804 "] {
            assert!(rfc_secret().step_of(text, at(1_111_111_109), -1).is_some(), "{text:?}");
        }
        for refused in ["", "81804", "0818040", "08180a", "０８１８０４", &" ".repeat(100)] {
            assert_eq!(rfc_secret().step_of(refused, at(1_111_111_109), -1), None, "{refused:?}");
        }
    }

    #[test]
    fn the_uri_names_the_service_and_the_account() {
        let uri = rfc_secret().uri("Notes: the app", "ada@example.org").expect("a URI");
        let expected = "otpauth://totp/Notes%20%20the%20app:ada%40example.org\
                        ?secret=GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ&issuer=Notes%20%20the%20app";
        assert_eq!(uri.expose_secret(), expected);
        assert_eq!(TotpSecret::generate().expect("random bytes").as_bytes().len(), SECRET_BYTES);
    }
}
