//! The parts of a request, each measured alone: `cargo run --release --package parts`. A filter is the name of a part,
//! such as `tokens`.

mod execute;
mod operations;
mod passwords;
mod server;
mod tokens;

fn main() {
    // `divan::main` would only try each of them once, unless Cargo's `--bench` is given.
    divan::Divan::from_args().run_benches();
}
