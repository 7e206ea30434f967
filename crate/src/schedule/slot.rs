//! SlotOwner that a run has without a runner.

use crate::guest::CallControl;
use std::sync::Arc;

/// What gives slots.
pub(super) trait SlotOwner: Send + Sync {
    /// A slot is free again: its run has ended with `output` bytes of captured output.
    fn free(self: Arc<Self>, key: usize, output: u64);
}

/// A place among the live runs, which is free again when this is dropped.
pub(crate) struct Slot {
    slots: Arc<dyn SlotOwner>,
    key: usize,
    pub(super) control: Arc<CallControl>,
}

impl Slot {
    pub(super) fn new(slots: Arc<dyn SlotOwner>, key: usize, control: Arc<CallControl>) -> Self {
        Self {
            slots,
            key,
            control,
        }
    }
}

impl Drop for Slot {
    fn drop(&mut self) {
        // Of no batch, whose output would have to be counted.
        self.slots.clone().free(self.key, 0);
    }
}

/// What polls a run itself, once the run has a slot.
pub(crate) trait SlotTaker: Send + Sync {
    fn give(&self, slot: Slot);
}
