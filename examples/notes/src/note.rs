//! Notes: the GraphQL object, the entity, and the queries of the table.

use async_graphql::{ID, Object};
use portcullis::{
    Clock, Database,
    graphql::{DateTime, PageRequest, node_id},
    id::{Id, Kind, UserId},
};
use sea_orm::{DbErr, IntoActiveModel, entity::prelude::*};

/// Marks the identifiers that start with `note_`.
pub(crate) enum NoteKind {}

impl Kind for NoteKind {
    const PREFIX: &'static str = "note";
}

pub(crate) type NoteId = Id<NoteKind>;

/// A note.
#[derive(Clone)]
pub(crate) struct Note {
    pub(crate) id: NoteId,
    pub(crate) owner: UserId,
    text: String,
    created_at: portcullis::Timestamp,
}

impl Note {
    pub(crate) fn new(owner: UserId, text: String, clock: &Clock) -> Self {
        Self { id: NoteId::generate(clock), owner, text, created_at: clock.now() }
    }
}

/// A note of a user.
#[Object]
impl Note {
    /// The ID of the note.
    async fn id(&self) -> ID {
        node_id(self.id)
    }

    /// The text of the note.
    async fn text(&self) -> &str {
        &self.text
    }

    /// The time at which the note was added.
    async fn created_at(&self) -> DateTime {
        DateTime(self.created_at)
    }
}

/// A row of `notes`.
mod row {
    use sea_orm::entity::prelude::*;

    #[derive(Clone, Debug, DeriveEntityModel)]
    #[sea_orm(table_name = "notes")]
    pub(crate) struct Model {
        #[sea_orm(primary_key, auto_increment = false)]
        pub(crate) id: Uuid,
        pub(crate) owner_id: Uuid,
        pub(crate) text: String,
        pub(crate) created_at: ChronoUnixTimestampMillis,
    }

    #[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
    pub(crate) enum Relation {}

    impl ActiveModelBehavior for ActiveModel {}
}

impl From<row::Model> for Note {
    fn from(row: row::Model) -> Self {
        Self {
            id: NoteId::from_uuid(row.id),
            owner: UserId::from_uuid(row.owner_id),
            text: row.text,
            created_at: row.created_at.0,
        }
    }
}

/// The notes of an owner that are on a page.
pub(crate) async fn list(
    database: &Database,
    owner: UserId,
    page: PageRequest<NoteId>,
) -> Result<Vec<Note>, DbErr> {
    let notes = row::Entity::find().filter(row::Column::OwnerId.eq(owner.uuid()));
    let rows = page.newest_first(notes, row::Column::Id).all(database.reader()).await?;
    Ok(rows.into_iter().map(Note::from).collect())
}

/// Finds a note of an owner.
pub(crate) async fn find(database: &Database, owner: UserId, id: NoteId) -> Result<Option<Note>, DbErr> {
    let note = row::Entity::find_by_id(id.uuid()).filter(row::Column::OwnerId.eq(owner.uuid()));
    Ok(note.one(database.reader()).await?.map(Note::from))
}

/// Inserts a note.
pub(crate) async fn insert(database: &Database, note: &Note) -> Result<(), DbErr> {
    let row = row::Model {
        id: note.id.uuid(),
        owner_id: note.owner.uuid(),
        text: note.text.clone(),
        created_at: ChronoUnixTimestampMillis(note.created_at),
    };
    row::Entity::insert(row.into_active_model()).exec(database.writer()).await?;
    Ok(())
}

/// Deletes a note, if it exists.
pub(crate) async fn delete(database: &Database, id: NoteId) -> Result<(), DbErr> {
    row::Entity::delete_by_id(id.uuid()).exec(database.writer()).await?;
    Ok(())
}

/// The number of all notes.
#[cfg(test)]
pub(crate) async fn count(database: &Database) -> Result<u64, DbErr> {
    row::Entity::find().count(database.reader()).await
}
