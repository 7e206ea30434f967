//! One worker as the pool knows it: the runs that it has, and what is to be sent to it.

use super::frame::{Frame, Kind};
use super::ids::{IdMap, IdSet};
use super::run::PoolRun;
use crate::port::{Operation, PipeEvent, RunOperation};
use bytes::Bytes;
use std::time::{Duration, Instant};

/// The least and the most runs that are sent ahead of those that have started.
const LEAST_AHEAD: u64 = 2;
const MOST_AHEAD: u64 = 2048;
/// The time for which a worker should have work ahead: longer than it takes to report ended runs.
const AHEAD: Duration = Duration::from_millis(8);
/// When this number of bytes of output has arrived, the worker is told that they were read.
const TELL_BYTES: u64 = 1 << 20;
/// A worker that has started nothing for this time is asked to return what it has not started.
pub(super) const STALL: Duration = Duration::from_millis(5);
/// A worker that has runs and has started nothing for this time is busy with a run that is not short: it
/// would otherwise have reported more by now.
const QUIET: Duration = Duration::from_millis(3);

/// Where a worker is in its life.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Phase {
    /// The process is being started and has no runs.
    Starting,
    /// The worker takes runs.
    Up,
    /// The socket is closed.
    Gone,
    /// No process can be started for now.
    Failed,
}

/// One worker process, or the place for one.
pub(super) struct Member {
    pub(super) phase: Phase,
    /// Runs that can be in progress in it at a time.
    slots: u64,
    /// The runs that the worker has, by id, each with its number in the order of sending.
    going: IdMap<(u64, PoolRun)>,
    /// The expected time of all these runs.
    work: Duration,
    /// How many of these runs are not known to be short.
    long: usize,
    sent: u64,
    /// How many of the sent runs the worker may have received.
    pub(super) delivered: u64,
    /// How many of the sent runs have left the worker's queue.
    started: u64,
    ahead: u64,
    /// When the worker last started a run, or was given runs while it had none to start.
    progressed: Instant,
    /// The worker was asked to return the runs that it has not started, and has not answered. The runs on their
    /// way back are older than those that wait in the pool, so until they arrive the worker gets only what leaves
    /// room for them.
    recalled: bool,
    /// Frames are on their way to the worker. Until they are written, it gets no runs.
    pub(super) is_sending: bool,
    programs: IdSet,
    batches: IdMap<MemberBatch>,
    /// Runs in the worker that wait for other runs of their batch.
    parked: u64,
    frames: Vec<Outgoing>,
    numbers: Vec<f64>,
    bytes: Vec<u8>,
}

/// A frame on its way to a worker.
pub(super) struct Outgoing {
    pub(super) frame: Frame,
    /// The number of the last run that the worker has once it has received this frame.
    pub(super) sent: u64,
}

/// A batch that a worker knows.
struct MemberBatch {
    /// Runs of the batch that may be in progress in this worker.
    share: u64,
    /// Runs of the batch that the worker has.
    going: u64,
    /// How many of these are not known to end soon.
    slow: u64,
    /// Bytes of output that have arrived and that the worker counts as unread.
    unread: u64,
}

impl MemberBatch {
    /// Whether another run of the batch would wait in the worker until slow ones end. It would do so for ever where
    /// these never end, while later runs of its batch end in other workers.
    fn is_blocked(&self) -> bool {
        self.slow >= self.share
    }

    fn parked(&self) -> u64 {
        self.going.saturating_sub(self.share)
    }
}

impl Member {
    pub(super) fn new(slots: u64, setup: Vec<u8>) -> Self {
        Self {
            phase: Phase::Starting,
            slots,
            going: IdMap::default(),
            work: Duration::ZERO,
            long: 0,
            sent: 0,
            delivered: 0,
            started: 0,
            ahead: LEAST_AHEAD,
            progressed: Instant::now(),
            recalled: false,
            is_sending: false,
            programs: IdSet::default(),
            batches: IdMap::default(),
            parked: 0,
            frames: vec![Outgoing {
                frame: Frame::new(Kind::Setup, Vec::new(), setup),
                sent: 0,
            }],
            numbers: Vec::new(),
            bytes: Vec::new(),
        }
    }

    /// Whether the worker should get another run now. `batch` is the run's batch and the worker's share in it.
    pub(super) fn has_room(&self, batch: Option<(u64, u64)>) -> bool {
        match batch {
            Some((id, share)) if self.batch_load(id) >= share => {
                !self.batches.get(&id).is_none_or(MemberBatch::is_blocked)
                    && self.batch_load(id) < share + self.ahead
            }
            _ if self.has_free_slot() => self.waiting() < self.ahead.max(1),
            // Behind slow runs it would wait here, although a slot may become free elsewhere first.
            _ => self.waiting() < self.ahead.saturating_sub(LEAST_AHEAD),
        }
    }

    /// Whether the worker should get another short run although others are idle: it has less than `worth` of
    /// work.
    pub(super) fn has_room_for_short(&self, batch: Option<(u64, u64)>, worth: Duration) -> bool {
        self.may_run(batch) && (self.has_none() || self.ahead > 0 && self.work < worth)
    }

    /// Whether the worker may have a run of this batch, or outside of a batch, in progress at all.
    pub(super) fn may_run(&self, batch: Option<(u64, u64)>) -> bool {
        match batch {
            Some((_, share)) => share > 0,
            None => self.has_free_slot(),
        }
    }

    /// Whether the worker can be given runs now.
    pub(super) fn takes_runs(&self) -> bool {
        self.phase == Phase::Up && !self.is_sending
    }

    /// Whether the worker has no runs.
    pub(super) fn has_none(&self) -> bool {
        self.going.is_empty()
    }

    /// Whether the worker is at work on short runs, as far as the pool can see.
    pub(super) fn is_lively(&self, now: Instant) -> bool {
        let is_quiet = || now.saturating_duration_since(self.progressed) >= QUIET;
        !self.has_none() && self.long == 0 && !is_quiet()
    }

    /// Whether there is something to send to the worker.
    pub(super) fn has_something_to_send(&self) -> bool {
        !(self.is_sending || self.frames.is_empty() && self.numbers.is_empty())
    }

    /// Whether another run could start in the worker at once.
    pub(super) fn starts_at_once(&self, batch: Option<(u64, u64)>) -> bool {
        self.has_free_slot() && self.has_seat(batch)
    }

    /// Whether the worker, once it takes runs, could start another run before one of its batch ends there; outside of a
    /// batch, before any run ends there.
    pub(super) fn has_seat(&self, batch: Option<(u64, u64)>) -> bool {
        match batch {
            Some((id, share)) => self.batch_load(id) < share,
            None => self.has_free_slot(),
        }
    }

    fn batch_load(&self, id: u64) -> u64 {
        self.batches.get(&id).map_or(0, |batch| batch.going)
    }

    fn has_free_slot(&self) -> bool {
        (self.going.len() as u64).saturating_sub(self.parked) < self.slots
    }

    /// Runs that have not started, except those that wait for other runs of their batch.
    fn waiting(&self) -> u64 {
        self.unstarted().saturating_sub(self.parked)
    }

    pub(super) fn unstarted(&self) -> u64 {
        self.sent.saturating_sub(self.started)
    }

    /// How many runs the worker has.
    pub(super) fn load(&self) -> usize {
        self.going.len()
    }

    /// How many runs the worker has, and how many of them have not started.
    pub(super) fn counts(&self) -> (usize, usize) {
        let unstarted = usize::try_from(self.unstarted()).unwrap_or(usize::MAX);
        (self.going.len(), unstarted.min(self.going.len()))
    }

    /// Whether the worker could do more than it was given.
    pub(super) fn is_idle(&self) -> bool {
        self.phase == Phase::Up && self.ahead > 0 && self.waiting() == 0 && self.has_free_slot()
    }

    /// Whether the worker has runs not yet started that `other` could start at once, with its shares in their
    /// batches.
    pub(super) fn could_give_to(&self, other: &Self, share: impl Fn(u64) -> u64) -> bool {
        let could_go = |(id, batch): (&u64, &MemberBatch)| {
            batch.parked() > 0 && other.batch_load(*id) < share(*id)
        };
        self.phase == Phase::Up
            && !self.recalled
            && self.unstarted() > 0
            && (self.waiting() > 0 || self.batches.iter().any(could_go))
    }

    /// Whether the worker has started nothing for a while. Only for workers with unstarted runs.
    pub(super) fn is_stalled(&self) -> bool {
        self.progressed.elapsed() >= STALL
    }

    /// Whether unstarted runs of a batch may wait in the worker.
    pub(super) fn may_hold_back(&self, batch: u64) -> bool {
        self.unstarted() > 0 && self.batch_load(batch) > 0
    }

    /// Asks the worker to return the runs that it has not started.
    pub(super) fn recall(&mut self) {
        if std::mem::replace(&mut self.recalled, true) {
            return;
        }
        // Until the worker answers, it gets only what it can start at once.
        self.ahead = 0;
        self.push_operation(&Operation::Recall);
    }

    /// Records that the worker has answered. It can take runs ahead again.
    pub(super) fn recalled(&mut self) {
        self.recalled = false;
        self.ahead = LEAST_AHEAD;
    }

    /// Sends a run, and before it the program and the batch, unless the worker knows them. `open` returns the
    /// worker's share in the batch and the operation that opens it.
    pub(super) fn send(
        &mut self,
        run: PoolRun,
        now: Instant,
        open: impl FnOnce() -> (u64, Operation),
    ) {
        let handle = run.program.handle;
        if self.programs.insert(handle) {
            let encoded = run.program.encoded.clone();
            self.push(Frame::new(Kind::Program, vec![handle as f64], encoded));
        }
        let (id, batch) = (run.operation.id, run.operation.batch);
        if batch != 0 {
            if !self.batches.contains_key(&batch) {
                let (share, open) = open();
                self.push_operation(&open);
                let opened = MemberBatch {
                    share,
                    going: 0,
                    slow: 0,
                    unread: 0,
                };
                self.batches.insert(batch, opened);
            }
            let slow = u64::from(run.time >= AHEAD);
            self.with_batch(batch, |batch| {
                batch.going += 1;
                batch.slow += slow;
            });
        }
        self.push_operation(&Operation::Run(run.operation.clone()));
        for stream in &run.closed {
            let event = PipeEvent::Closed(*stream);
            self.push_operation(&Operation::Pipe { id, event });
        }
        if self.unstarted() == 0 {
            self.progressed = now;
        }
        self.sent += 1;
        self.work += run.time;
        self.long += usize::from(run.is_long());
        self.going.insert(id, (self.sent, run));
    }

    fn with_batch(&mut self, id: u64, change: impl FnOnce(&mut MemberBatch)) {
        if let Some(batch) = self.batches.get_mut(&id) {
            self.parked -= batch.parked();
            change(batch);
            self.parked += batch.parked();
        }
    }

    /// Adds an operation to what is to be sent.
    pub(super) fn push_operation(&mut self, operation: &Operation) {
        operation.write(&mut self.numbers, &mut self.bytes);
    }

    /// Adds a frame, after all operations so far.
    fn push(&mut self, frame: Frame) {
        self.close_operations();
        let sent = self.sent;
        self.frames.push(Outgoing { frame, sent });
    }

    fn close_operations(&mut self) {
        if !self.numbers.is_empty() {
            let numbers = std::mem::take(&mut self.numbers);
            let bytes = std::mem::take(&mut self.bytes);
            let frame = Frame::new(Kind::Operations, numbers, bytes);
            let sent = self.sent;
            self.frames.push(Outgoing { frame, sent });
        }
    }

    /// Takes all frames that are to be sent, in order.
    pub(super) fn take_frames(&mut self) -> Vec<Outgoing> {
        self.close_operations();
        std::mem::take(&mut self.frames)
    }

    pub(super) fn run(&self, id: u64) -> Option<&PoolRun> {
        self.going.get(&id).map(|(_, run)| run)
    }

    pub(super) fn run_mut(&mut self, id: u64) -> Option<&mut PoolRun> {
        self.going.get_mut(&id).map(|(_, run)| run)
    }

    /// Aborts a run; returns whether this worker has it.
    pub(super) fn abort(&mut self, id: u64) -> bool {
        let Some(run) = self.run_mut(id) else {
            return false;
        };
        run.aborted = true;
        self.push_operation(&Operation::Abort { id });
        true
    }

    pub(super) fn release(&mut self, handle: u64) {
        if self.programs.remove(&handle) {
            self.push_operation(&Operation::Release { handle });
        }
    }

    pub(super) fn dispose(&mut self, handle: u64) {
        self.mark_aborted(|run| run.handle == handle);
        if self.programs.remove(&handle) {
            self.push_operation(&Operation::Dispose { handle });
        }
    }

    pub(super) fn abort_batch(&mut self, id: u64) {
        self.mark_aborted(|run| run.batch == id);
        if self.batches.contains_key(&id) {
            self.push_operation(&Operation::AbortBatch { id });
        }
    }

    fn mark_aborted(&mut self, which: impl Fn(&RunOperation) -> bool) {
        for (_, run) in self.going.values_mut() {
            run.aborted |= which(&run.operation);
        }
    }

    pub(super) fn close_batch(&mut self, id: u64) {
        if let Some(batch) = self.batches.remove(&id) {
            self.parked -= batch.parked();
            self.push_operation(&Operation::CloseBatch { id });
        }
    }

    pub(super) fn close(&mut self) {
        self.push(Frame::new(Kind::Close, Vec::new(), Bytes::new()));
    }

    /// Removes a run that has ended with `output` bytes, or that was returned.
    pub(super) fn take(&mut self, id: u64, output: u64) -> Option<PoolRun> {
        let (_, run) = self.going.remove(&id)?;
        self.work = self.work.saturating_sub(run.time);
        self.long -= usize::from(run.is_long());
        let id = run.operation.batch;
        let slow = u64::from(run.time >= AHEAD);
        let mut unread = 0;
        self.with_batch(id, |batch| {
            batch.going -= 1;
            batch.slow -= slow;
            batch.unread += output;
            if batch.unread >= TELL_BYTES {
                unread = std::mem::take(&mut batch.unread);
            }
        });
        if unread > 0 {
            // The pool itself counts what the submitter has not read.
            self.push_operation(&Operation::BatchRead { id, output: unread });
        }
        Some(run)
    }

    /// Records how many runs have left the worker's queue, and how many of those were returned. From now on the
    /// worker gets as many runs ahead as it starts in [`AHEAD`], or twice as many as before if it had none left
    /// although the pool had more.
    pub(super) fn progress(&mut self, started: u64, returned: u64, is_more: bool) {
        let newly = started
            .min(self.sent)
            .saturating_sub(self.started)
            .saturating_sub(returned);
        self.started = self.started.max(started).min(self.sent);
        if newly == 0 {
            return;
        }
        let now = Instant::now();
        let time = now
            .duration_since(self.progressed)
            .max(Duration::from_micros(100));
        self.progressed = now;
        if self.recalled {
            return;
        }
        let wanted = newly as f64 * AHEAD.as_secs_f64() / time.as_secs_f64();
        let starved = is_more && self.waiting() == 0 && self.has_free_slot();
        let ahead = match starved {
            true => self.ahead * 2,
            false => self.ahead / 2,
        };
        self.ahead = ahead.max(wanted as u64).clamp(LEAST_AHEAD, MOST_AHEAD);
    }

    /// The worker's runs in the order of sending, and for each whether the worker may have received it.
    pub(super) fn into_runs(self) -> impl Iterator<Item = (PoolRun, bool)> {
        let delivered = self.delivered;
        let mut runs: Vec<_> = self.going.into_values().collect();
        runs.sort_unstable_by_key(|(order, _)| *order);
        { runs.into_iter() }.map(move |(order, run)| (run, order <= delivered))
    }
}
