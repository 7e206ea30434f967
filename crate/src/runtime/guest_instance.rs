//! An instance for users of the core.

use super::Runtime;
use crate::error::{Error, ErrorCode, Result};
use crate::guest::{CallControl, CallOutcome, Limits, Outcome, Returned, Value};
use crate::lock::lock;
use crate::options::RunOptions;
use crate::program::Program;
use crate::schedule::{
    Client, Ended, EndedCall, InstanceHandle, Origin, QueuedCall, QueuedRun, RunGroup, Submission,
};
use bytes::Bytes;
use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio::sync::oneshot;

/// An instance, whose exports are called one after the other. It ends when it is dropped.
pub struct GuestInstance {
    runtime: Arc<Runtime>,
    handle: Arc<InstanceHandle>,
    calls: Arc<Calls>,
    end: Mutex<Option<oneshot::Receiver<Result<Outcome>>>>,
    /// What was printed and used while it was made.
    pub initialization: Returned,
}

impl Runtime {
    /// Makes an instance of `program`, whose exports can be called. Returns how the program ended, if it ended before.
    ///
    /// # Errors
    ///
    /// Host faults.
    pub async fn instantiate(
        self: &Arc<Self>,
        program: &Arc<Program>,
        options: RunOptions,
    ) -> Result<std::result::Result<GuestInstance, Outcome>> {
        let (made, is_made) = oneshot::channel();
        let (ended, end) = oneshot::channel();
        let calls = Arc::new(Calls {
            made: Mutex::new(Some(made)),
            ended: Mutex::new(Some(ended)),
            ..Calls::default()
        });
        let client: Arc<dyn Client> = calls.clone();
        let (handle, life) = InstanceHandle::new(client.clone());
        let group = RunGroup::new(
            Origin::default(),
            program.clone(),
            Arc::new(options),
            client,
        );
        let run = QueuedRun {
            instance: Some(handle.clone()),
            ..QueuedRun::alone(Some(life))
        };
        self.submit([Submission::single(Arc::new(group), run)]);
        match is_made.await {
            Ok(initialization) => Ok(Ok(GuestInstance {
                runtime: self.clone(),
                handle,
                calls,
                end: Mutex::new(Some(end)),
                initialization,
            })),
            Err(_) => end.await.unwrap_or_else(|_| Err(vanished())).map(Err),
        }
    }
}

impl GuestInstance {
    /// Memories and globals.
    pub fn handle(&self) -> &Arc<InstanceHandle> {
        &self.handle
    }

    /// Calls an exported function.
    ///
    /// # Errors
    ///
    /// [`ErrorCode::InvalidCall`] for a function that is not exported, and for other arguments than it takes;
    /// [`ErrorCode::InstanceOver`], and host faults.
    pub async fn call(&self, name: &str, arguments: &[Value]) -> Result<CallOutcome> {
        self.call_with(name, arguments, None, None).await
    }

    /// The same with limits of this call's own, and with what can stop it.
    ///
    /// # Errors
    ///
    /// As for [`call`](Self::call).
    pub async fn call_with(
        &self,
        name: &str,
        arguments: &[Value],
        limits: Option<Limits>,
        control: Option<Arc<CallControl>>,
    ) -> Result<CallOutcome> {
        let (function, mut payload) = self.prepare(name, arguments)?;
        let id = self.calls.last.fetch_add(1, Ordering::Relaxed);
        if let Some(limits) = limits {
            payload.extend(id.to_le_bytes());
            lock(&self.calls.limits).insert(id, limits);
        }
        let (sender, receiver) = oneshot::channel();
        lock(&self.calls.waiting).insert(id, sender);
        self.handle.push(vec![QueuedCall {
            id,
            function,
            payload: payload.into(),
            control,
        }]);
        receiver.await.unwrap_or_else(|_| Err(vanished()))
    }

    /// The same as [`call`](Self::call), on the calling thread.
    ///
    /// # Errors
    ///
    /// As for [`call`](Self::call), [`ErrorCode::InstanceBusy`] and [`ErrorCode::NestedRun`].
    pub fn call_sync(&self, name: &str, arguments: &[Value]) -> Result<CallOutcome> {
        let (function, payload) = self.prepare(name, arguments)?;
        let handle = self.handle.clone();
        let mut call = self.runtime.call_here(handle, function, payload.into())?;
        loop {
            if let Some(outcome) = call.wait(Duration::MAX)? {
                return Ok(outcome);
            }
        }
    }

    /// The number of a function, and its arguments as they cross.
    fn prepare(&self, name: &str, arguments: &[Value]) -> Result<(usize, Vec<u8>)> {
        let refused = |message| Err(Error::new(ErrorCode::InvalidCall, message));
        let Some(exports) = self.handle.exports() else {
            return refused(format!(
                "{name:?} is of a component, whose values are not numbers"
            ));
        };
        let Some(number) = exports.function_named(name) else {
            return refused(format!("the program exports no function {name:?}"));
        };
        let known = exports.function(number);
        let Some(signature) = known.and_then(|known| known.signature.as_ref()) else {
            return refused(format!("{name:?} takes or returns what is not a number"));
        };
        let given = arguments.iter().map(|value| value.number_type());
        if !given.eq(signature.parameters.iter().copied()) {
            let expected = &signature.parameters;
            return refused(format!("{name:?} takes {expected:?}, got {arguments:?}"));
        }
        let words = arguments.iter().map(|value| value.bits().to_le_bytes());
        Ok((number, words.flatten().collect()))
    }

    /// Ends the instance and waits for its end.
    ///
    /// # Errors
    ///
    /// Host faults.
    pub async fn close(&self) -> Result<Outcome> {
        let end = lock(&self.end).take();
        self.handle.close();
        self.runtime.sweep();
        match end {
            Some(end) => end.await.unwrap_or_else(|_| Err(vanished())),
            None => Err(Error::new(
                ErrorCode::InstanceOver,
                "the instance is closed",
            )),
        }
    }
}

impl Drop for GuestInstance {
    fn drop(&mut self) {
        self.handle.close();
        self.runtime.sweep();
    }
}

/// The client of one instance: callers that wait for its start, its calls and its end.
#[derive(Default)]
struct Calls {
    made: Mutex<Option<oneshot::Sender<Returned>>>,
    ended: Mutex<Option<oneshot::Sender<Result<Outcome>>>>,
    last: AtomicU64,
    waiting: Mutex<HashMap<u64, oneshot::Sender<Result<CallOutcome>>>>,
    limits: Mutex<HashMap<u64, Limits>>,
}

impl Client for Calls {
    fn ended(&self, runs: &mut Vec<Ended>) {
        let (sender, run) = (lock(&self.ended).take(), runs.pop());
        if let (Some(sender), Some(run)) = (sender, run) {
            // Its caller may no longer wait.
            let _ = sender.send(run.result);
        }
        lock(&self.made).take();
    }

    fn instantiated(&self, _: u64, returned: Returned, _: &str) {
        if let Some(sender) = lock(&self.made).take() {
            let _ = sender.send(returned);
        }
    }

    fn called(&self, calls: &mut Vec<EndedCall>) {
        for EndedCall { id, result } in calls.drain(..) {
            let sender = lock(&self.waiting).remove(&id);
            if let Some(sender) = sender {
                let _ = sender.send(result);
            }
        }
    }

    fn decode_limits(&self, _: Limits, payload: &Bytes) -> Result<Limits> {
        let id = payload.as_ref().try_into().map(u64::from_le_bytes).ok();
        let limits = id.and_then(|id| lock(&self.limits).remove(&id));
        limits.ok_or_else(vanished)
    }
}

fn vanished() -> Error {
    Error::internal("an instance vanished")
}
