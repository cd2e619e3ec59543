use std::{sync::Arc, time::Duration};

use aws_lc_rs::{
    digest::{Context, SHA256},
    hmac, rand,
};
use base64::prelude::{BASE64_URL_SAFE_NO_PAD, Engine as _};
use sea_orm::DbErr;
use secrecy::{ExposeSecret, SecretString};

use crate::{
    clock::{Clock, Timestamp},
    id::UserId,
    secret::{MasterSecret, MasterSecrets},
};

/// The time until a challenge expires. A sign-in page may stay open for a while.
pub(super) const LIFETIME: Duration = Duration::from_mins(10);

/// The sizes of the parts of a token, bytes: the time at which it expires, random bytes, and the HMAC of both.
const TIME_BYTES: usize = 8;
const RANDOM_BYTES: usize = 16;
const MAC_BYTES: usize = 32;

/// The permitted use of a challenge.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Purpose {
    /// Adding a passkey to an account.
    Registration,
    /// Creating an account with a passkey.
    SignUp,
    /// Signing in to any account.
    SignIn,
    /// Proving again that one is the user of an account.
    Verification,
}

impl Purpose {
    const fn name(self) -> &'static str {
        match self {
            Self::Registration => "registration",
            Self::SignUp => "sign_up",
            Self::SignIn => "sign_in",
            Self::Verification => "verification",
        }
    }
}

/// Issues and verifies challenges. They are signed, so that no row is written before a passkey was used: anybody can
/// request one.
#[derive(Clone)]
pub struct Challenges {
    clock: Clock,
    /// The keys, the current one first.
    keys: Arc<[hmac::Key]>,
}

/// A challenge to an authenticator. It can be used once, for one purpose and one account.
#[derive(Clone, Debug)]
pub struct Challenge {
    token: SecretString,
    expires_at: Timestamp,
    /// Whether the caller counts the attempts. Otherwise a rejected response uses up the challenge.
    pub(super) counts_attempts: bool,
}

impl Challenge {
    /// A challenge that belongs to a token of the caller, which must be unguessable. The caller makes sure that the
    /// token is accepted for one account and one purpose, and counts the attempts.
    #[must_use]
    pub fn of_token(token: SecretString, expires_at: Timestamp) -> Self {
        Self { token, expires_at, counts_attempts: true }
    }

    /// The token that the client sends together with the response.
    #[must_use]
    pub fn token(&self) -> &SecretString {
        &self.token
    }

    /// The time at which the challenge expires.
    #[must_use]
    pub fn expires_at(&self) -> Timestamp {
        self.expires_at
    }

    /// The bytes that the authenticator signs. They do not reveal the token, so a response alone is of no use.
    pub(super) fn bytes(&self) -> [u8; 32] {
        self.hash("passkey challenge v1")
    }

    /// The hash by which a used challenge is found.
    pub(super) fn used_hash(&self) -> [u8; 32] {
        self.hash("used passkey challenge v1")
    }

    fn hash(&self, label: &str) -> [u8; 32] {
        let mut context = Context::new(&SHA256);
        context.update(label.as_bytes());
        context.update(&[0]);
        context.update(self.token.expose_secret().as_bytes());
        let mut hash = [0; 32];
        hash.copy_from_slice(context.finish().as_ref());
        hash
    }
}

impl Challenges {
    /// Creates the service.
    #[must_use]
    pub(crate) fn new(masters: &MasterSecrets, clock: Clock) -> Self {
        let key = |master: &MasterSecret| {
            hmac::Key::new(hmac::HMAC_SHA256, master.derive("passkey challenges v1").as_ref())
        };
        Self { clock, keys: masters.iter().map(key).collect() }
    }

    /// Issues a challenge for a purpose and an account.
    pub(super) fn issue(&self, purpose: Purpose, user: Option<UserId>) -> Result<Challenge, DbErr> {
        let expires_at = self.clock.now() + LIFETIME;
        let mut token = [0; TIME_BYTES + RANDOM_BYTES + MAC_BYTES];
        token[..TIME_BYTES].copy_from_slice(&expires_at.timestamp_millis().to_be_bytes());
        rand::fill(&mut token[TIME_BYTES..TIME_BYTES + RANDOM_BYTES])
            .map_err(|_| DbErr::Custom("the system provides no random bytes".to_owned()))?;
        let (data, mac) = token.split_at_mut(TIME_BYTES + RANDOM_BYTES);
        mac.copy_from_slice(hmac::sign(&self.keys[0], &signed_data(purpose, user, data)).as_ref());
        Ok(Challenge {
            token: BASE64_URL_SAFE_NO_PAD.encode(token).into(),
            expires_at,
            counts_attempts: false,
        })
    }

    /// Verifies the token of a challenge. `None` unless it was issued for this purpose and this account, and has not
    /// expired.
    #[must_use]
    pub fn verify(&self, purpose: Purpose, user: Option<UserId>, token: &SecretString) -> Option<Challenge> {
        const BYTES: usize = TIME_BYTES + RANDOM_BYTES + MAC_BYTES;
        let mut bytes = [0; BYTES];
        let text = token.expose_secret();
        if BASE64_URL_SAFE_NO_PAD.decode_slice(text, &mut bytes).ok()? != BYTES {
            return None;
        }
        let (data, mac) = bytes.split_at(TIME_BYTES + RANDOM_BYTES);
        let signed = signed_data(purpose, user, data);
        if !self.keys.iter().any(|key| hmac::verify(key, &signed, mac).is_ok()) {
            return None;
        }
        let milliseconds = i64::from_be_bytes(*data.first_chunk()?);
        let expires_at = Timestamp::from_timestamp_millis(milliseconds)?;
        (expires_at > self.clock.now()).then(|| Challenge {
            token: token.clone(),
            expires_at,
            counts_attempts: false,
        })
    }
}

fn signed_data(purpose: Purpose, user: Option<UserId>, data: &[u8]) -> Vec<u8> {
    let user = user.map(|user| user.to_string()).unwrap_or_default();
    let mut signed = format!("{} {user} ", purpose.name()).into_bytes();
    signed.extend_from_slice(data);
    signed
}

#[cfg(test)]
mod tests {
    use super::*;

    fn challenges(clock: &Clock, secret: &str) -> Challenges {
        let current = MasterSecret::new(&secret.repeat(32).into()).expect("it is long enough");
        Challenges::new(&MasterSecrets { current, secondary: None }, clock.clone())
    }

    #[test]
    fn a_challenge_is_valid_for_its_purpose_its_account_and_its_time() {
        let clock = Clock::steady();
        let challenges_here = challenges(&clock, "a");
        let (ada, bob) = (Some(UserId::generate(&clock)), Some(UserId::generate(&clock)));
        let issued = challenges_here.issue(Purpose::Registration, ada).expect("random bytes");
        let verify = |purpose, user, token: &SecretString| challenges_here.verify(purpose, user, token);
        let found = verify(Purpose::Registration, ada, issued.token()).expect("it is valid");
        assert_eq!((found.bytes(), found.expires_at()), (issued.bytes(), issued.expires_at()));
        for (purpose, user) in
            [(Purpose::Registration, bob), (Purpose::Registration, None), (Purpose::Verification, ada)]
        {
            assert!(verify(purpose, user, issued.token()).is_none(), "{purpose:?}");
        }
        let elsewhere = challenges(&clock, "b");
        assert!(elsewhere.verify(Purpose::Registration, ada, issued.token()).is_none());
        clock.advance(Duration::from_secs(599));
        assert!(verify(Purpose::Registration, ada, issued.token()).is_some());
        clock.advance(Duration::from_secs(1));
        assert!(verify(Purpose::Registration, ada, issued.token()).is_none());
    }

    #[test]
    fn a_text_that_was_not_issued_is_no_challenge() {
        let challenges = challenges(&Clock::steady(), "a");
        let issued = challenges.issue(Purpose::SignIn, None).expect("random bytes");
        let token = issued.token().expose_secret();
        let mut changed = token.to_owned();
        let last = changed.pop();
        changed.push(if last == Some('A') { 'Q' } else { 'A' });
        for text in ["", "a", &token[1..], &format!("{token}A"), &changed, &"A".repeat(100_000), "ä"] {
            assert!(challenges.verify(Purpose::SignIn, None, &text.into()).is_none(), "{text:.80}");
        }
    }
}
