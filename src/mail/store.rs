//! The rows of the outbox.

use entity::outgoing_message::{ActiveModel, Entity};
use sea_orm::{
    ActiveValue::{NotSet, Set},
    ConnectionTrait, DbErr, EntityTrait,
    prelude::ChronoUnixTimestampMillis as Millis,
};

use super::NewMessage;
use crate::{clock::Timestamp, id::MessageId};

/// The kind of a message that is discarded in place of being sent.
const DECOY: &str = "decoy";

pub(super) async fn insert(
    db: &impl ConnectionTrait,
    id: MessageId,
    message: &NewMessage<'_>,
    sealed_variables: Vec<u8>,
    now: Timestamp,
) -> Result<(), DbErr> {
    let kind = if message.is_decoy { DECOY } else { message.kind.name() };
    let row = ActiveModel {
        id: Set(id.uuid()),
        kind: Set(kind.to_owned()),
        user_id: Set(message.user.map(|user| user.uuid())),
        recipient: Set(message.recipient.to_owned()),
        locale: Set(message.locale.map(str::to_owned)),
        sealed_variables: Set(Some(sealed_variables)),
        attempts: Set(0),
        created_at: Set(Millis(now)),
        next_attempt_at: Set(Some(Millis(now))),
        sent_at: NotSet,
        last_error: NotSet,
    };
    Entity::insert(row).exec_without_returning(db).await.map(|_| ())
}
