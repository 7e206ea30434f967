//! A run on the thread that waits for it.
//!
//! The scheduler gives such a run a slot, and nothing else: the one who asked for it polls it. A run whose
//! guest nobody can interrupt is polled by the scheduler as any other, because the thread has to look up
//! now and then.

use crate::error::{Error, ErrorCode, Result};
use crate::job::{Desk, Ended, Listener, Origin, Parcel, QueuedRun, Submission};
use crate::lane::Lane;
use crate::options::RunOptions;
use crate::outcome::Outcome;
use crate::program::Program;
use crate::scheduler::{Scheduler, drive};
use crate::stop::Control;
use std::pin::Pin;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Wake, Waker};
use std::time::{Duration, Instant};

/// A place among the live runs, which is free again when this is dropped.
pub struct Slot {
    scheduler: Arc<Scheduler>,
    key: usize,
    pub(crate) control: Arc<Control>,
}

impl Slot {
    pub(crate) fn new(scheduler: &Arc<Scheduler>, key: usize, control: Arc<Control>) -> Self {
        Self {
            scheduler: scheduler.clone(),
            key,
            control,
        }
    }
}

impl Drop for Slot {
    fn drop(&mut self) {
        // Of no batch, whose output would have to be counted.
        self.scheduler.end(self.key, 0);
    }
}

/// Where the one who waits hears of its run.
pub struct Seat {
    origin: Origin,
    program: Arc<Program>,
    options: RunOptions,
    news: Mutex<SeatNews>,
    changed: Condvar,
}

#[derive(Default)]
struct SeatNews {
    /// The run can go on.
    woken: bool,
    /// It has waited for this in the queue.
    slot: Option<Slot>,
    /// It has ended elsewhere than on this thread, or never started.
    ended: Option<Result<Outcome>>,
    /// Nobody waits any more.
    left: bool,
}

/// What somebody who waits does next.
enum Step {
    Poll,
    Start(Slot),
    End(Result<Outcome>),
    Return,
}

impl Seat {
    /// Hands over the slot, unless nobody waits for it any more.
    pub(crate) fn give(&self, slot: Slot) {
        let mut news = self.lock();
        // Outside of the lock: a slot that nobody takes goes back to the scheduler.
        let refused = match news.left {
            true => Some(slot),
            false => news.slot.replace(slot),
        };
        drop(news);
        self.changed.notify_one();
        drop(refused);
    }

    /// Waits for something to do, up to `deadline`.
    fn step(&self, deadline: Option<Instant>) -> Step {
        let mut news = self.lock();
        loop {
            if let Some(result) = news.ended.take() {
                return Step::End(result);
            }
            if let Some(slot) = news.slot.take() {
                return Step::Start(slot);
            }
            let left = deadline.map(|deadline| deadline.saturating_duration_since(Instant::now()));
            if left == Some(Duration::ZERO) {
                return Step::Return;
            }
            if std::mem::take(&mut news.woken) {
                return Step::Poll;
            }
            news = match left {
                Some(left) => {
                    let waited = self.changed.wait_timeout(news, left);
                    waited.unwrap_or_else(PoisonError::into_inner).0
                }
                None => {
                    let waited = self.changed.wait(news);
                    waited.unwrap_or_else(PoisonError::into_inner)
                }
            };
        }
    }

    fn lock(&self) -> MutexGuard<'_, SeatNews> {
        self.news.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn is_interruptible(&self) -> bool {
        let fuel = self.options.limits.fuel;
        self.program.is_interruptible(fuel.is_some())
    }
}

impl Wake for Seat {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        self.lock().woken = true;
        self.changed.notify_one();
    }
}

impl Parcel for Seat {
    fn origin(&self) -> Origin {
        self.origin
    }

    fn program(&self) -> &Arc<Program> {
        &self.program
    }

    fn options(&self) -> &RunOptions {
        &self.options
    }

    fn ended(&self, runs: &mut Vec<Ended>) {
        self.lock().ended = runs.pop().map(|run| run.result);
        self.changed.notify_one();
    }

    fn listener(&self) -> Option<&Arc<dyn Listener>> {
        None
    }

    fn seat(&self) -> Option<&Seat> {
        self.is_interruptible().then_some(self)
    }
}

/// A run that is polled while its caller waits for it. Dropped before its end, it is given up.
pub struct CallerRun {
    seat: Arc<Seat>,
    scheduler: Arc<Scheduler>,
    running: Option<Running>,
}

/// One that has its slot; the slot goes last.
struct Running {
    run: Pin<Box<dyn Future<Output = Ended> + Send>>,
    _slot: Slot,
}

impl CallerRun {
    /// Asks for a slot, if nobody who came before waits for one now, and else gets in line.
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
        let seat = Arc::new(Seat {
            origin,
            program,
            options,
            news: Mutex::default(),
            changed: Condvar::new(),
        });
        let mut this = Self {
            scheduler: scheduler.clone(),
            running: None,
            seat,
        };
        let slot = match this.seat.is_interruptible() {
            true => scheduler.take_slot(origin)?,
            false => None,
        };
        match slot {
            Some(slot) => this.start(slot),
            None => {
                scheduler.submit([Submission::single(
                    this.seat.clone(),
                    QueuedRun::alone(None),
                )]);
            }
        }
        Ok(this)
    }

    fn start(&mut self, slot: Slot) {
        let desk = Arc::new(Desk {
            scheduler: self.scheduler.clone(),
            parcel: self.seat.clone(),
        });
        self.running = Some(Running {
            run: Box::pin(drive(desk, QueuedRun::alone(None), slot.control.clone())),
            _slot: slot,
        });
    }

    /// Polls the run for as long as it goes on, but not much longer than `patience`; `None` when it does
    /// still.
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
        if let Some(running) = self.running.take() {
            let _context = self.scheduler.handle().enter();
            drop(running);
            return;
        }
        let mut news = self.seat.lock();
        news.left = true;
        let unused = news.slot.take();
        drop(news);
        drop(unused);
    }
}

/// Refuses to wait while another run computes on this thread.
fn refuse_nested() -> Result<()> {
    if Lane::with(Lane::is_computing) != Some(true) {
        return Ok(());
    }
    Err(Error::new(
        ErrorCode::NestedRun,
        "a run whose end this thread waits for cannot be started inside a host call of another run on \
         this thread; start it without waiting for it, or on another thread",
    ))
}
