//! The real binary, as an operator's shell runs it.

mod commands;
mod data_files;
mod doctor;
mod keys;
mod place;
mod serve;
mod server;
mod starts;
mod users;

pub(crate) use self::place::Place;
