//! What tests of generated programs have in common.

use std::sync::atomic::{AtomicU64, Ordering};

/// Numbers that look random, and are the same for each seed.
pub struct Random(u64);

impl Random {
    pub fn new(seed: u64) -> Self {
        Self(seed)
    }

    pub fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(1 << 32);
        let digest = *blake3::hash(&self.0.to_le_bytes()).as_bytes();
        u64::from_le_bytes(digest[..8].try_into().expect("8 bytes"))
    }

    pub fn below(&mut self, bound: usize) -> usize {
        (self.next() % bound as u64) as usize
    }

    pub fn one_in(&mut self, number: usize) -> bool {
        self.below(number) == 0
    }

    pub fn pick<T: Copy>(&mut self, from: &[T]) -> T {
        from[self.below(from.len())]
    }
}

/// Calls `check` with seeds, on all cores: with so many as the variable `NAME_CASES` says, from `NAME_SEED` on. Returns how
/// many that were.
pub fn each_seed(name: &str, cases: u64, check: impl Fn(u64) + Sync) -> u64 {
    let first = number(&format!("{name}_SEED"), 0);
    let cases = number(&format!("{name}_CASES"), cases);
    let next = AtomicU64::new(first);
    std::thread::scope(|scope| {
        for _ in 0..std::thread::available_parallelism().map_or(1, usize::from) {
            scope.spawn(|| {
                loop {
                    let seed = next.fetch_add(1, Ordering::Relaxed);
                    if seed >= first + cases {
                        break;
                    }
                    check(seed);
                }
            });
        }
    });
    cases
}

fn number(variable: &str, default: u64) -> u64 {
    match std::env::var(variable) {
        Ok(text) => text.parse().expect("a number"),
        Err(_) => default,
    }
}
