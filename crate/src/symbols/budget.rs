//! How much may be read to explain a trap.

/// Some tenths of a second. The largest programs with debug information take a hundredth of it: what is far from the
/// trap is skipped.
const STEPS: u64 = 16 << 20;

/// What is left of the steps of one look-up.
pub(super) struct Budget(u64);

impl Default for Budget {
    fn default() -> Self {
        Self(STEPS)
    }
}

/// Why a look-up goes no further.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Stop {
    /// What is read here is not what it should be.
    Malformed,
    /// The budget is spent.
    Exhausted,
}

impl From<gimli::Error> for Stop {
    fn from(_: gimli::Error) -> Self {
        Self::Malformed
    }
}

impl Budget {
    /// # Errors
    ///
    /// [`Stop::Exhausted`], now and from now on, where less is left.
    pub(super) fn spend(&mut self, steps: usize) -> Result<(), Stop> {
        match self.0.checked_sub(steps as u64) {
            Some(left) => {
                self.0 = left;
                Ok(())
            }
            None => {
                self.0 = 0;
                Err(Stop::Exhausted)
            }
        }
    }

    /// As a number: for tests of what is spent.
    #[cfg(test)]
    pub(super) fn left(&self) -> u64 {
        self.0
    }
}
