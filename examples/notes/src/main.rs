//! Notes: an application on Portcullis with a table, guarded resolvers, a paged list, a subscription, and a section in
//! the configuration.
//!
//! `cargo run -p notes` serves on port 4000, and `cargo run -p notes -- schema` prints the schema.

#![forbid(unsafe_code)]

mod migration;
mod note;
#[cfg(test)]
mod tests;

use std::process::ExitCode;

use async_graphql::{Context, ID, InputObject, Object, Result, Subscription};
use futures_util::{Stream, StreamExt, future};
use portcullis::{
    Builder, Clock, Database, Portcullis,
    graphql::{ApiError, EmptyFields, List, PageRequest, guarded, parse_id},
    server::SchemaData,
    user_id,
};
use serde::{Deserialize, Serialize};
use tokio::sync::broadcast;
use tokio_stream::wrappers::BroadcastStream;

use self::{migration::Migrator, note::Note};

/// The number of new notes that a slow subscriber may be behind.
const FEED_CAPACITY: usize = 256;

fn main() -> ExitCode {
    server().run()
}

/// The server of the application.
fn server() -> Builder<Queries, Mutations, Subscriptions, impl SchemaData> {
    let (feed, _) = broadcast::channel::<Note>(FEED_CAPACITY);
    Portcullis::builder()
        .query(Queries)
        .mutation(Mutations)
        .subscription(Subscriptions)
        .migrations(Migrator)
        .settings::<NotesConfig>("notes")
        .data(feed)
}

/// The section `[notes]` of the configuration.
#[derive(Clone, Deserialize, Serialize)]
#[serde(deny_unknown_fields, default)]
struct NotesConfig {
    /// The maximum length of a note, in characters.
    max_length: usize,
}

impl Default for NotesConfig {
    fn default() -> Self {
        Self { max_length: 1_000 }
    }
}

struct Queries;

#[guarded]
#[Object]
impl Queries {
    /// Your notes, with the newest first.
    #[authenticated]
    async fn notes(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The maximum number of notes, at most 100.")] first: Option<i32>,
        #[graphql(desc = "The cursor of the note before the page.")] after: Option<String>,
        #[graphql(desc = "The number of notes from the end, at most 100.")] last: Option<i32>,
        #[graphql(desc = "The cursor of the note after the page.")] before: Option<String>,
    ) -> Result<Option<List<Note>>> {
        let (owner, database) = (user_id(ctx)?, ctx.data::<Database>()?);
        let page = PageRequest::parse(first, after, last, before)?;
        let page = page.read(ctx, |page| note::list(database, owner, page)).await?;
        Ok(Some(page.list(EmptyFields, Note::note_id, |note| note)))
    }

    /// One of your notes. Null if you have no note with this ID.
    #[authenticated]
    async fn note(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The ID of the note.")] id: ID,
    ) -> Result<Option<Note>> {
        Ok(note::find(ctx.data()?, user_id(ctx)?, parse_id(&id, "id")?).await?)
    }
}

/// The input of the `addNote` mutation.
#[derive(InputObject)]
struct AddNoteInput {
    /// The text of the note.
    text: String,
}

struct Mutations;

#[guarded]
#[Object]
impl Mutations {
    /// Adds a note of yours.
    #[authenticated]
    async fn add_note(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The note to add.")] input: AddNoteInput,
    ) -> Result<Option<Note>> {
        let max = ctx.data::<NotesConfig>()?.max_length;
        if input.text.chars().count() > max {
            return Err(ApiError::bad_user_input(format!("text may have at most {max} characters.")).into());
        }
        let note = Note::new(user_id(ctx)?, input.text, ctx.data::<Clock>()?);
        let note = note::insert(ctx.data()?, note).await?;
        // It fails if there are no subscribers.
        let _ = ctx.data::<broadcast::Sender<Note>>()?.send(note.clone());
        Ok(Some(note))
    }

    /// Deletes one of your notes.
    #[requires_owner(owns(ctx, &id).await?)]
    async fn delete_note(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The ID of the note.")] id: ID,
    ) -> Result<Option<ID>> {
        note::delete(ctx.data()?, parse_id(&id, "id")?).await?;
        Ok(Some(id))
    }
}

struct Subscriptions;

#[guarded]
#[Subscription]
impl Subscriptions {
    /// Each note that you add, on any of your devices.
    #[authenticated]
    async fn note_added(&self, ctx: &Context<'_>) -> Result<impl Stream<Item = Note> + use<>> {
        let owner = user_id(ctx)?.uuid();
        let notes = BroadcastStream::new(ctx.data::<broadcast::Sender<Note>>()?.subscribe());
        // A subscriber that was too slow misses notes, and reads the list.
        Ok(notes
            .filter_map(|note| future::ready(note.ok()))
            .filter(move |note| future::ready(note.owner_id == owner)))
    }
}

/// Whether the caller has a note with this ID.
async fn owns(ctx: &Context<'_>, id: &ID) -> Result<bool> {
    Ok(note::find(ctx.data()?, user_id(ctx)?, parse_id(id, "id")?).await?.is_some())
}
