//! Which guest has sent bytes to the stdin of another, past the host.

use std::sync::{Arc, Weak};

/// An output that has a window.
pub(super) trait Window: Send + Sync {
    /// The other guest has read so many bytes more.
    fn take_relayed(&self, bytes: u64);
}

/// The output that bytes in a stdin came from.
#[derive(Clone)]
pub(super) struct Sender(Weak<dyn Window>);

impl Sender {
    pub(super) fn new(output: &Arc<impl Window + 'static>) -> Self {
        let output: Weak<_> = Arc::downgrade(output);
        Self(output)
    }
}

impl PartialEq for Sender {
    fn eq(&self, other: &Self) -> bool {
        Weak::ptr_eq(&self.0, &other.0)
    }
}

/// Bytes of another guest that were read, or will not be. The sender learns it when this is dropped, which must not
/// happen while a pipe is locked.
pub(super) struct Taken {
    sender: Sender,
    bytes: usize,
}

impl Taken {
    pub(super) fn new(sender: Sender, bytes: usize) -> Self {
        Self { sender, bytes }
    }
}

impl Drop for Taken {
    fn drop(&mut self) {
        if let Some(output) = self.sender.0.upgrade() {
            output.take_relayed(self.bytes as u64);
        }
    }
}
