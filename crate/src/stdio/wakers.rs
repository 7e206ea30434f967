//! Who waits for a pipe.

use std::mem::take;
use std::task::{Context, Waker};

#[derive(Default)]
pub(super) struct Wakers(Vec<Waker>);

impl Wakers {
    /// Adds the task once, even if the guest polls again and again.
    pub(super) fn add(&mut self, context: &Context<'_>) {
        if !{ self.0.iter() }.any(|waker| waker.will_wake(context.waker())) {
            self.0.push(context.waker().clone());
        }
    }

    /// Those that wait now, to be woken after the pipe is unlocked.
    pub(super) fn take(&mut self) -> Self {
        Self(take(&mut self.0))
    }

    pub(super) fn wake(self) {
        self.0.into_iter().for_each(Waker::wake);
    }
}
