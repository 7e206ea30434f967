//! Fixed clocks and seeded random numbers.

use rand_core::TryRng;
use std::convert::Infallible;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};
use wasmtime_wasi::{HostMonotonicClock, HostWallClock};

/// A wall clock that stands still.
pub(crate) struct FixedWallClock(pub(crate) Duration);

impl HostWallClock for FixedWallClock {
    fn resolution(&self) -> Duration {
        Duration::from_nanos(1)
    }

    fn now(&self) -> Duration {
        self.0
    }
}

/// A monotonic clock that goes on where that of an earlier run stopped.
pub(crate) struct RunClock {
    pub(crate) start: Instant,
    /// What it says at the start.
    pub(crate) first: u64,
}

impl HostMonotonicClock for RunClock {
    fn resolution(&self) -> u64 {
        1
    }

    fn now(&self) -> u64 {
        let elapsed = u64::try_from(self.start.elapsed().as_nanos()).unwrap_or(u64::MAX);
        self.first.saturating_add(elapsed)
    }
}

/// SplitMix64 (Steele, Lea and Flood, "Fast splittable pseudorandom number generators", OOPSLA 2014).
///
/// The code is here rather than in a library, because a seed must give the same run in every later version.
pub(crate) struct SplitMix64(pub(crate) u64);

impl SplitMix64 {
    pub(crate) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let z = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }
}

impl TryRng for SplitMix64 {
    type Error = Infallible;

    fn try_next_u32(&mut self) -> Result<u32, Infallible> {
        Ok((self.next() >> 32) as u32)
    }

    fn try_next_u64(&mut self) -> Result<u64, Infallible> {
        Ok(self.next())
    }

    fn try_fill_bytes(&mut self, bytes: &mut [u8]) -> Result<(), Infallible> {
        for chunk in bytes.chunks_mut(8) {
            chunk.copy_from_slice(&self.next().to_le_bytes()[..chunk.len()]);
        }
        Ok(())
    }
}

/// A [`SplitMix64`] whose state can be looked at while it is in use.
#[derive(Clone)]
pub(crate) struct SharedRandom(Arc<AtomicU64>);

impl SharedRandom {
    pub(crate) fn new(state: u64) -> Self {
        Self(Arc::new(AtomicU64::new(state)))
    }

    /// From this state on, the numbers are those that come next.
    pub(crate) fn state(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }

    /// One guest draws from it, so nobody comes between.
    fn with<T>(&self, draw: impl FnOnce(&mut SplitMix64) -> T) -> T {
        let mut random = SplitMix64(self.state());
        let drawn = draw(&mut random);
        self.0.store(random.0, Ordering::Relaxed);
        drawn
    }
}

impl TryRng for SharedRandom {
    type Error = Infallible;

    fn try_next_u32(&mut self) -> Result<u32, Infallible> {
        self.with(SplitMix64::try_next_u32)
    }

    fn try_next_u64(&mut self) -> Result<u64, Infallible> {
        self.with(SplitMix64::try_next_u64)
    }

    fn try_fill_bytes(&mut self, bytes: &mut [u8]) -> Result<(), Infallible> {
        self.with(|random| random.try_fill_bytes(bytes))
    }
}

#[cfg(test)]
mod tests {
    use super::SplitMix64;

    #[test]
    fn agrees_with_the_published_sequence() {
        // Java's SplittableRandom and the reference C code give these for seed 1234567.
        let mut random = SplitMix64(1_234_567);
        let expected = [
            6_457_827_717_110_365_317,
            3_203_168_211_198_807_973,
            9_817_491_932_198_370_423,
        ];
        assert_eq!([random.next(), random.next(), random.next()], expected);
    }
}
