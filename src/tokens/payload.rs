use std::{collections::BTreeMap, fmt};

use serde::{
    Deserialize, Deserializer,
    de::{Error, MapAccess, Visitor},
};
use serde_json::Value;
use uuid::Uuid;

use super::{
    Claims, Scopes,
    claims::{TokenAccount, TokenSource},
};

/// The names of the claims that no standard names, or that providers name differently.
///
/// A name may be a path: `realm_access.roles` is the member `roles` of the claim `realm_access`. A claim that has the
/// whole text as its name takes precedence, because some providers use URLs as names. Of several names, the first that
/// the token has is read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClaimNames {
    /// The scopes: a string, or a list of strings.
    pub scope: Vec<String>,
    /// The roles: a list of strings, or one string.
    pub roles: Vec<String>,
    /// The username.
    pub username: Vec<String>,
}

impl Default for ClaimNames {
    fn default() -> Self {
        let names = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect();
        Self {
            scope: names(&["scope", "scp"]),
            roles: names(&["roles"]),
            username: names(&["username", "preferred_username"]),
        }
    }
}

/// The payload of a token. A payload that has a claim twice is rejected, because two readers could read different
/// values (RFC 7519 §4).
pub(super) struct Payload(BTreeMap<String, Value>);

impl Payload {
    /// Whether the payload has all claims of the access tokens of Portcullis, in their types.
    pub(super) fn is_of_portcullis(&self) -> bool {
        let has = |name: &str, is_right: fn(&Value) -> bool| self.0.get(name).is_some_and(is_right);
        let is_uuid = |value: &Value| value.as_str().is_some_and(|text| Uuid::parse_str(text).is_ok());
        has("aud", Value::is_string)
            && has("jti", is_uuid)
            // No user has signed in with a personal access token.
            && (has("auth_time", Value::is_i64) || (has("pat", Value::is_string) && !self.0.contains_key("auth_time")))
            && has("scope", Value::is_string)
            && has("roles", Value::is_array)
            && has("username", Value::is_string)
            && self.0.get("status").is_none_or(|status| status.get("status_list").is_some())
    }

    /// Reads the claims.
    ///
    /// # Errors
    /// If a claim is missing or has the wrong type.
    pub(super) fn into_claims(mut self, kid: String, names: &ClaimNames) -> Result<Claims, InvalidClaim> {
        let scope = optional(self.take_named(&names.scope), scopes)?.unwrap_or_default();
        let roles = optional(self.take_named(&names.roles), strings)?.unwrap_or_default();
        let username = optional(self.take_named(&names.username), string)?;
        let (sub, sid) = (required(self.0.remove("sub"), string)?, optional(self.0.remove("sid"), string)?);
        let pat = optional(self.0.remove("pat"), string)?;
        let token_version = match (self.0.remove("token_version"), self.0.remove("epoch")) {
            (Some(version), None) | (None, Some(version)) => version.as_i64(),
            _ => None,
        };
        let account = token_version.and_then(|token_version| {
            let source = match (sid.as_deref(), pat.as_deref()) {
                (Some(session), None) => TokenSource::Session(session.parse().ok()?),
                (None, Some(token)) => TokenSource::PersonalAccessToken(token.parse().ok()?),
                _ => return None,
            };
            Some(TokenAccount { user: sub.parse().ok()?, source, token_version })
        });
        Ok(Claims {
            iss: required(self.0.remove("iss"), string)?,
            aud: required(self.0.remove("aud"), |aud| serde_json::from_value(aud).ok())?,
            sid,
            pat,
            jti: optional(self.0.remove("jti"), string)?,
            iat: required(self.0.remove("iat"), seconds)?,
            exp: required(self.0.remove("exp"), seconds)?,
            auth_time: optional(self.0.remove("auth_time"), seconds)?,
            acr: optional(self.0.remove("acr"), string)?,
            amr: optional(self.0.remove("amr"), strings)?.unwrap_or_default(),
            scope,
            roles,
            username: username.unwrap_or_else(|| sub.clone()),
            sub,
            token_version,
            status: optional(self.take_status(), |status| serde_json::from_value(status).ok())?,
            kid,
            is_opaque: false,
            account,
            custom: self.0,
        })
    }

    /// The first claim of these names. A member of another claim stays where it is.
    fn take_named(&mut self, names: &[String]) -> Option<Value> {
        names.iter().find_map(|name| self.0.remove(name).or_else(|| self.at_path(name).cloned()))
    }

    fn at_path(&self, path: &str) -> Option<&Value> {
        let mut segments = path.split('.');
        let first = self.0.get(segments.next()?)?;
        segments.try_fold(first, |value, segment| value.get(segment))
    }

    /// The reference to a status list. Other kinds of status stay among the custom claims.
    fn take_status(&mut self) -> Option<Value> {
        self.0.get("status")?.get("status_list")?;
        self.0.remove("status")
    }
}

/// A claim is missing or has the wrong type.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct InvalidClaim;

fn required<T>(value: Option<Value>, read: impl Fn(Value) -> Option<T>) -> Result<T, InvalidClaim> {
    value.and_then(read).ok_or(InvalidClaim)
}

fn optional<T>(value: Option<Value>, read: impl Fn(Value) -> Option<T>) -> Result<Option<T>, InvalidClaim> {
    value.map(|value| read(value).ok_or(InvalidClaim)).transpose()
}

#[expect(clippy::needless_pass_by_value, reason = "as the other readers")]
fn seconds(value: Value) -> Option<i64> {
    value.as_i64()
}

fn string(value: Value) -> Option<String> {
    if let Value::String(text) = value { Some(text) } else { None }
}

fn strings(value: Value) -> Option<Vec<String>> {
    match value {
        Value::String(text) => Some(vec![text]),
        Value::Array(values) => values.into_iter().map(string).collect(),
        _ => None,
    }
}

fn scopes(value: Value) -> Option<Scopes> {
    match value {
        Value::String(text) => Some(Scopes::from(text)),
        list => strings(list).map(Scopes::from_iter),
    }
}

impl<'de> Deserialize<'de> for Payload {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(PayloadVisitor)
    }
}

struct PayloadVisitor;

impl<'de> Visitor<'de> for PayloadVisitor {
    type Value = Payload;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object of claims")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Payload, A::Error> {
        let mut claims = BTreeMap::new();
        while let Some((name, value)) = map.next_entry::<String, Value>()? {
            if claims.insert(name, value).is_some() {
                return Err(A::Error::custom("a claim occurs twice"));
            }
        }
        Ok(Payload(claims))
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::{
        clock::Clock,
        id::{SessionId, UserId},
        tokens::Audience,
    };

    fn read(more: &Value, names: &ClaimNames) -> Result<Claims, InvalidClaim> {
        let mut claims =
            json!({ "iss": "https://id.example", "aud": "notes", "sub": "f:1:ada", "iat": 1, "exp": 2 });
        let members = claims.as_object_mut().expect("an object");
        members.extend(more.as_object().expect("an object").clone());
        let payload: Payload = serde_json::from_value(claims).expect("an object");
        payload.into_claims("key".to_owned(), names)
    }

    fn named(scope: &str, roles: &str, username: &str) -> ClaimNames {
        let names = |name: &str| vec![name.to_owned()];
        ClaimNames { scope: names(scope), roles: names(roles), username: names(username) }
    }

    #[test]
    fn a_token_of_another_provider_needs_only_the_registered_claims() {
        let claims = read(&json!({}), &ClaimNames::default()).expect("claims");
        assert_eq!((claims.sub.as_str(), claims.kid.as_str()), ("f:1:ada", "key"));
        assert_eq!((claims.sid, claims.username.as_str(), claims.account), (None, "f:1:ada", None));
        assert_eq!((claims.scope, claims.roles), (Scopes::default(), Vec::new()));
    }

    #[test]
    fn an_audience_is_one_service_or_several() {
        let several = read(&json!({ "aud": ["notes", "mail"] }), &ClaimNames::default()).expect("claims");
        assert!(several.aud.contains("notes") && several.aud.contains("mail") && !several.aud.contains("n"));
        let one = read(&json!({}), &ClaimNames::default()).expect("claims");
        assert_eq!(one.aud, Audience::One("notes".to_owned()));
        assert_eq!(read(&json!({ "aud": [7] }), &ClaimNames::default()), Err(InvalidClaim));
    }

    #[test]
    fn a_name_is_that_of_a_claim_or_a_path_to_a_member() {
        let more = json!({
            "realm_access": { "roles": ["admin"] }, "https://a.example/roles": ["url"], "scp": ["b", "a"],
            "preferred_username": "ada", "roles": ["plain"],
        });
        let keycloak =
            read(&more, &named("scp", "realm_access.roles", "preferred_username")).expect("claims");
        assert_eq!((keycloak.roles, keycloak.username.as_str()), (vec!["admin".to_owned()], "ada"));
        assert_eq!(keycloak.scope.to_string(), "a b");
        assert_eq!(keycloak.custom["roles"], json!(["plain"]));
        let auth0 = read(&more, &named("scope", "https://a.example/roles", "name")).expect("claims");
        assert_eq!((auth0.roles, auth0.username.as_str()), (vec!["url".to_owned()], "f:1:ada"));
        let default = read(&more, &ClaimNames::default()).expect("claims");
        assert_eq!((default.roles, default.username.as_str()), (vec!["plain".to_owned()], "ada"));
        assert_eq!(default.scope.to_string(), "a b");
    }

    #[test]
    fn a_claim_of_the_wrong_type_is_refused() {
        for more in [
            json!({ "scope": 7 }),
            json!({ "scope": [7] }),
            json!({ "roles": { "admin": true } }),
            json!({ "username": ["ada"] }),
            json!({ "sid": 7 }),
            json!({ "jti": null }),
            json!({ "auth_time": "now" }),
            json!({ "acr": 1 }),
            json!({ "amr": { "pwd": true } }),
            json!({ "exp": 1.5 }),
            json!({ "status": { "status_list": { "idx": -1, "uri": "https://id.example/list" } } }),
        ] {
            assert_eq!(read(&more, &ClaimNames::default()), Err(InvalidClaim), "{more}");
        }
    }

    #[test]
    fn a_status_of_another_kind_is_a_custom_claim() {
        let claims = read(&json!({ "status": "active" }), &ClaimNames::default()).expect("claims");
        assert_eq!((claims.status, &claims.custom["status"]), (None, &json!("active")));
    }

    #[test]
    fn an_account_needs_a_user_a_session_and_one_version() {
        let clock = Clock::system();
        let (user, session) = (UserId::generate(&clock), SessionId::generate(&clock));
        let account = |more: &Value| {
            let mut claims = json!({ "sub": user, "sid": session });
            claims.as_object_mut().expect("an object").extend(more.as_object().expect("an object").clone());
            read(&claims, &ClaimNames::default()).expect("claims").account
        };
        let expected = Some(TokenAccount { user, source: TokenSource::Session(session), token_version: 3 });
        assert_eq!(account(&json!({ "token_version": 3 })), expected);
        assert_eq!(account(&json!({ "epoch": 3 })), expected);
        assert_eq!(account(&json!({ "epoch": 3, "token_version": 3 })), None);
        assert_eq!(account(&json!({})), None);
        assert_eq!(account(&json!({ "sub": session, "sid": user, "token_version": 3 })), None);
    }

    #[test]
    fn a_claim_that_occurs_twice_is_refused() {
        assert!(serde_json::from_str::<Payload>(r#"{ "x": 1, "x": 1 }"#).is_err());
        assert!(serde_json::from_str::<Payload>("[]").is_err());
    }
}
