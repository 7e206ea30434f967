//! One worker as the pool knows it.

use super::frame::{Frame, Kind};
use crate::transport::{Operation, RunOperation};
use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::Arc;
use std::time::{Duration, Instant};

/// Runs that are sent ahead of those that have started, at the least and at the most.
const LEAST_AHEAD: u64 = 2;
const MOST_AHEAD: u64 = 2048;
/// For so long a worker should not run out of work.
const AHEAD: Duration = Duration::from_millis(4);

/// A program as workers load it.
pub(super) struct PoolProgram {
    pub(super) handle: u64,
    /// What [`super::program::encode`] made.
    pub(super) encoded: Vec<u8>,
}

/// A run that the pool has to get done.
pub(super) struct PoolRun {
    pub(super) operation: RunOperation,
    pub(super) program: Arc<PoolProgram>,
    /// A worker has died with it.
    pub(super) retried: bool,
}

/// One worker process, or the place of one that is being started.
pub(super) struct Member {
    /// By the order in which they were sent.
    going: BTreeMap<u64, PoolRun>,
    order: HashMap<u64, u64>,
    sent: u64,
    /// Those of the sent that have left its queue.
    started: u64,
    ahead: u64,
    seen: Instant,
    programs: HashSet<u64>,
    batches: HashSet<u64>,
    /// Output of batches that it has not been told to be read.
    unread: HashMap<u64, u64>,
    frames: Vec<Frame>,
}

impl Member {
    pub(super) fn new(setup: Vec<u8>) -> Self {
        Self {
            going: BTreeMap::new(),
            order: HashMap::new(),
            sent: 0,
            started: 0,
            ahead: LEAST_AHEAD,
            seen: Instant::now(),
            programs: HashSet::new(),
            batches: HashSet::new(),
            unread: HashMap::new(),
            frames: vec![Frame::new(Kind::Setup, Vec::new(), setup)],
        }
    }

    /// Whether it should get another run now.
    pub(super) fn has_room(&self) -> bool {
        self.unstarted() < self.ahead
    }

    /// Runs that it has, and those of them that have not started.
    pub(super) fn counts(&self) -> (usize, usize) {
        let unstarted = usize::try_from(self.unstarted()).unwrap_or(usize::MAX);
        (self.going.len(), unstarted.min(self.going.len()))
    }

    fn unstarted(&self) -> u64 {
        self.sent.saturating_sub(self.started)
    }

    /// Sends a run, and before it what the worker does not know of it; `open` opens its batch.
    pub(super) fn send(&mut self, run: PoolRun, open: impl FnOnce() -> Operation) {
        if self.programs.insert(run.program.handle) {
            let handle = run.program.handle as f64;
            let encoded = run.program.encoded.clone();
            self.frames
                .push(Frame::new(Kind::Program, vec![handle], encoded));
        }
        let RunOperation { id, batch, .. } = run.operation;
        if batch != 0 && self.batches.insert(batch) {
            self.tell(&open());
        }
        self.tell(&Operation::Run(run.operation.clone()));
        self.sent += 1;
        self.going.insert(self.sent, run);
        self.order.insert(id, self.sent);
    }

    /// Passes an operation on.
    pub(super) fn tell(&mut self, operation: &Operation) {
        if self.frames.last().map(|frame| frame.kind) != Some(Kind::Operations) {
            self.frames
                .push(Frame::new(Kind::Operations, Vec::new(), Vec::new()));
        }
        if let Some(frame) = self.frames.last_mut() {
            operation.write(&mut frame.numbers, &mut frame.bytes);
        }
    }

    pub(super) fn has_run(&self, id: u64) -> bool {
        self.order.contains_key(&id)
    }

    pub(super) fn release(&mut self, handle: u64) {
        if self.programs.remove(&handle) {
            self.tell(&Operation::Release { handle });
        }
    }

    pub(super) fn dispose(&mut self, handle: u64) {
        if self.programs.remove(&handle) {
            self.tell(&Operation::Dispose { handle });
        }
    }

    pub(super) fn abort_batch(&mut self, id: u64) {
        if self.batches.contains(&id) {
            self.tell(&Operation::AbortBatch { id });
        }
    }

    pub(super) fn close_batch(&mut self, id: u64) {
        self.unread.remove(&id);
        if self.batches.remove(&id) {
            self.tell(&Operation::CloseBatch { id });
        }
    }

    pub(super) fn close(&mut self) {
        self.frames
            .push(Frame::new(Kind::Close, Vec::new(), Vec::new()));
    }

    /// A run has ended; none if it is not one of its own.
    pub(super) fn ended(&mut self, id: u64, output: u64) -> Option<PoolRun> {
        let run = self.going.remove(&self.order.remove(&id)?)?;
        if run.operation.batch != 0 && output > 0 {
            *self.unread.entry(run.operation.batch).or_default() += output;
        }
        Some(run)
    }

    /// Tells it that the output of a batch has been read, as far as it has come.
    pub(super) fn batch_read(&mut self, id: u64) {
        if let Some(output) = self.unread.remove(&id) {
            self.tell(&Operation::BatchRead { id, output });
        }
    }

    /// So many runs have left its queue. From now on it gets as many ahead as it starts in [`AHEAD`], or
    /// twice as many as before when it had none left although there were more.
    pub(super) fn progress(&mut self, started: u64, is_more: bool) {
        let now = Instant::now();
        let newly = started.saturating_sub(self.started);
        self.started = self.started.max(started).min(self.sent);
        let time = now
            .duration_since(self.seen)
            .max(Duration::from_micros(100));
        self.seen = now;
        let wanted = newly as f64 * AHEAD.as_secs_f64() / time.as_secs_f64();
        let starved = is_more && self.unstarted() == 0;
        let ahead = match starved {
            true => self.ahead * 2,
            false => self.ahead / 2,
        };
        self.ahead = ahead.max(wanted as u64).clamp(LEAST_AHEAD, MOST_AHEAD);
    }

    pub(super) fn take_frames(&mut self) -> Vec<Frame> {
        std::mem::take(&mut self.frames)
    }

    /// Its runs, in the order in which they were sent.
    pub(super) fn into_runs(self) -> impl DoubleEndedIterator<Item = PoolRun> {
        self.going.into_values()
    }
}
