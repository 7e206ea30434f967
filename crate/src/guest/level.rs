//! How much time on a core a run has used, in levels.

use std::time::Duration;

pub(crate) const LEVELS: usize = 7;
/// The level of runs that have not started, too.
pub(crate) const FIRST: usize = 0;
pub(crate) const LAST: usize = LEVELS - 1;

/// A run is on the first level of which it has used less. The first is left within the first slice of a run;
/// of the others each has four times the time of the one before: no run waits for much more of the others'
/// time than it needs itself.
const USED_BELOW: [Duration; LEVELS] = [
    Duration::from_micros(200),
    Duration::from_millis(2),
    Duration::from_millis(8),
    Duration::from_millis(32),
    Duration::from_millis(128),
    Duration::from_millis(512),
    Duration::MAX,
];

/// The level of a run that has used this much time on a core.
pub(crate) fn level(used: Duration) -> usize {
    USED_BELOW
        .iter()
        .position(|bound| used < *bound)
        .unwrap_or(LAST)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn levels_rise_with_the_time_used() {
        assert_eq!(level(Duration::ZERO), FIRST);
        for (below, bound) in USED_BELOW[..LAST].iter().enumerate() {
            assert_eq!(level(*bound - Duration::from_nanos(1)), below);
            assert_eq!(level(*bound), below + 1);
        }
        assert_eq!(level(Duration::MAX), LAST);
    }
}
