use std::time::Duration;

/// Above which the rank test is sure: by chance it happens once in some millions.
const SURE: f64 = 5.0;

/// Two samples of times.
#[derive(Debug)]
pub(super) struct Comparison {
    /// How far the sum of the ranks lies from where it would be for one distribution, in standard
    /// deviations (Mann and Whitney 1947).
    deviation: f64,
    /// By what part of the first median the second lies above it.
    shift: f64,
}

impl Comparison {
    pub(super) fn of(first: &[Duration], second: &[Duration]) -> Self {
        let shift = median(second) / median(first) - 1.0;
        Self { deviation: deviation(first, second), shift }
    }

    /// Whether whoever sees such times can tell the two apart, by more than `tolerance` of the time.
    pub(super) fn tells(&self, tolerance: f64) -> bool {
        self.deviation.abs() > SURE && self.shift.abs() > tolerance
    }
}

fn median(times: &[Duration]) -> f64 {
    let mut times = times.to_vec();
    times.sort_unstable();
    times[times.len() / 2].as_secs_f64()
}

fn deviation(first: &[Duration], second: &[Duration]) -> f64 {
    let mut wins = 0.0;
    for one in first {
        for other in second {
            wins += match other.cmp(one) {
                std::cmp::Ordering::Greater => 1.0,
                std::cmp::Ordering::Equal => 0.5,
                std::cmp::Ordering::Less => 0.0,
            };
        }
    }
    let count = |sample: &[Duration]| f64::from(u32::try_from(sample.len()).expect("a sample is small"));
    let (n, m) = (count(first), count(second));
    (wins - n * m / 2.0) / (n * m * (n + m + 1.0) / 12.0).sqrt()
}

mod tests {
    use super::*;
    use crate::support::Rng;

    /// Simulated login times: `base` microseconds, up to a fifth more, and one in ten delayed by other requests.
    fn sample(rng: &mut Rng, base: usize) -> Vec<Duration> {
        let mut time = || {
            let waited = if rng.below(10) == 0 { rng.below(3 * base) } else { 0 };
            Duration::from_micros((base + rng.below(base / 5) + waited) as u64)
        };
        (0..200).map(|_| time()).collect()
    }

    #[test]
    fn samples_of_one_distribution_are_not_told_apart() {
        let mut rng = Rng::new(1);
        for _ in 0..1000 {
            let comparison = Comparison::of(&sample(&mut rng, 20_000), &sample(&mut rng, 20_000));
            assert!(!comparison.tells(0.0), "{comparison:?}");
        }
    }

    #[test]
    fn a_hash_that_is_skipped_and_a_look_up_that_is_left_out_are_found_each_time() {
        let mut rng = Rng::new(2);
        for (base, other) in [(20_000, 1_000), (1_000, 20_000), (1_500, 1_250), (5_000, 6_000)] {
            for _ in 0..100 {
                let comparison = Comparison::of(&sample(&mut rng, base), &sample(&mut rng, other));
                assert!(comparison.tells(0.1), "{base} {other}: {comparison:?}");
            }
        }
    }

    #[test]
    fn a_shift_that_nobody_could_use_is_let_be() {
        let mut rng = Rng::new(3);
        for _ in 0..100 {
            let comparison = Comparison::of(&sample(&mut rng, 20_000), &sample(&mut rng, 20_200));
            assert!(!comparison.tells(0.1), "{comparison:?}");
        }
    }
}
