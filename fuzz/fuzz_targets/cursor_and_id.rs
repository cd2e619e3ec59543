//! Cursors and identifiers: what is read as one is written as the same.

#![no_main]

use std::{fmt::Debug, ops::Bound};

use async_graphql::connection::{CursorType, OpaqueCursor};
use libfuzzer_sys::fuzz_target;
use portcullis::{
    accounts::UserCursor,
    database::PageRequest,
    id::{EventId, Id, Kind, SessionId, UserId},
};

fuzz_target!(|text: &str| {
    assert_written(text.parse::<UserId>(), text);
    assert_written(text.parse::<SessionId>(), text);
    assert_written(text.parse::<EventId>(), text);
    let read = |cursor: String| {
        let page = PageRequest::<UserCursor>::parse(Some(1), Some(cursor), None, None);
        page.ok().map(|page| page.after)
    };
    if let Some(after) = read(text.to_owned()) {
        let Bound::Excluded(key) = &after else { panic!("a page begins behind its cursor: {after:?}") };
        assert_eq!(read(OpaqueCursor(key.clone()).encode_cursor()), Some(after));
    }
});

fn assert_written<K: Kind, E: Debug>(id: Result<Id<K>, E>, text: &str) {
    if let Ok(id) = id {
        assert_eq!(id.to_string(), text);
    }
}
