//! From a record to an account.

use std::sync::Arc;

use serde_json::Value as Json;

use super::{
    Field, Mapping, NumberedRecord, Refusal,
    record::{Record, flag, json, list, text, time},
};
use crate::{
    accounts::{
        AccountError, DisplayName, EmailAddress, ImportedAccount, Locale, Metadata, PictureUrl, Username,
    },
    clock::{Clock, Timestamp},
    config::Config,
    id::UserId,
    passwords::{FirebaseParameters, HashBounds, ImportedHash, ImportedPassword, NewPassword},
};

/// The beginning of the ids of this server.
const ID_PREFIX: &str = "user_";

/// The prefix that hashes in the modular crypt format have, and hardly any password.
const HASH_PREFIX: char = '$';

/// Reads accounts from records.
pub struct AccountReader {
    /// The configuration, which has the roles.
    pub config: Arc<Config>,
    /// The clock.
    pub clock: Clock,
    /// The names of fields in the file.
    pub mapping: Mapping,
    /// The bounds of the cost of hashes.
    pub bounds: HashBounds,
    /// The roles that accounts may have beside the default ones.
    pub allowed_roles: Vec<String>,
    /// The parameters of the Firebase project from which the file comes.
    pub firebase: Option<FirebaseParameters>,
    /// Whether a password that is not a hash is a plain password.
    pub plain_passwords: bool,
}

/// An account to import.
#[derive(Debug)]
pub struct NewImport {
    /// The account.
    pub account: ImportedAccount,
    /// Its password.
    pub password: ImportedPassword,
    /// Whether the file has an id of another system, which is not kept.
    pub drops_id: bool,
}

/// A record and how to read it.
struct Fields<'a> {
    record: &'a Record,
    mapping: &'a Mapping,
    now: Timestamp,
}

impl AccountReader {
    /// The username of a record, as far as it has a valid one.
    #[must_use]
    pub fn username(&self, record: &NumberedRecord) -> Option<Username> {
        let value = record.record.as_ref().ok()?.value(Field::Username, &self.mapping)?;
        Username::parse(&text(Field::Username, value).ok()?).ok()
    }

    /// Reads an account.
    ///
    /// # Errors
    /// The reason why it is refused.
    pub fn read(&self, record: NumberedRecord) -> Result<NewImport, Refusal> {
        let record = record.record?;
        let fields = Fields { record: &record, mapping: &self.mapping, now: self.clock.now() };
        let username = fields.text(Field::Username)?.ok_or(Refusal::Missing(Field::Username))?;
        let (id, drops_id) = fields.id()?;
        let email = fields.text(Field::Email)?.filter(|email| !email.trim().is_empty());
        let email = email.as_deref().map(EmailAddress::parse).transpose().map_err(Refusal::Account)?;
        let display_name = fields.text(Field::DisplayName)?.unwrap_or_default();
        let created_at = fields.time(Field::CreatedAt)?;
        let account = ImportedAccount {
            id,
            username: Username::parse(&username).map_err(Refusal::Account)?,
            display_name: DisplayName::parse(&display_name).map_err(Refusal::Account)?,
            email_verified: email.is_some() && fields.flag(Field::EmailVerified)?,
            email,
            locale: fields.profile(Field::Locale, Locale::parse)?,
            picture_url: fields.profile(Field::PictureUrl, PictureUrl::parse)?,
            metadata: fields.metadata(Field::Metadata)?,
            app_metadata: fields.metadata(Field::AppMetadata)?,
            roles: self.roles(&fields)?,
            disabled: fields.flag(Field::Disabled)?,
            created_at: created_at.or_else(|| record.object_id_time().filter(|time| *time <= fields.now)),
            updated_at: fields.time(Field::UpdatedAt)?,
            last_login_at: fields.time(Field::LastLoginAt)?,
        };
        let password = self.password(&fields)?;
        Ok(NewImport { account, password, drops_id })
    }

    /// The roles. Those that go beyond the default ones must be allowed, because a system that let its users write
    /// arbitrary fields of their own record would otherwise make them administrators here.
    fn roles(&self, fields: &Fields<'_>) -> Result<Vec<String>, Refusal> {
        let default = &self.config.accounts.default_roles;
        let Some(value) = fields.value(Field::Roles) else { return Ok(default.clone()) };
        let mut roles = list(Field::Roles, value)?;
        roles.sort_unstable();
        roles.dedup();
        for role in &roles {
            if !self.config.roles.contains_key(role) {
                return Err(Refusal::Account(AccountError::UnknownRole(role.clone())));
            }
            if !default.contains(role) && !self.allowed_roles.contains(role) {
                return Err(Refusal::Role(role.clone()));
            }
        }
        if self.config.token_fits(&roles) {
            Ok(roles)
        } else {
            Err(Refusal::Account(AccountError::TooManyScopes))
        }
    }

    fn password(&self, fields: &Fields<'_>) -> Result<ImportedPassword, Refusal> {
        if let Some(hash) = fields.text(Field::PasswordHash)? {
            return self.hash(fields, &hash).map(ImportedPassword::Hash);
        }
        let Some(password) = fields.text(Field::Password)? else { return Err(Refusal::NoPassword) };
        let why = match ImportedHash::parse(&password, self.bounds) {
            Ok(hash) => return Ok(ImportedPassword::Hash(hash)),
            Err(why) => why,
        };
        if !self.plain_passwords {
            return Err(Refusal::NotAHash(why));
        }
        let ends_prefix = |rest: &str| {
            rest.split_once(HASH_PREFIX).is_some_and(|(name, rest)| name.len() < 20 && rest.len() > 20)
        };
        if password.strip_prefix(HASH_PREFIX).is_some_and(ends_prefix) {
            return Err(Refusal::LooksLikeAHash(why));
        }
        NewPassword::imported(&password).map(ImportedPassword::Plain).ok_or(Refusal::PasswordLength)
    }

    fn hash(&self, fields: &Fields<'_>, hash: &str) -> Result<ImportedHash, Refusal> {
        if let Some(salt) = fields.text(Field::PasswordSalt)? {
            let parameters = self.firebase.as_ref().ok_or(Refusal::NoFirebaseParameters)?;
            return ImportedHash::firebase(hash, &salt, parameters, self.bounds).map_err(Refusal::Hash);
        }
        let parsed = match fields.text(Field::PasswordNormalization)?.as_deref() {
            None | Some("") => ImportedHash::parse(hash, self.bounds),
            Some("NFKC") => ImportedHash::parse_normalised(hash, self.bounds),
            Some(_) => {
                return Err(Refusal::Invalid { field: Field::PasswordNormalization, expected: "NFKC" });
            }
        };
        parsed.map_err(Refusal::Hash)
    }
}

impl Fields<'_> {
    fn value(&self, field: Field) -> Option<Json> {
        self.record.value(field, self.mapping)
    }

    fn text(&self, field: Field) -> Result<Option<String>, Refusal> {
        self.value(field).map(|value| text(field, value)).transpose()
    }

    fn profile<T>(
        &self,
        field: Field,
        parse: impl FnOnce(&str) -> Result<Option<T>, AccountError>,
    ) -> Result<Option<T>, Refusal> {
        let text = self.text(field)?.unwrap_or_default();
        parse(&text).map_err(Refusal::Account)
    }

    fn metadata(&self, field: Field) -> Result<Option<Metadata>, Refusal> {
        let Some(value) = self.value(field) else { return Ok(None) };
        Metadata::parse(json(field, value)?).map_err(Refusal::Account)
    }

    fn flag(&self, field: Field) -> Result<bool, Refusal> {
        self.value(field).map_or(Ok(false), |value| flag(field, &value))
    }

    fn time(&self, field: Field) -> Result<Option<Timestamp>, Refusal> {
        self.value(field).map(|value| time(field, &value, self.now)).transpose()
    }

    /// The id, if it is one of this server, and whether there is another one.
    fn id(&self) -> Result<(Option<UserId>, bool), Refusal> {
        let Some(value) = self.value(Field::Id) else { return Ok((None, false)) };
        let Some(text) = value.as_str().filter(|text| text.starts_with(ID_PREFIX)) else {
            return Ok((None, true));
        };
        let invalid = Refusal::Invalid { field: Field::Id, expected: "a valid id" };
        let id: UserId =
            text.parse().map_err(|_| Refusal::Invalid { field: Field::Id, expected: "a valid id" })?;
        if id.uuid().get_version_num() == 7 { Ok((Some(id), false)) } else { Err(invalid) }
    }
}
