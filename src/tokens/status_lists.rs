use std::{sync::Arc, time::Duration};

use jsonwebtoken::{Validation, decode, decode_header};
use moka::{policy::EvictionPolicy, sync::Cache};

use super::{
    Claims, StatusList, StatusListClaims, StatusListError, TokenError, Verifier,
    header::{has_type, is_compact_jws, names_a_key},
};
use crate::clock::Timestamp;

/// The maximum number of status lists in memory. Only tokens with a valid signature name lists.
const CAPACITY: u64 = 64;

/// Time without a token of a list after which the list is neither kept nor fetched again.
const TIME_TO_IDLE: Duration = Duration::from_hours(1);

/// The time for which a list without `ttl` is used.
const DEFAULT_TTL: Duration = Duration::from_mins(5);

/// The maximum time for which a list is used, whatever its `ttl` says.
const MAX_TTL: Duration = Duration::from_hours(24);

/// The decision about a token whose status list is unavailable: its issuer is unreachable, or the list is invalid.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum WhenUnavailable {
    /// The token is refused with [`TokenError::Unverifiable`], because it may have been revoked.
    #[default]
    Refuse,
    /// The token is accepted until it expires, as if its issuer published no lists.
    Accept,
}

/// The status lists that were fetched, by URL.
pub(super) struct StatusLists {
    lists: Cache<String, Arc<UsableList>>,
    when_unavailable: WhenUnavailable,
}

struct UsableList {
    list: StatusList,
    /// The end of the list's `ttl`, after which it must be fetched again.
    fresh_until: Timestamp,
    /// The list's `exp`. Until then it is used while the issuer is unreachable.
    usable_until: Timestamp,
}

/// The status of a token, by the lists in memory.
pub(super) struct TokenStatus {
    /// Whether the token is accepted.
    pub(super) outcome: Result<(), TokenError>,
    /// Whether the list must be fetched, because it is not in memory or its `ttl` has passed.
    pub(super) lacks_list: bool,
}

impl StatusLists {
    pub(super) fn new(when_unavailable: WhenUnavailable) -> Self {
        let lists = Cache::builder()
            .max_capacity(CAPACITY)
            .time_to_idle(TIME_TO_IDLE)
            .eviction_policy(EvictionPolicy::lru())
            .build();
        Self { lists, when_unavailable }
    }

    /// The status of a token. A token without a reference to a list is valid until it expires.
    pub(super) fn status(&self, claims: &Claims, now: Timestamp) -> TokenStatus {
        let Some(place) = claims.status.as_ref().map(|status| &status.status_list) else {
            return TokenStatus { outcome: Ok(()), lacks_list: false };
        };
        match self.lists.get(&place.uri).filter(|known| now < known.usable_until) {
            Some(known) => {
                let outcome = match known.list.status(place.idx) {
                    Some(StatusList::VALID) => Ok(()),
                    Some(_) => Err(TokenError::Revoked),
                    None => Err(TokenError::Invalid),
                };
                TokenStatus { outcome, lacks_list: now >= known.fresh_until }
            }
            None => {
                let outcome = match self.when_unavailable {
                    WhenUnavailable::Refuse => Err(TokenError::Unverifiable),
                    WhenUnavailable::Accept => Ok(()),
                };
                TokenStatus { outcome, lacks_list: true }
            }
        }
    }
}

/// An error of a status list token.
#[derive(Debug, thiserror::Error)]
pub enum StatusListTokenError {
    /// The text is not a JWT.
    #[error("the text is not a JWT")]
    NotAToken,
    /// The type is not `statuslist+jwt`, or the header contains a key.
    #[error("the token is not of the type statuslist+jwt")]
    Type,
    /// The issuer has not published the key of the signature.
    #[error("the token is signed with the unknown key {0:?}")]
    UnknownKey(String),
    /// The signature, the issuer, or the form of a claim is invalid.
    #[error("the signature, the issuer or a claim is invalid: {0}")]
    Invalid(#[from] jsonwebtoken::errors::Error),
    /// The `sub` of the token is not the URL of the list.
    #[error("the token is of the list {0:?}")]
    OtherList(String),
    /// The token has expired, or is from the future.
    #[error("the token has expired, or is from the future")]
    Time,
    /// The list cannot be decoded.
    #[error(transparent)]
    List(#[from] StatusListError),
}

impl Verifier {
    /// Whether the status of tokens is checked.
    pub(crate) const fn checks_status(&self) -> bool {
        self.status_lists.is_some()
    }

    /// Whether a list that tokens still name is in memory. It need not be usable.
    pub(crate) fn has_status_list(&self, url: &str) -> bool {
        self.status_lists.as_ref().is_some_and(|lists| lists.lists.contains_key(url))
    }

    /// Verifies a status list token by the keys of access tokens and stores its list. Returns the time for which it is
    /// fresh. It is used until its `exp`, so that services outlast a short failure of the issuer. A service with an HTTP
    /// client of its own fetches the lists that tokens name, from the issuer only, and stores them here.
    ///
    /// # Errors
    /// [`StatusListTokenError`]; the list that was stored before remains.
    pub fn store_status_list(&self, url: &str, token: &str) -> Result<Duration, StatusListTokenError> {
        let claims = self.verify_status_list(url, token)?;
        let now = self.clock.now();
        let until_expiry = claims.exp.map(|exp| exp.saturating_sub(now.timestamp()));
        let until_expiry = until_expiry.map(|left| Duration::from_secs(left.try_into().unwrap_or_default()));
        let ttl = claims.ttl.map(Duration::from_secs);
        let usable = until_expiry.or(ttl).unwrap_or(DEFAULT_TTL).min(MAX_TTL);
        let fresh = ttl.unwrap_or(usable).min(usable);
        let list = StatusList::decode(&claims.status_list)?;
        let list = UsableList { list, fresh_until: now + fresh, usable_until: now + usable };
        if let Some(lists) = &self.status_lists {
            lists.lists.insert(url.to_owned(), Arc::new(list));
        }
        Ok(fresh)
    }

    fn verify_status_list(&self, url: &str, token: &str) -> Result<StatusListClaims, StatusListTokenError> {
        let token = token.trim_ascii();
        if !is_compact_jws(token) {
            return Err(StatusListTokenError::NotAToken);
        }
        let header = decode_header(token)?;
        if !has_type(&header, StatusListClaims::TYPE) || names_a_key(&header) {
            return Err(StatusListTokenError::Type);
        }
        let keys = self.keys();
        let kid = header.kid.unwrap_or_default();
        let (algorithm, key) =
            keys.active(&kid).map_err(|_| StatusListTokenError::UnknownKey(kid.clone()))?;
        let mut validation = Validation::new(algorithm);
        validation.set_required_spec_claims(&["sub"]);
        validation.validate_exp = false;
        validation.validate_aud = false;
        validation.iss.clone_from(&self.issuer_and_audience.iss);
        let claims = decode::<StatusListClaims>(token, key, &validation)?.claims;
        if claims.sub != url {
            return Err(StatusListTokenError::OtherList(claims.sub));
        }
        let now = self.clock.now().timestamp();
        if claims.exp.is_some_and(|exp| exp <= now)
            || claims.iat > now.saturating_add(self.clock_skew_seconds)
        {
            return Err(StatusListTokenError::Time);
        }
        Ok(claims)
    }
}
