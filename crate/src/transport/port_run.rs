//! Runs as the scheduler sees them.

use super::pipes::PortPipes;
use super::{Port, decode};
use crate::error::Result;
use crate::job::{BatchId, Ended, Listener, Origin, Parcel};
use crate::options::RunOptions;
use crate::program::Program;
use bytes::Bytes;
use std::sync::Arc;

/// Runs whose outcomes go into the outbox of their port.
pub(super) struct PortRuns {
    port: Arc<Port>,
    /// The same.
    listener: Arc<dyn Listener>,
    origin: Origin,
    program: Arc<Program>,
    options: Arc<RunOptions>,
}

/// A batch as its runs know it.
#[derive(Clone)]
pub(super) struct PortBatch {
    pub(super) id: BatchId,
    /// What its runs have in common.
    pub(super) options: Arc<RunOptions>,
}

impl PortRuns {
    pub(super) fn new(
        port: &Arc<Port>,
        handle: u64,
        program: &Arc<Program>,
        batch: Option<&PortBatch>,
    ) -> Self {
        let options = batch.map_or(&port.defaults, |batch| &batch.options);
        Self {
            port: port.clone(),
            listener: port.clone(),
            origin: port.origin(handle, batch.map(|batch| batch.id)),
            program: program.clone(),
            options: options.clone(),
        }
    }
}

impl Parcel for PortRuns {
    fn origin(&self) -> Origin {
        self.origin
    }

    fn program(&self) -> &Arc<Program> {
        &self.program
    }

    fn options(&self) -> &RunOptions {
        &self.options
    }

    fn own_options(&self, id: u64, payload: &Bytes) -> Result<Option<Box<RunOptions>>> {
        if payload.is_empty() {
            return Ok(None);
        }
        let mut maker = PortPipes::new(&self.port, id);
        let options = decode::run_options(&self.options, payload, &mut maker)?;
        maker.register();
        Ok(Some(Box::new(options)))
    }

    fn ended(&self, runs: &mut Vec<Ended>) {
        self.port.runs_ended(runs);
    }

    fn give_back(&self, id: u64) {
        self.port.run_returned(id);
    }

    fn listener(&self) -> Option<&Arc<dyn Listener>> {
        Some(&self.listener)
    }
}
