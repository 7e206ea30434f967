//! The streams of runs whose other end is with the submitter.

use super::mailbox::Mailbox;
use super::wire::{PIPE_WINDOW, PipeEvent, PipeMaker};
use crate::error::{Error, Result};
use crate::stdio::{InputPipe, OutputPipe, OutputStreamKind, WINDOW};
use std::sync::Arc;

// The submitter reckons with the window.
const _: () = assert!(WINDOW == PIPE_WINDOW as u64);

/// The piped streams of one run.
#[derive(Default)]
pub(super) struct Pipes {
    stdin: Option<Arc<InputPipe>>,
    stdout: Option<Arc<OutputPipe>>,
    stderr: Option<Arc<OutputPipe>>,
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

/// Makes the pipes of one run, whose events become records.
pub(super) struct PortPipes {
    mailbox: Arc<Mailbox>,
    run: u64,
    made: Option<Pipes>,
}

impl PortPipes {
    pub(super) fn new(mailbox: Arc<Mailbox>, run: u64) -> Self {
        Self {
            mailbox,
            run,
            made: None,
        }
    }

    fn input(&mut self, pipe: Arc<InputPipe>) -> Arc<InputPipe> {
        self.made.get_or_insert_default().stdin = Some(pipe.clone());
        pipe
    }

    /// The pipes, if the run has any.
    pub(super) fn made(self) -> Option<Pipes> {
        self.made
    }
}

impl PipeMaker for PortPipes {
    fn pulled_input(&mut self) -> Result<Arc<InputPipe>> {
        let (mailbox, run) = (self.mailbox.clone(), self.run);
        let ask = move || mailbox.deliver(|outbox| outbox.ask(run, 0));
        Ok(self.input(InputPipe::new(false, ask)))
    }

    fn pushed_input(&mut self) -> Result<Arc<InputPipe>> {
        let (mailbox, run) = (self.mailbox.clone(), self.run);
        let give = move |bytes| mailbox.deliver(|outbox| outbox.ask(run, bytes));
        Ok(self.input(InputPipe::with_room(give)))
    }

    fn output(&mut self, kind: OutputStreamKind) -> Result<Arc<OutputPipe>> {
        let (mailbox, run) = (self.mailbox.clone(), self.run);
        let pipe = OutputPipe::new(false, false, move |bytes| {
            mailbox.deliver(|outbox| outbox.output(run, kind, &bytes));
        });
        let made = self.made.get_or_insert_default();
        match kind {
            OutputStreamKind::Stdout => made.stdout = Some(pipe.clone()),
            OutputStreamKind::Stderr => made.stderr = Some(pipe.clone()),
        }
        Ok(pipe)
    }
}

/// The pipes of runs whose submitter waits and so cannot serve a pipe: none.
pub(super) struct NoPipes;

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
}
