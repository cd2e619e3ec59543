//! The real binary, as an operator's shell runs it.

mod commands;
mod place;
mod serve;
mod users;

pub(crate) use self::place::Place;
