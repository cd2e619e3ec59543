//! The server as a library: a builder that adds the parts of an application, and the server that it opens.
//!
//! A program has one [`Builder`]. It collects the application's resolvers, routes, migrations and tasks. Opening it gives
//! a [`Portcullis`]: the handle that handlers, tasks and resolvers share. The command line ([`crate::cli`]) is a user of
//! the builder, so a program of an application has all commands of the `portcullis` binary.

mod builder;
mod data;
mod error;
mod listen;
mod portcullis;
mod serving;
mod signals;
mod task;

pub(crate) use self::{builder::Application, listen::listen, serving::run_until, signals::until_signalled};
pub use self::{builder::Builder, data::SchemaData, error::Error, portcullis::Portcullis, serving::Serving};
