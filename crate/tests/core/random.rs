//! Numbers for generated programs.

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
