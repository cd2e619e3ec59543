//! The `portcullis` binary.

#![forbid(unsafe_code)]

use std::process::ExitCode;

fn main() -> ExitCode {
    portcullis::Portcullis::builder().run()
}
