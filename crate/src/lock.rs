//! Locks that outlive a panic.

use std::sync::{Mutex, MutexGuard, PoisonError};

/// The data of `mutex`, also after a panic under the lock: panics are caught and reported, and the process goes on.
pub(crate) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
