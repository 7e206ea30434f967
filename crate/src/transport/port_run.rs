//! Runs as the scheduler sees them.

use super::operation::RunOperation;
use super::pipes::{NoPipes, PortPipes};
use super::{Delivery, Port, decode};
use crate::error::Result;
use crate::job::{BatchId, Job, Listener, Origin};
use crate::options::RunOptions;
use crate::outcome::Outcome;
use crate::program::Program;
use bytes::Bytes;
use std::sync::Arc;
use std::sync::mpsc::SyncSender;

/// A run whose outcome goes into the outbox of its port.
pub(super) struct PortRun {
    port: Arc<Port>,
    program: Arc<Program>,
    run: RunOperation,
    batch: Option<PortBatch>,
    piped: bool,
}

/// A batch as its runs know it.
#[derive(Clone)]
pub(super) struct PortBatch {
    pub(super) id: BatchId,
    /// What its runs have in common.
    pub(super) options: Arc<RunOptions>,
}

impl PortRun {
    pub(super) fn new(
        port: &Arc<Port>,
        program: &Arc<Program>,
        run: RunOperation,
        batch: Option<PortBatch>,
    ) -> Self {
        Self {
            port: port.clone(),
            program: program.clone(),
            run,
            batch,
            piped: false,
        }
    }
}

impl Job for PortRun {
    fn origin(&self) -> Origin {
        let batch = self.batch.as_ref().map(|batch| batch.id);
        self.port.origin(self.run.handle, batch)
    }

    fn program(&self) -> &Arc<Program> {
        &self.program
    }

    fn options(&mut self) -> Result<Arc<RunOptions>> {
        let mut maker = PortPipes::new(&self.port, self.run.id);
        let base = match &self.batch {
            Some(batch) => &batch.options,
            None => &self.port.defaults,
        };
        let options = decode::run_options(base, &self.run.options, &mut maker)?;
        self.piped = maker.register();
        Ok(options)
    }

    fn done(self: Box<Self>, result: Result<Outcome>) -> Option<Arc<dyn Listener>> {
        let id = self.run.id;
        if self.run.abortable || self.piped {
            let mut tables = self.port.tables();
            tables.controls.remove(&id);
            tables.pipes.remove(&id);
        }
        self.port.put(|outbox| outbox.result(id, &result));
        Some(self.port)
    }

    fn give_back(self: Box<Self>) -> Option<Arc<dyn Listener>> {
        let id = self.run.id;
        if self.run.abortable {
            self.port.tables().controls.remove(&id);
        }
        self.port.put(|outbox| outbox.returned(id));
        Some(self.port)
    }
}

/// A run that a thread waits for.
pub(super) struct SyncRun {
    origin: Origin,
    program: Arc<Program>,
    options: Bytes,
    sender: SyncSender<Delivery>,
}

impl SyncRun {
    pub(super) fn new(
        origin: Origin,
        program: Arc<Program>,
        options: Bytes,
        sender: SyncSender<Delivery>,
    ) -> Self {
        Self {
            origin,
            program,
            options,
            sender,
        }
    }
}

impl Job for SyncRun {
    fn origin(&self) -> Origin {
        self.origin
    }

    fn program(&self) -> &Arc<Program> {
        &self.program
    }

    fn options(&mut self) -> Result<Arc<RunOptions>> {
        decode::run_options(&Arc::default(), &self.options, &mut NoPipes)
    }

    fn done(self: Box<Self>, result: Result<Outcome>) -> Option<Arc<dyn Listener>> {
        // The receiver waits for as long as the run lasts.
        let _ = self.sender.send(Delivery::of(0, &result));
        None
    }
}
