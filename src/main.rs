//! The `portcullis` binary.

#![forbid(unsafe_code)]

use std::process::ExitCode;

/// Measured for the binary: see docs/design.md. A library must leave the choice to its application.
#[cfg(all(feature = "jemalloc", target_os = "linux"))]
#[global_allocator]
static ALLOCATOR: tikv_jemallocator::Jemalloc = tikv_jemallocator::Jemalloc;

fn main() -> ExitCode {
    portcullis::Portcullis::builder().run()
}
