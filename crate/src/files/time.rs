//! The times of files.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// Where the time comes from.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Now {
    Real,
    /// Stands still.
    Fixed(Duration),
}

impl Now {
    /// Nanoseconds since 1970.
    pub(super) fn read(self) -> u64 {
        let since = match self {
            Self::Real => SystemTime::now().duration_since(UNIX_EPOCH),
            Self::Fixed(since) => Ok(since),
        };
        let since = since.unwrap_or_default();
        u64::try_from(since.as_nanos()).unwrap_or(u64::MAX)
    }
}

/// The times of one file, in nanoseconds since 1970. Reading does not set the time of access.
#[derive(Clone, Copy)]
pub(super) struct Times {
    pub(super) accessed: u64,
    pub(super) modified: u64,
    pub(super) changed: u64,
}

impl Times {
    pub(super) fn all(now: u64) -> Self {
        Self {
            accessed: now,
            modified: now,
            changed: now,
        }
    }

    pub(super) fn modify(&mut self, now: u64) {
        self.modified = now;
        self.changed = now;
    }

    pub(super) fn set(&mut self, new: NewTimes, now: u64) {
        for (time, new) in [
            (&mut self.accessed, new.accessed),
            (&mut self.modified, new.modified),
        ] {
            match new {
                NewTime::Keep => {}
                NewTime::Now => *time = now,
                NewTime::At(nanoseconds) => *time = nanoseconds,
            }
        }
        self.changed = now;
    }
}

/// What a time is set to.
#[derive(Clone, Copy)]
pub(crate) enum NewTime {
    Keep,
    Now,
    /// Nanoseconds since 1970.
    At(u64),
}

#[derive(Clone, Copy)]
pub(crate) struct NewTimes {
    pub(crate) accessed: NewTime,
    pub(crate) modified: NewTime,
}
