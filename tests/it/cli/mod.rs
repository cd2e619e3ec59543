//! The real binary, as an operator's shell runs it.

mod commands;
mod doctor;
mod keys;
mod place;
mod serve;
mod server;
mod users;

pub(crate) use self::place::Place;
