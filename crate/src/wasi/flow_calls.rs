//! How a submitter is asked for, and given, the values of streams and futures.

use crate::component::{Asked, FlowCall, Place, Submitter};
use crate::guest::{Cause, InstanceControl, Stopped};
use crate::host_functions::{Calling, HostCalls, Thrown, flow_function, pack, unpack};
use bytes::Bytes;
use std::sync::Arc;

/// The calls of one instance.
pub(super) struct FlowCalls {
    calls: Arc<HostCalls>,
    control: Arc<InstanceControl>,
}

impl FlowCalls {
    pub(super) fn new(calls: Arc<HostCalls>, control: Arc<InstanceControl>) -> Self {
        Self { calls, control }
    }
}

impl Submitter for FlowCalls {
    fn ask(&self, call: FlowCall, values: Vec<u8>) -> Asked {
        let (calls, control) = (self.calls.clone(), self.control.clone());
        Box::pin(async move {
            let Some(held) = calls.load.hold(values.len()) else {
                return Err(wasmtime::Error::msg(
                    "streams at the same time with too much that nobody has read",
                ));
            };
            let calling = calls.call_holding(function(call), pack(&values), Box::new(held), false);
            drop(values);
            returned(calling, &control).await
        })
    }

    fn post(&self, call: FlowCall, values: Vec<u8>, place: Option<Place>) {
        let held = Box::new(place);
        self.calls.post(function(call), pack(&values), held);
    }
}

/// What a function of the submitter has returned for a component. If it threw, the run ends.
pub(super) async fn returned(
    calling: Calling<'_>,
    control: &InstanceControl,
) -> wasmtime::Result<Bytes> {
    match calling.await {
        Ok(words) => Ok(unpack(&words)?),
        Err(Thrown) => {
            control.stop(Cause::HostError);
            Err(Stopped.into())
        }
    }
}

/// The number of a call, beyond those of all imports.
fn function(call: FlowCall) -> u32 {
    match call {
        FlowCall::Give => flow_function::GIVE,
        FlowCall::Ended => flow_function::ENDED,
        FlowCall::Take => flow_function::TAKE,
        FlowCall::Left => flow_function::LEFT,
        FlowCall::NotGiven => flow_function::NOT_GIVEN,
    }
}
