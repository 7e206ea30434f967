//! What the calls of one component may take of their submitter's memory.

use crate::lock::lock;
use std::sync::{Arc, Mutex};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// How many functions of the submitter run at a time for one component. Later calls wait.
const MAX_CALLS: usize = 256;
/// Bytes of arguments that the calls of one component may hold at a time, those that wait among them.
const MAX_BYTES: usize = 128 << 20;
/// What a call takes besides its arguments.
const CALL_BYTES: usize = 1024;

/// What the calls in progress have been given.
pub(crate) struct CallLoad {
    turns: Arc<Semaphore>,
    bytes: Arc<Mutex<usize>>,
}

impl Default for CallLoad {
    fn default() -> Self {
        Self {
            turns: Arc::new(Semaphore::new(MAX_CALLS)),
            bytes: Arc::default(),
        }
    }
}

impl CallLoad {
    /// Takes in the arguments of a call until it has ended; `None` if they are too many.
    pub(crate) fn hold(&self, arguments: usize) -> Option<HeldArguments> {
        let held = arguments.saturating_add(CALL_BYTES);
        let mut bytes = lock(&self.bytes);
        let sum = bytes.checked_add(held)?;
        // One call alone is limited by what it copies.
        if sum > MAX_BYTES && *bytes > 0 {
            return None;
        }
        *bytes = sum;
        drop(bytes);
        Some(HeldArguments {
            bytes: self.bytes.clone(),
            held,
        })
    }

    /// Waits until fewer than [`MAX_CALLS`] functions run.
    pub(crate) async fn turn(&self) -> Option<OwnedSemaphorePermit> {
        self.turns.clone().acquire_owned().await.ok()
    }
}

/// The arguments of one call.
pub(crate) struct HeldArguments {
    bytes: Arc<Mutex<usize>>,
    held: usize,
}

impl Drop for HeldArguments {
    fn drop(&mut self) {
        *lock(&self.bytes) -= self.held;
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
