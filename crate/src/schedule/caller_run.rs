//! A run on the thread that waits for it.
//!
//! The scheduler gives such a run a slot, and nothing else: the caller polls it. A run whose guest cannot be
//! interrupted is polled by the scheduler like any other, because the calling thread has to look up now and
//! then.

use super::caller_wait::{CallerWait, refuse_nested};
use super::run::drive;
use super::run_group::{Ended, Origin, RunGroup};
use super::scheduler::Scheduler;
use super::seat::Step;
use super::slot::{Slot, SlotTaker};
use super::submission::{QueuedRun, Submission};
use crate::error::{Result, closed};
use crate::guest::Outcome;
use crate::host_functions::HostCalls;
use crate::options::RunOptions;
use crate::program::Program;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;
use tokio::runtime::Handle;

/// A run that is polled while its caller waits for it. Dropped before its end, it is given up.
pub struct CallerRun {
    /// Before the wait, whose seat it has.
    run: Polled,
    waiting: CallerWait,
}

/// What the caller polls.
struct Polled {
    group: Arc<RunGroup>,
    scheduler: Arc<Scheduler>,
    running: Option<Running>,
}

/// One that has its slot; the slot goes last.
struct Running {
    run: Pin<Box<dyn Future<Output = Ended> + Send>>,
    /// No longer than the run: it keeps what a closed runtime gives back.
    runtime: Handle,
    _slot: Slot,
}

impl CallerRun {
    /// Takes a slot if no earlier run waits for one, and else gets in line.
    ///
    /// # Errors
    ///
    /// [`ErrorCode::NestedRun`](crate::ErrorCode::NestedRun) and
    /// [`ErrorCode::RuntimeClosed`](crate::ErrorCode::RuntimeClosed).
    pub(crate) fn new(
        scheduler: &Arc<Scheduler>,
        origin: Origin,
        program: Arc<Program>,
        options: RunOptions,
    ) -> Result<Self> {
        refuse_nested()?;
        let waiting = CallerWait::new(options.host_calls.clone());
        let seat = &waiting.seat;
        let is_interruptible = program.is_interruptible(options.limits.fuel.is_some());
        let taker = is_interruptible.then(|| seat.clone() as Arc<dyn SlotTaker>);
        let group = Arc::new(RunGroup {
            origin,
            program,
            options: Arc::new(options),
            client: seat.clone(),
            taker,
        });
        let mut run = Polled {
            group,
            scheduler: scheduler.clone(),
            running: None,
        };
        let slot = match is_interruptible {
            true => scheduler.take_slot(origin)?,
            false => None,
        };
        match slot {
            Some((slot, runtime)) => run.start(slot, runtime),
            None => {
                let queued = QueuedRun::alone(None);
                scheduler.submit([Submission::single(run.group.clone(), queued)]);
            }
        }
        Ok(Self { run, waiting })
    }

    /// Whether it has its slot, and no other thread polls it.
    pub fn is_started(&self) -> bool {
        self.run.running.is_some()
    }

    /// The calls of host functions, if the run makes any.
    pub fn host_calls(&self) -> Option<&Arc<HostCalls>> {
        self.waiting.host_calls()
    }

    /// Polls the run for about `patience` at most, or until it calls a host function. `None` if it has not ended.
    ///
    /// # Errors
    ///
    /// Host faults.
    pub fn wait(&mut self, patience: Duration) -> Result<Option<Outcome>> {
        let Self { waiting, run } = self;
        waiting.wait(patience, |step, context| run.turn(step, context))
    }
}

impl Polled {
    fn start(&mut self, slot: Slot, runtime: Handle) {
        let context = self.scheduler.context(self.group.clone());
        let control = slot.control.clone();
        // Written where it stays, and not copied there: it has some kilobytes.
        let run = Box::write(
            Box::new_uninit(),
            drive(context, QueuedRun::alone(None), control),
        );
        self.running = Some(Running {
            run: Box::into_pin(run),
            runtime,
            _slot: slot,
        });
    }

    fn turn(&mut self, step: Step, context: &mut Context<'_>) -> Poll<Result<Outcome>> {
        match step {
            Step::Poll => {}
            Step::Start(slot) => {
                let runtime = self.scheduler.handle().ok_or_else(closed)?;
                self.start(slot, runtime);
            }
            Step::End(result) => return Poll::Ready(result),
        }
        let Some(running) = &mut self.running else {
            return Poll::Pending;
        };
        let entered = running.runtime.enter();
        let polled = running.run.as_mut().poll(context);
        drop(entered);
        polled.map(|ended| {
            self.running = None;
            ended.result
        })
    }
}

impl Drop for CallerRun {
    fn drop(&mut self) {
        if let Some(calls) = self.host_calls() {
            calls.abandon();
        }
        if let Some(Running {
            run,
            runtime,
            _slot,
        }) = self.run.running.take()
        {
            let _context = runtime.enter();
            drop(run);
            return;
        }
        drop(self.waiting.seat.leave());
    }
}
