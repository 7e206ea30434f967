//! The ways between a run and its submitter.

use crate::error::{Error, Result};
use crate::host_functions::HostCalls;
use crate::http::{Exchange, ServedRequest};
use crate::stdio::{InputPipe, OutputPipe, OutputStreamKind};
use std::sync::Arc;

/// Makes the ways to the submitter that a run's options ask for.
pub(crate) trait PipeMaker {
    /// Stdin that the submitter is asked for, chunk by chunk.
    fn pulled_input(&mut self) -> Result<Arc<InputPipe>>;
    /// Stdin that the submitter pushes as far as there is room.
    fn pushed_input(&mut self) -> Result<Arc<InputPipe>>;
    fn output(&mut self, kind: OutputStreamKind) -> Result<Arc<OutputPipe>>;
    fn host_calls(&mut self) -> Result<Arc<HostCalls>>;
    /// Where the response to a request goes.
    fn exchange(&mut self, request: ServedRequest) -> Result<Arc<Exchange>>;
}

/// The pipes of runs whose submitter waits and so cannot serve a pipe: none. But its thread can carry out calls.
pub(crate) struct NoPipes;

impl PipeMaker for NoPipes {
    fn pulled_input(&mut self) -> Result<Arc<InputPipe>> {
        Err(Error::internal("a waiting submitter cannot feed stdin"))
    }

    fn pushed_input(&mut self) -> Result<Arc<InputPipe>> {
        self.pulled_input()
    }

    fn output(&mut self, _: OutputStreamKind) -> Result<Arc<OutputPipe>> {
        Err(Error::internal("a waiting submitter cannot take output"))
    }

    fn host_calls(&mut self) -> Result<Arc<HostCalls>> {
        Ok(Arc::new(HostCalls::waited_for()))
    }

    fn exchange(&mut self, _: ServedRequest) -> Result<Arc<Exchange>> {
        Err(Error::internal(
            "a waiting submitter cannot take a response",
        ))
    }
}
