//! What the parts of an instance share: the call that is in progress.

use super::stop::{CallControl, Cause};
use crate::lock::lock;
use std::sync::{Arc, Mutex};

/// Leads from an instance, whose memory and streams outlive a call, to the call that these may stop.
#[derive(Default)]
pub(crate) struct InstanceControl(Mutex<Option<Arc<CallControl>>>);

impl InstanceControl {
    /// A call begins; the one before has ended.
    pub(crate) fn begin(&self, call: Arc<CallControl>) {
        *lock(&self.0) = Some(call);
    }

    /// The call in progress.
    pub(crate) fn call(&self) -> Option<Arc<CallControl>> {
        lock(&self.0).clone()
    }

    /// Stops the call in progress.
    pub(crate) fn stop(&self, cause: Cause) {
        if let Some(call) = self.call() {
            call.stop(cause);
        }
    }
}
