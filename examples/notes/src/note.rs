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

pub(crate) use self::row::{Entity as Notes, Model as Note};

/// The entity of the table.
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

impl Note {
    pub(crate) fn new(owner: UserId, text: String, clock: &Clock) -> Self {
        let id = NoteId::generate(clock).uuid();
        Self { id, owner_id: owner.uuid(), text, created_at: ChronoUnixTimestampMillis(clock.now()) }
    }

    /// The identifier of the note.
    pub(crate) fn note_id(&self) -> NoteId {
        NoteId::from_uuid(self.id)
    }
}

/// A note of a user.
#[Object(name = "Note")]
impl Note {
    /// The ID of the note.
    async fn id(&self) -> ID {
        node_id(self.note_id())
    }

    /// The text of the note.
    async fn text(&self) -> &str {
        &self.text
    }

    /// The time at which the note was added.
    async fn created_at(&self) -> DateTime {
        DateTime(self.created_at.0)
    }
}

/// The notes of an owner that are on a page.
pub(crate) async fn list(
    database: &Database,
    owner: UserId,
    page: PageRequest<NoteId>,
) -> Result<Vec<Note>, DbErr> {
    let notes = Notes::find().filter(row::Column::OwnerId.eq(owner.uuid()));
    page.newest_first(notes, row::Column::Id).all(database.reader()).await
}

/// Finds a note of an owner.
pub(crate) async fn find(database: &Database, owner: UserId, id: NoteId) -> Result<Option<Note>, DbErr> {
    let note = Notes::find_by_id(id.uuid()).filter(row::Column::OwnerId.eq(owner.uuid()));
    note.one(database.reader()).await
}

/// Inserts a note.
pub(crate) async fn insert(database: &Database, note: Note) -> Result<Note, DbErr> {
    note.into_active_model().insert(database.writer()).await
}

/// Deletes a note, if it exists.
pub(crate) async fn delete(database: &Database, id: NoteId) -> Result<(), DbErr> {
    Notes::delete_by_id(id.uuid()).exec(database.writer()).await?;
    Ok(())
}
