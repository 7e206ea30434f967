//! The instances of a submitter, by the submitter's numbers.

use crate::guest::{CallControl, Cause};
use crate::schedule::{EndedCall, InstanceHandle, QueuedCall};
use std::collections::HashMap;
use std::sync::Arc;

/// The instances that have not ended, and their calls that may be aborted one by one.
#[derive(Default)]
pub(super) struct Instances {
    handles: HashMap<u64, Arc<InstanceHandle>>,
    abortable: HashMap<u64, (Arc<CallControl>, Arc<InstanceHandle>)>,
}

/// What is done after the tables are unlocked: a call may end at once.
#[derive(Default)]
pub(super) struct InstanceWork {
    /// Calls that were submitted one after the other, and of which instance.
    calls: Vec<(u64, Arc<InstanceHandle>, Vec<QueuedCall>)>,
    /// Instances of which a call was stopped.
    swept: Vec<Arc<InstanceHandle>>,
}

impl Instances {
    pub(super) fn is_empty(&self) -> bool {
        self.handles.is_empty()
    }

    pub(super) fn add(&mut self, number: u64, handle: Arc<InstanceHandle>) {
        self.handles.insert(number, handle);
    }

    pub(super) fn get(&self, number: u64) -> Option<Arc<InstanceHandle>> {
        self.handles.get(&number).cloned()
    }

    /// The instance has ended.
    pub(super) fn forget(&mut self, number: u64) {
        self.handles.remove(&number);
    }

    /// Adds a call to the work; returns it if its instance has ended.
    pub(super) fn call(
        &mut self,
        number: u64,
        call: QueuedCall,
        work: &mut InstanceWork,
    ) -> Option<QueuedCall> {
        let is_last = work.calls.last().is_some_and(|(last, ..)| *last == number);
        if !is_last {
            let Some(handle) = self.handles.get(&number) else {
                return Some(call);
            };
            work.calls.push((number, handle.clone(), Vec::new()));
        }
        if let Some((_, handle, calls)) = work.calls.last_mut() {
            if let Some(control) = &call.control {
                let known = (control.clone(), handle.clone());
                self.abortable.insert(call.id, known);
            }
            calls.push(call);
        }
        None
    }

    /// Stops a call; returns whether that was the first cause to end it.
    pub(super) fn abort_call(&self, id: u64, work: &mut InstanceWork) -> bool {
        let Some((control, handle)) = self.abortable.get(&id) else {
            return false;
        };
        let first = control.stop(Cause::Abort);
        if first {
            work.swept.push(handle.clone());
        }
        first
    }

    /// Stops an instance; returns whether there is one.
    pub(super) fn close(&self, number: u64) -> bool {
        let handle = self.handles.get(&number);
        handle.inspect(|handle| handle.close()).is_some()
    }

    /// These calls have ended.
    pub(super) fn called(&mut self, calls: &[EndedCall]) {
        if !self.abortable.is_empty() {
            for call in calls {
                self.abortable.remove(&call.id);
            }
        }
    }
}

impl InstanceWork {
    pub(super) fn carry_out(self) {
        for (_, handle, calls) in self.calls {
            handle.push(calls);
        }
        for handle in self.swept {
            handle.sweep();
        }
    }
}
