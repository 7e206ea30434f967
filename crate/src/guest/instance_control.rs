//! What the parts of an instance share: the call that is in progress.

use super::stop::{CallControl, Cause};
use crate::lock::lock;
use std::sync::{Arc, Mutex};

/// Leads from an instance, whose memory and streams outlive a call, to the call that these may stop.
#[derive(Default)]
pub(crate) struct InstanceControl {
    call: Mutex<Option<Arc<CallControl>>>,
    /// What stops the instance with whatever call is in progress; `None` for the instance of a run, whose only call is
    /// stopped directly.
    life: Option<Arc<CallControl>>,
}

impl InstanceControl {
    /// That of an instance which `life` stops.
    pub(crate) fn of(life: Arc<CallControl>) -> Self {
        Self {
            call: Mutex::default(),
            life: Some(life),
        }
    }

    /// A call begins; the one before has ended.
    pub(crate) fn begin(&self, call: Arc<CallControl>) {
        *lock(&self.call) = Some(call);
    }

    /// The call in progress.
    pub(crate) fn call(&self) -> Option<Arc<CallControl>> {
        lock(&self.call).clone()
    }

    /// Stops the call in progress if the instance was stopped.
    pub(crate) fn pass_on(&self) {
        if let Some(cause) = self.life.as_ref().and_then(|life| life.cause()) {
            self.stop(cause);
        }
    }

    /// Stops the call in progress.
    pub(crate) fn stop(&self, cause: Cause) {
        if let Some(call) = self.call() {
            call.stop(cause);
        }
    }
}
