//! How many sockets a run may have open.

use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Weak};
use tokio::sync::Notify;

/// The places for sockets that are not taken.
pub(crate) struct Places {
    free: AtomicU32,
    freed: Arc<Notify>,
    me: Weak<Self>,
}

/// A place, taken until this is dropped.
pub(crate) struct Place(Arc<Places>);

impl Places {
    pub(crate) fn new(most: u32) -> Arc<Self> {
        Arc::new_cyclic(|me| Self {
            free: AtomicU32::new(most),
            freed: Arc::default(),
            me: me.clone(),
        })
    }

    pub(crate) fn take(&self) -> Option<Place> {
        let less = |free: u32| free.checked_sub(1);
        let taken = self
            .free
            .fetch_update(Ordering::AcqRel, Ordering::Acquire, less);
        taken.ok()?;
        self.me.upgrade().map(Place)
    }

    /// Resolves when a place gets free after this call. It is not kept for whoever waits.
    pub(crate) fn freed(&self) -> impl Future<Output = ()> + Send + use<> {
        self.freed.clone().notified_owned()
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.0.free.fetch_add(1, Ordering::AcqRel);
        self.0.freed.notify_waiters();
    }
}

#[cfg(test)]
mod tests {
    use super::Places;
    use futures_util::FutureExt;

    #[test]
    fn places_are_taken_and_given_back() {
        let places = Places::new(2);
        let first = places.take().expect("a place");
        let second = places.take().expect("a place");
        assert!(places.take().is_none());
        drop(first);
        let third = places.take().expect("a place");
        assert!(places.take().is_none());
        drop((second, third));
        assert!(Places::new(0).take().is_none());
    }

    #[test]
    fn who_waits_is_told_of_a_place_and_does_not_have_it() {
        let places = Places::new(1);
        let only = places.take().expect("a place");
        let freed = places.freed();
        drop(only);
        let again = places.take().expect("the place of the one that was told");
        freed.now_or_never().expect("it was told");
        let later = places.freed();
        assert!(later.now_or_never().is_none());
        drop(again);
    }
}
