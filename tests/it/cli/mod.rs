//! The real binary, as an operator's shell runs it.

mod commands;
mod data_files;
mod database_url;
mod doctor;
mod healthcheck;
mod import;
mod keys;
#[cfg(target_os = "linux")]
mod memory;
mod migrations;
mod place;
mod serve;
mod server;
mod starts;
#[cfg(target_os = "linux")]
mod systemd;
mod users;

pub(crate) use self::{
    place::{PASSWORD, Place},
    server::Server,
};
