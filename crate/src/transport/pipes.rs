//! The streams of runs whose other end is with the submitter.

use super::Port;
use crate::error::{Error, Result};
use crate::stdio::{InputPipe, OutputPipe, OutputStreamKind};
use bytes::Bytes;
use std::sync::{Arc, Weak};

/// The piped streams of one run.
#[derive(Default)]
pub(super) struct Pipes {
    stdin: Option<Arc<InputPipe>>,
    stdout: Option<Arc<OutputPipe>>,
    stderr: Option<Arc<OutputPipe>>,
}

/// What the submitter says about a stream.
pub(crate) enum PipeEvent {
    /// The next chunk of stdin.
    Push(Bytes),
    /// The end of stdin.
    End,
    /// So many bytes of output have been taken.
    Taken(OutputStreamKind, u64),
    /// Nobody reads this output any more.
    Closed(OutputStreamKind),
}

impl Pipes {
    pub(super) fn apply(&self, event: PipeEvent) {
        match event {
            PipeEvent::Push(bytes) => self.stdin.iter().for_each(|pipe| pipe.push(bytes.clone())),
            PipeEvent::End => self.stdin.iter().for_each(|pipe| pipe.end()),
            PipeEvent::Taken(kind, bytes) => {
                self.output(kind).iter().for_each(|pipe| pipe.take(bytes));
            }
            PipeEvent::Closed(kind) => self.output(kind).iter().for_each(|pipe| pipe.close()),
        }
    }

    fn output(&self, kind: OutputStreamKind) -> &Option<Arc<OutputPipe>> {
        match kind {
            OutputStreamKind::Stdout => &self.stdout,
            OutputStreamKind::Stderr => &self.stderr,
        }
    }
}

/// Makes the pipes that a run's options ask for.
pub(super) trait PipeMaker {
    fn input(&mut self) -> Result<Arc<InputPipe>>;
    fn output(&mut self, kind: OutputStreamKind) -> Result<Arc<OutputPipe>>;
}

/// Pipes whose events go through a port's outbox.
pub(super) struct PortPipes<'a> {
    port: &'a Arc<Port>,
    run: u64,
    made: Option<Pipes>,
}

impl<'a> PortPipes<'a> {
    pub(super) fn new(port: &'a Arc<Port>, run: u64) -> Self {
        Self {
            port,
            run,
            made: None,
        }
    }

    /// Makes the pipes known to the port, if there are any.
    pub(super) fn register(self) {
        if let Some(pipes) = self.made {
            self.port.tables().pipes.insert(self.run, pipes);
        }
    }

    /// Weak, because the port holds the pipes.
    fn weak_port(&self) -> Weak<Port> {
        Arc::downgrade(self.port)
    }
}

impl PipeMaker for PortPipes<'_> {
    fn input(&mut self) -> Result<Arc<InputPipe>> {
        let (port, run) = (self.weak_port(), self.run);
        let pipe = InputPipe::new(false, move || {
            if let Some(port) = port.upgrade() {
                port.deliver(|outbox| outbox.ask(run));
            }
        });
        self.made.get_or_insert_default().stdin = Some(pipe.clone());
        Ok(pipe)
    }

    fn output(&mut self, kind: OutputStreamKind) -> Result<Arc<OutputPipe>> {
        let (port, run) = (self.weak_port(), self.run);
        let pipe = OutputPipe::new(false, false, move |bytes| {
            if let Some(port) = port.upgrade() {
                port.deliver(|outbox| outbox.output(run, kind, &bytes));
            }
        });
        let made = self.made.get_or_insert_default();
        match kind {
            OutputStreamKind::Stdout => made.stdout = Some(pipe.clone()),
            OutputStreamKind::Stderr => made.stderr = Some(pipe.clone()),
        }
        Ok(pipe)
    }
}

/// For runs whose submitter waits and so cannot serve a pipe.
pub(super) struct NoPipes;

impl PipeMaker for NoPipes {
    fn input(&mut self) -> Result<Arc<InputPipe>> {
        Err(Error::internal("a waiting submitter cannot feed stdin"))
    }

    fn output(&mut self, _: OutputStreamKind) -> Result<Arc<OutputPipe>> {
        Err(Error::internal("a waiting submitter cannot take output"))
    }
}
