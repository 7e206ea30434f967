//! A run on the thread that waits for it.
//!
//! The scheduler gives such a run a slot, and nothing else: the caller polls it. A run whose guest cannot be
//! interrupted is polled by the scheduler like any other, because the calling thread has to look up now and
//! then.

use super::lane::Lane;
use super::run::drive;
use super::run_group::{Ended, Origin, RunGroup};
use super::scheduler::Scheduler;
use super::seat::{Seat, Step};
use super::slot::{Slot, SlotTaker};
use super::submission::{QueuedRun, Submission};
use crate::error::{Error, ErrorCode, Result};
use crate::guest::Outcome;
use crate::host_functions::HostCalls;
use crate::options::RunOptions;
use crate::program::Program;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};
use std::time::{Duration, Instant};

/// A run that is polled while its caller waits for it. Dropped before its end, it is given up.
pub struct CallerRun {
    group: Arc<RunGroup>,
    seat: Arc<Seat>,
    scheduler: Arc<Scheduler>,
    running: Option<Running>,
    host_calls: Option<Arc<HostCalls>>,
}

/// One that has its slot; the slot goes last.
struct Running {
    run: Pin<Box<dyn Future<Output = Ended> + Send>>,
    _slot: Slot,
}

impl CallerRun {
    /// Takes a slot if no earlier run waits for one, and else gets in line.
    ///
    /// # Errors
    ///
    /// [`ErrorCode::NestedRun`] and [`ErrorCode::RuntimeClosed`].
    pub(crate) fn new(
        scheduler: &Arc<Scheduler>,
        origin: Origin,
        program: Arc<Program>,
        options: RunOptions,
    ) -> Result<Self> {
        refuse_nested()?;
        let seat = Arc::<Seat>::default();
        let host_calls = options.host_calls.clone();
        if let Some(calls) = &host_calls {
            calls.take_with(Some(Waker::from(seat.clone())));
        }
        let is_interruptible = program.is_interruptible(options.limits.fuel.is_some());
        let taker = is_interruptible.then(|| seat.clone() as Arc<dyn SlotTaker>);
        let group = Arc::new(RunGroup {
            origin,
            program,
            options: Arc::new(options),
            client: seat.clone(),
            taker,
        });
        let mut this = Self {
            group,
            seat,
            scheduler: scheduler.clone(),
            running: None,
            host_calls,
        };
        let slot = match is_interruptible {
            true => scheduler.take_slot(origin)?,
            false => None,
        };
        match slot {
            Some(slot) => this.start(slot),
            None => {
                let run = QueuedRun::alone(None);
                scheduler.submit([Submission::single(this.group.clone(), run)]);
            }
        }
        Ok(this)
    }

    fn start(&mut self, slot: Slot) {
        let context = self.scheduler.context(self.group.clone());
        let control = slot.control.clone();
        self.running = Some(Running {
            run: Box::pin(drive(context, QueuedRun::alone(None), control)),
            _slot: slot,
        });
    }

    /// Whether it has its slot, and no other thread polls it.
    pub fn is_started(&self) -> bool {
        self.running.is_some()
    }

    /// The calls of host functions, if the run makes any.
    pub fn host_calls(&self) -> Option<&Arc<HostCalls>> {
        self.host_calls.as_ref()
    }

    /// Polls the run for about `patience` at most, or until it calls a host function. `None` if it has not ended.
    ///
    /// # Errors
    ///
    /// Host faults.
    pub fn wait(&mut self, patience: Duration) -> Result<Option<Outcome>> {
        refuse_nested()?;
        let mut deadline = None;
        loop {
            if let Some(running) = &mut self.running {
                let _context = self.scheduler.handle().enter();
                let waker = Waker::from(self.seat.clone());
                if let Poll::Ready(ended) =
                    running.run.as_mut().poll(&mut Context::from_waker(&waker))
                {
                    self.running = None;
                    return ended.result.map(Some);
                }
            }
            if self
                .host_calls
                .as_ref()
                .is_some_and(|calls| calls.is_asked())
            {
                return Ok(None);
            }
            // Not before: most runs end in their first poll.
            let deadline = *deadline.get_or_insert_with(|| Instant::now().checked_add(patience));
            match self.seat.step(deadline) {
                Step::Poll => {}
                Step::Start(slot) => self.start(slot),
                Step::End(result) => return result.map(Some),
                Step::Return => return Ok(None),
            }
        }
    }
}

impl Drop for CallerRun {
    fn drop(&mut self) {
        if let Some(calls) = &self.host_calls {
            calls.abandon();
        }
        if let Some(running) = self.running.take() {
            let _context = self.scheduler.handle().enter();
            drop(running);
            return;
        }
        drop(self.seat.leave());
    }
}

/// Refuses to wait while another run computes on this thread.
pub(super) fn refuse_nested() -> Result<()> {
    if Lane::with(Lane::is_computing) != Some(true) {
        return Ok(());
    }
    Err(Error::new(
        ErrorCode::NestedRun,
        "a run whose end this thread waits for cannot be started inside a host call of another run on \
         this thread; start it without waiting for it, or on another thread",
    ))
}
