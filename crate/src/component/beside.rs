//! A long list that its submitter passes beside the other arguments, so that it is copied once: to the guest.

use std::cell::Cell;
use std::ptr::NonNull;

thread_local! {
    /// That of the call whose turn it is.
    static BESIDE: Cell<Option<NonNull<[u8]>>> = const { Cell::new(None) };
}

/// Puts back what was there before, also when a turn panics.
struct Before(Option<NonNull<[u8]>>);

impl Drop for Before {
    fn drop(&mut self) {
        BESIDE.set(self.0);
    }
}

/// Carries out a turn, on this thread, of a call whose last argument is this list of numbers, with nothing but its length
/// among the others. Returns whether the list is still to be copied, too.
pub(crate) fn with_beside<T>(list: &[u8], turn: impl FnOnce() -> T) -> (T, bool) {
    let _before = Before(BESIDE.replace(Some(list.into())));
    let result = turn();
    (result, BESIDE.get().is_some())
}

/// Reads the list if it has this length; once.
pub(super) fn take_beside<T>(length: usize, read: impl FnOnce(&[u8]) -> T) -> Option<T> {
    let list = BESIDE.take().filter(|list| list.len() == length)?;
    // SAFETY: `with_beside` borrows the list for as long as this refers to it, and nothing leaves `read`.
    Some(read(unsafe { list.as_ref() }))
}
