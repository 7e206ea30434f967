//! The streams of runs whose other end is with the submitter, and the calls of its functions.

use super::mailbox::Mailbox;
use super::wire::{PIPE_WINDOW, PipeEvent, PipeMaker};
use crate::error::Result;
use crate::host_functions::{HostCall, HostCalls};
use crate::http::{Exchange, ResponseEvent, ServedRequest};
use crate::stdio::{InputPipe, OutputPipe, OutputStreamKind, Widened};
use std::sync::Arc;

/// How many bytes may be on their way at a time, in each direction.
const WINDOW: u64 = PIPE_WINDOW as u64;

/// The same for output while the thread waits that would take it.
const WAITING_WINDOW: u64 = 128 << 20;

/// The piped streams of one run, and its calls of host functions.
#[derive(Default)]
pub(super) struct Pipes {
    stdin: Option<Arc<InputPipe>>,
    stdout: Option<Arc<OutputPipe>>,
    stderr: Option<Arc<OutputPipe>>,
    body: Option<Arc<OutputPipe>>,
    host_calls: Option<Arc<HostCalls>>,
}

impl Pipes {
    pub(super) fn host_calls(&self) -> Option<&Arc<HostCalls>> {
        self.host_calls.as_ref()
    }

    pub(super) fn apply(&self, event: PipeEvent) {
        match event {
            PipeEvent::Push(bytes) => self.stdin.iter().for_each(|pipe| pipe.push(bytes.clone())),
            PipeEvent::End => self.stdin.iter().for_each(|pipe| pipe.end()),
            PipeEvent::Taken(kind, bytes) => {
                self.output(kind).iter().for_each(|pipe| pipe.take(bytes));
            }
            PipeEvent::BodyTaken(bytes) => self.body.iter().for_each(|pipe| pipe.take(bytes)),
            PipeEvent::Closed(kind) => self.output(kind).iter().for_each(|pipe| pipe.close()),
            PipeEvent::Relayed(kind, _) => {
                self.output(kind).iter().for_each(|pipe| pipe.end_relay());
            }
        }
    }

    /// Lets an output go into the stdin of another run, past the submitter.
    pub(super) fn relay(&self, kind: OutputStreamKind, to: &Self) {
        if let (Some(output), Some(stdin)) = (self.output(kind), &to.stdin) {
            output.relay(stdin.clone());
        }
    }

    /// The run has ended: what has not gone past the submitter goes to the submitter.
    pub(super) fn end_relays(&self) {
        let outputs = self.stdout.iter().chain(&self.stderr);
        outputs.for_each(|pipe| pipe.end_relay());
    }

    /// Lets the guest print what the submitter takes after the call that it waits for.
    pub(super) fn widen_outputs(&self) -> Vec<Widened> {
        let outputs = self.stdout.iter().chain(&self.stderr);
        outputs.map(|pipe| pipe.widen(WAITING_WINDOW)).collect()
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
        Ok(self.input(InputPipe::with_room(WINDOW, give)))
    }

    fn output(&mut self, kind: OutputStreamKind) -> Result<Arc<OutputPipe>> {
        let (mailbox, run) = (self.mailbox.clone(), self.run);
        let pipe = OutputPipe::with_window(WINDOW, false, false, move |bytes| {
            mailbox.deliver(|outbox| outbox.output(run, kind, &bytes));
        });
        let made = self.made.get_or_insert_default();
        match kind {
            OutputStreamKind::Stdout => made.stdout = Some(pipe.clone()),
            OutputStreamKind::Stderr => made.stderr = Some(pipe.clone()),
        }
        Ok(pipe)
    }

    fn host_calls(&mut self) -> Result<Arc<HostCalls>> {
        let (mailbox, run) = (self.mailbox.clone(), self.run);
        let tell = move |call: HostCall<'_>| mailbox.deliver(|outbox| outbox.host_call(run, call));
        let calls = Arc::new(HostCalls::told(tell));
        self.made.get_or_insert_default().host_calls = Some(calls.clone());
        Ok(calls)
    }

    fn exchange(&mut self, request: ServedRequest) -> Result<Arc<Exchange>> {
        let (mailbox, run) = (self.mailbox.clone(), self.run);
        let body = OutputPipe::with_window(WINDOW, false, false, move |bytes| {
            mailbox.record(|outbox| outbox.body(run, &bytes));
        });
        self.made.get_or_insert_default().body = Some(body.clone());
        let (mailbox, told) = (self.mailbox.clone(), self.mailbox.clone());
        let tell =
            move |event: ResponseEvent<'_>| mailbox.record(|outbox| outbox.response(run, event));
        Ok(Arc::new(Exchange::new(request, body, tell, move || {
            told.notify()
        })))
    }
}
