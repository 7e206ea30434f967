//! What the calls of one component may take of their submitter's memory.

use crate::lock::lock;
use std::sync::Mutex;
use tokio::sync::{Semaphore, SemaphorePermit};

/// How many functions of the submitter run at a time for one component. Later calls wait.
pub(crate) const MAX_CALLS: usize = 256;
/// Bytes of arguments that the calls of one component may hold at a time, those that wait among them.
const MAX_BYTES: usize = 128 << 20;
/// What a call takes besides its arguments.
const CALL_BYTES: usize = 1024;

/// What the calls in progress have been given.
pub(crate) struct CallLoad {
    turns: Semaphore,
    bytes: Mutex<usize>,
}

impl Default for CallLoad {
    fn default() -> Self {
        Self {
            turns: Semaphore::new(MAX_CALLS),
            bytes: Mutex::default(),
        }
    }
}

impl CallLoad {
    /// Takes in the arguments of a call until it has ended; `None` if they are too many.
    pub(crate) fn hold(&self, arguments: usize) -> Option<Held<'_>> {
        let held = arguments.saturating_add(CALL_BYTES);
        let mut bytes = lock(&self.bytes);
        let sum = bytes.checked_add(held)?;
        // One call alone is limited by what it copies.
        if sum > MAX_BYTES && *bytes > 0 {
            return None;
        }
        *bytes = sum;
        Some(Held { load: self, held })
    }

    /// Waits until fewer than [`MAX_CALLS`] functions run.
    pub(crate) async fn turn(&self) -> Option<SemaphorePermit<'_>> {
        self.turns.acquire().await.ok()
    }
}

/// The arguments of one call.
pub(crate) struct Held<'a> {
    load: &'a CallLoad,
    held: usize,
}

impl Drop for Held<'_> {
    fn drop(&mut self) {
        *lock(&self.load.bytes) -= self.held;
    }
}

#[cfg(test)]
mod tests {
    use super::{CALL_BYTES, CallLoad, MAX_BYTES};

    #[test]
    fn arguments_are_held_until_their_call_has_ended() {
        let load = CallLoad::default();
        let large = load.hold(2 * MAX_BYTES).expect("one alone");
        assert!(load.hold(0).is_none(), "beside it there is no room");
        drop(large);
        let all: Vec<_> = (0..).map_while(|_| load.hold(0)).collect();
        assert_eq!(all.len(), MAX_BYTES / CALL_BYTES);
        drop(all);
        assert!(load.hold(MAX_BYTES - CALL_BYTES).is_some());
    }
}
