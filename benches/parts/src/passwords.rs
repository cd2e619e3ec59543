//! Password hashes.

use std::{num::NonZeroUsize, sync::Arc};

use aws_lc_rs::rand::SystemRandom;
use divan::Bencher;
use portcullis::passwords::{Argon2Cost, HashBounds, Hasher, NewPassword};
use tokio::runtime::Builder;

/// A hash with the default cost, by one worker.
#[divan::bench]
fn hash(bencher: Bencher<'_, '_>) {
    let cost = Argon2Cost::default();
    let bounds = HashBounds::new(&cost, 0);
    let one = NonZeroUsize::MIN;
    let hasher =
        Hasher::start(cost, bounds, one, one, Arc::new(SystemRandom::new())).expect("the worker starts");
    let password = NewPassword::imported("correct horse battery").expect("it is a password");
    let runtime = Builder::new_current_thread().build().expect("a runtime can be created");
    bencher.bench_local(|| runtime.block_on(hasher.hash(&password)).expect("the queue has room"));
}
