use std::time::{Duration, Instant};

use argon2::{Argon2, Block};

use crate::{Outcome, accounts::PASSWORD};

/// Hashes one password after another with the default parameters and the same memory. Returns the hashes per second.
pub(crate) fn hashes_per_second(length: Duration) -> Outcome<f64> {
    let argon2 = Argon2::default();
    let mut memory = vec![Block::default(); argon2.params().block_count()];
    let mut output = [0; 32];
    let (began, mut count) = (Instant::now(), 0);
    while began.elapsed() < length {
        argon2.hash_password_into_with_memory(
            PASSWORD.as_bytes(),
            b"the benchmark's salt",
            &mut output,
            &mut memory,
        )?;
        count += 1;
    }
    Ok(f64::from(count) / began.elapsed().as_secs_f64())
}
