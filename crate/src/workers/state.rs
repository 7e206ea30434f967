//! What a pool knows, and what it decides: which worker gets which run, and what becomes of runs.

use super::frame::Frame;
use super::member::{Member, Outgoing, Phase, PoolProgram, PoolRun};
use super::queue::{Queue, Turn};
use crate::batch::MAX_UNREAD;
use crate::error::{Error, ErrorCode, Result};
use crate::scheduler::Counts;
use crate::transport::{Delivery, Operation, Record, RecordKind, RunOperation};
use bytes::Bytes;
use std::cell::Cell;
use std::collections::{HashMap, HashSet};
use std::process::Child;
use std::sync::Arc;
use std::sync::mpsc::SyncSender;

/// Ids from here on are not the submitter's: those of runs that a thread waits for.
const OWN_IDS: u64 = 1 << 52;

pub(super) struct State {
    pub(super) queue: Queue,
    pub(super) members: Vec<Member>,
    /// Processes that have not ended.
    pub(super) children: Vec<Option<Child>>,
    batches: HashMap<u64, PoolBatch>,
    programs: HashMap<u64, Arc<PoolProgram>>,
    /// Programs that nobody can name any more, for as long as runs of them wait or go on.
    released: Vec<Arc<PoolProgram>>,
    /// Runs that threads wait for.
    pub(super) waiting: HashMap<u64, SyncSender<Delivery>>,
    last_id: u64,
    /// Runs that ever came into the queue.
    queued: u64,
    pub(super) finished: u64,
    /// Places of workers that are looked after.
    pub(super) alive: usize,
    pub(super) closed: bool,
    /// Workers were told something in passing.
    has_recalled: bool,
    /// Why no worker can be had, where that is so for all of them.
    broken: Option<Error>,
}

struct PoolBatch {
    concurrency: usize,
    options: Bytes,
    /// Bytes of output that the submitter has not read. While they are too many, runs wait here.
    unread: u64,
    /// The number of the last run, by the order in which they came, that has ended.
    newest: u64,
    /// A run that was sent all the same, because one that came after it has ended.
    straggler: Option<u64>,
}

impl PoolBatch {
    fn is_held_back(&self) -> bool {
        self.unread >= MAX_UNREAD
    }

    /// Whether a run may be sent. The submitter may wait for this one before it reads those that have
    /// ended, so the oldest can always go on, as it could if they had started in their order.
    fn admits(&self, run: u64) -> bool {
        !self.is_held_back() || self.straggler.is_none() && run < self.newest
    }

    /// One of its runs is no longer with a worker.
    fn back(&mut self, run: u64) {
        if self.straggler == Some(run) {
            self.straggler = None;
        }
    }

    /// How many of its runs may go on in one of so many workers.
    fn share(&self, member: usize, members: usize) -> u64 {
        let extra = usize::from(member < self.concurrency % members);
        (self.concurrency / members + extra) as u64
    }
}

/// What has to be told when the lock is free.
#[derive(Default)]
pub(super) struct Told {
    pub(super) aborted: Vec<u64>,
    pub(super) faults: Vec<(u64, Error)>,
}

impl Told {
    pub(super) fn is_empty(&self) -> bool {
        self.aborted.is_empty() && self.faults.is_empty()
    }

    fn abort(&mut self, runs: Vec<PoolRun>) {
        self.aborted
            .extend(runs.into_iter().map(|run| run.operation.id));
    }
}

impl State {
    pub(super) fn new(members: Vec<Member>) -> Self {
        Self {
            queue: Queue::default(),
            children: members.iter().map(|_| None).collect(),
            alive: members.len(),
            members,
            batches: HashMap::new(),
            programs: HashMap::new(),
            released: Vec::new(),
            waiting: HashMap::new(),
            last_id: OWN_IDS,
            queued: 0,
            finished: 0,
            closed: false,
            has_recalled: false,
            broken: None,
        }
    }

    pub(super) fn counts(&self) -> Counts {
        let mut counts = Counts {
            queued: self.queue.len(),
            running: 0,
            finished: self.finished,
        };
        for (all, unstarted) in self.members.iter().map(Member::counts) {
            counts.queued += unstarted;
            counts.running += all - unstarted;
        }
        counts
    }

    pub(super) fn add_program(&mut self, handle: u64, encoded: Bytes) {
        let program = Arc::new(PoolProgram { handle, encoded });
        self.programs.insert(handle, program);
    }

    /// The id of a run whose answer goes to `sender`.
    pub(super) fn await_answer(&mut self, sender: SyncSender<Delivery>) -> u64 {
        self.last_id += 1;
        self.waiting.insert(self.last_id, sender);
        self.last_id
    }

    /// Carries out operations in their order, up to the first that is none.
    pub(super) fn carry_out(
        &mut self,
        mut operations: impl Iterator<Item = Result<Operation>>,
        told: &mut Told,
    ) -> Result<()> {
        // Looked for in the queue all at once.
        let mut aborts = HashSet::new();
        let result = operations.try_for_each(|operation| match operation? {
            Operation::Abort { id } => {
                if !self.members.iter_mut().any(|member| member.abort(id)) {
                    aborts.insert(id);
                }
                Ok(())
            }
            operation => self.carry_out_one(operation, told),
        });
        if !aborts.is_empty() {
            told.abort(self.queue.remove(|run| aborts.contains(&run.id)));
        }
        result
    }

    fn carry_out_one(&mut self, operation: Operation, told: &mut Told) -> Result<()> {
        match operation {
            Operation::Run(run) => self.queue_run(run, told)?,
            Operation::Pipe { id, .. } => {
                let mut members = self.members.iter_mut();
                if let Some(member) = members.find(|member| member.run(id).is_some()) {
                    member.tell(&operation);
                }
            }
            Operation::Release { handle } => self.released.extend(self.programs.remove(&handle)),
            Operation::Dispose { handle } => {
                self.released.extend(self.programs.remove(&handle));
                told.abort(self.queue.remove(|run| run.handle == handle));
                let dispose = |member: &mut Member| member.dispose(handle);
                self.members.iter_mut().for_each(dispose);
            }
            Operation::OpenBatch {
                id,
                concurrency,
                options,
            } => {
                let batch = PoolBatch {
                    concurrency,
                    options,
                    unread: 0,
                    newest: 0,
                    straggler: None,
                };
                self.batches.insert(id, batch);
            }
            Operation::AbortBatch { id } => {
                told.abort(self.queue.remove(|run| run.batch == id));
                let abort = |member: &mut Member| member.abort_batch(id);
                self.members.iter_mut().for_each(abort);
            }
            Operation::BatchRead { id, output } => {
                if let Some(batch) = self.batches.get_mut(&id) {
                    batch.unread = batch.unread.saturating_sub(output);
                }
            }
            Operation::CloseBatch { id } => {
                self.batches.remove(&id);
                let close = |member: &mut Member| member.close_batch(id);
                self.members.iter_mut().for_each(close);
            }
            Operation::Abort { .. } | Operation::Recall => {
                return Err(Error::internal("an operation that is not for a pool"));
            }
        }
        Ok(())
    }

    fn queue_run(&mut self, operation: RunOperation, told: &mut Told) -> Result<()> {
        let closed = || self.closed.then(crate::error::closed);
        if let Some(error) = self.broken.clone().or_else(closed) {
            told.faults.push((operation.id, error));
            return Ok(());
        }
        let Some(program) = self.programs.get(&operation.handle).cloned() else {
            return Err(Error::internal("a run of an unknown program"));
        };
        if operation.batch != 0 && !self.batches.contains_key(&operation.batch) {
            return Err(Error::internal("an unknown batch"));
        }
        self.queued += 1;
        self.queue.add(PoolRun {
            number: self.queued,
            operation,
            program,
            retried: false,
            aborted: false,
        });
        Ok(())
    }

    /// Refuses new runs and gives up those that wait.
    pub(super) fn close(&mut self, told: &mut Told) {
        self.closed = true;
        told.abort(self.queue.remove(|_| true));
        self.members.iter_mut().for_each(Member::close);
    }

    /// What there is to send to a worker, with as many runs as it has room for; and whether others
    /// should look whether there is something for them now.
    pub(super) fn next_frames(&mut self, index: usize) -> (Vec<Outgoing>, bool) {
        let has_taken = self.members[index].phase == Phase::Up && self.give_runs(index);
        self.forget_released();
        let member = &mut self.members[index];
        let frames = member.take_frames();
        member.is_sending = !frames.is_empty();
        let is_for_others = has_taken
            && !self.queue.is_empty()
            && self.members.iter().any(|member| member.has_deferred);
        (frames, is_for_others)
    }

    /// Answers whether there were any.
    fn give_runs(&mut self, index: usize) -> bool {
        let up = self.members.iter().filter(|m| m.phase == Phase::Up).count();
        let mut queue = std::mem::take(&mut self.queue);
        let mut others = HashMap::new();
        let mut has_taken = false;
        self.members[index].has_deferred = false;
        // The others want some, too.
        for _ in 0..queue.len().div_ceil(up) {
            let member = &self.members[index];
            let has_deferred = Cell::new(false);
            let taken = queue.take(
                |Turn {
                     batch,
                     length,
                     first,
                 }| {
                    let is_admitted = |batch: &PoolBatch| batch.admits(first);
                    if !self.batches.get(&batch).is_none_or(is_admitted)
                        || !self.has_room_for(index, batch)
                    {
                        return false;
                    }
                    let others = others.entry(batch);
                    let others = others.or_insert_with(|| self.others(index, batch));
                    let starts_at_once = member.starts_at_once(self.with_share(index, batch));
                    let is_mine = others.leave_to(member.load(), starts_at_once, length);
                    has_deferred.set(has_deferred.get() || !is_mine);
                    is_mine
                },
            );
            let member = &mut self.members[index];
            member.has_deferred |= has_deferred.get();
            let Some(run) = taken else {
                break;
            };
            has_taken = true;
            let id = run.operation.batch;
            let share = self.share(index, id);
            let batch = self.batches.get_mut(&id);
            let options = batch.map(|batch| {
                if batch.is_held_back() {
                    batch.straggler = Some(run.number);
                }
                batch.options.clone()
            });
            let open = || {
                let open = Operation::OpenBatch {
                    id,
                    concurrency: usize::try_from(share).unwrap_or(usize::MAX),
                    options: options.unwrap_or_default(),
                };
                (share, open)
            };
            self.members[index].send(run, open);
        }
        self.queue = queue;
        has_taken
    }

    /// The workers that could take runs of a batch now, besides one.
    fn others(&self, index: usize, batch: u64) -> Others {
        let mut others = Others::default();
        for (other, member) in self.members.iter().enumerate() {
            let with_share = self.with_share(other, batch);
            let is_ready = match member.phase {
                // It will be.
                Phase::Starting => true,
                Phase::Up => !member.is_sending,
                Phase::Gone | Phase::Failed => false,
            };
            if other != index && is_ready && self.has_room_for(other, batch) {
                others.with_room.add(member.load());
                if member.starts_at_once(with_share) {
                    others.with_slot.add(member.load());
                }
            }
        }
        others
    }

    /// A batch with the share that a worker has in it; none for 0, which is none.
    fn with_share(&self, index: usize, batch: u64) -> Option<(u64, u64)> {
        (batch != 0).then(|| (batch, self.share(index, batch)))
    }

    /// Whether a worker has room for a run of this batch, or with 0 of none.
    fn has_room_for(&self, index: usize, batch: u64) -> bool {
        self.members[index].has_room(self.with_share(index, batch))
    }

    /// How many runs of a batch may go on in a worker.
    fn share(&self, index: usize, batch: u64) -> u64 {
        let Some(batch) = self.batches.get(&batch) else {
            return 0;
        };
        let members = self.members.len();
        let share = batch.share(index, members);
        // Somebody has to run it when those cannot be had who should.
        let shares_are_lost =
            || (0..batch.concurrency).all(|other| self.members[other].phase == Phase::Failed);
        match share == 0 && shares_are_lost() {
            true => 1,
            false => share,
        }
    }

    /// Has workers forget programs that nobody can name and of which no run is left.
    fn forget_released(&mut self) {
        let members = &mut self.members;
        self.released.retain(|program| {
            let is_needed = Arc::strong_count(program) > 1;
            if !is_needed {
                let release = |member: &mut Member| member.release(program.handle);
                members.iter_mut().for_each(release);
            }
            is_needed
        });
    }

    /// The workers that have not started what an idle one could.
    fn overloaded(&self, index: usize) -> impl Iterator<Item = usize> {
        let idle = &self.members[index];
        let others = 0..if idle.is_idle() {
            self.members.len()
        } else {
            0
        };
        others.filter(move |&other| {
            let share = |batch| self.share(index, batch);
            other != index && self.members[other].could_give_to(idle, share)
        })
    }

    /// All frames have gone; answers whether the worker has nothing to do that another could give it.
    pub(super) fn could_help(&mut self, index: usize) -> bool {
        self.members[index].is_sending = false;
        self.overloaded(index).next().is_some()
    }

    /// Asks those that stand still to give back what they have not started.
    pub(super) fn recall_for(&mut self, index: usize) {
        let overloaded: Vec<_> = self.overloaded(index).collect();
        for other in overloaded {
            let member = &mut self.members[other];
            if member.stands_still() {
                member.recall();
            }
        }
    }

    /// Takes in what a worker says, up to the first thing that one of ours would not say.
    pub(super) fn arrived(&mut self, index: usize, frame: Frame) -> Arrived {
        let mut arrived = Arrived::default();
        let Ok(records) = Record::all(&frame.numbers, &frame.bytes) else {
            arrived.is_damaged = true;
            return arrived;
        };
        let mut returned = Vec::new();
        // Mostly all of it is for the submitter, as it came.
        let mut others = None;
        for (at, record) in records.iter().enumerate() {
            let is_for_submitter = match self.accept(index, record) {
                Some(Accepted::ForSubmitter) => true,
                Some(Accepted::ForThread(sender)) => {
                    arrived.answers.push((sender, record.alone()));
                    false
                }
                Some(Accepted::Returned(run)) => {
                    returned.push(run);
                    false
                }
                None => {
                    arrived.is_damaged = true;
                    false
                }
            };
            if !is_for_submitter && others.is_none() {
                let mut before = Delivery::default();
                records[..at].iter().for_each(|r| r.append_to(&mut before));
                others = Some(before);
            } else if let (true, Some(others)) = (is_for_submitter, &mut others) {
                record.append_to(others);
            }
            if arrived.is_damaged {
                break;
            }
        }
        arrived.delivery = others.unwrap_or_else(|| Delivery {
            records: frame.numbers,
            bytes: frame.bytes.into(),
        });
        arrived.is_for_others = !returned.is_empty() | std::mem::take(&mut self.has_recalled);
        let returns = returned.len() as u64;
        for run in returned {
            match run.aborted || self.closed {
                true => arrived.told.aborted.push(run.operation.id),
                false => self.queue.add(run),
            }
        }
        let is_more = !self.queue.is_empty();
        let member = &mut self.members[index];
        member.progress(frame.started, returns, is_more);
        if member.phase == Phase::Starting {
            member.phase = Phase::Up;
        }
        arrived
    }

    /// None for a record that does not speak of a run which the worker has.
    fn accept(&mut self, index: usize, record: &Record<'_>) -> Option<Accepted> {
        let member = &mut self.members[index];
        match record.kind {
            RecordKind::Piped => {
                let run = member.run(record.id)?;
                run.operation.piped.then_some(Accepted::ForSubmitter)
            }
            RecordKind::Returned => {
                let run = member.take(record.id, 0)?;
                if let Some(batch) = self.batches.get_mut(&run.operation.batch) {
                    batch.back(run.number);
                }
                Some(Accepted::Returned(run))
            }
            RecordKind::End => {
                let run = member.take(record.id, record.output())?;
                self.finished += 1;
                self.count_end(&run, record.output());
                Some(match self.waiting.remove(&record.id) {
                    Some(sender) => Accepted::ForThread(sender),
                    None => Accepted::ForSubmitter,
                })
            }
        }
    }

    /// A run has ended with so much output. Where that is too much for its batch, those of it that have
    /// not started come back.
    fn count_end(&mut self, run: &PoolRun, output: u64) {
        let id = run.operation.batch;
        let Some(batch) = self.batches.get_mut(&id) else {
            return;
        };
        let was_held_back = batch.is_held_back();
        batch.unread += output;
        batch.newest = batch.newest.max(run.number);
        batch.back(run.number);
        if !was_held_back && batch.is_held_back() {
            let members = self.members.iter_mut();
            members
                .filter(|m| m.may_hold_back(id))
                .for_each(Member::recall);
        }
    }

    /// Whether there is nothing for which a worker would have to be started.
    pub(super) fn is_bored(&self) -> bool {
        self.queue.is_empty() && !self.closed
    }

    /// A worker's socket is closed: it gets nothing more.
    pub(super) fn leave(&mut self, index: usize) {
        self.members[index].phase = Phase::Gone;
    }

    /// After the end of a worker: its runs are run again, or are told to have failed.
    pub(super) fn bury(&mut self, index: usize, fresh: Member, retry: bool, status: &str) -> Told {
        let mut told = Told::default();
        let dead = std::mem::replace(&mut self.members[index], fresh);
        for (mut run, was_delivered) in dead.into_runs() {
            let id = run.operation.id;
            if let Some(batch) = self.batches.get_mut(&run.operation.batch) {
                batch.back(run.number);
            }
            if self.closed || run.aborted {
                told.aborted.push(id);
            } else if !was_delivered {
                self.queue.add(run);
            } else if retry && !run.retried && !run.operation.piped {
                run.retried = true;
                self.queue.add(run);
            } else {
                let message = format!("the worker process that had this run died ({status})");
                let error = Error::new(ErrorCode::WorkerDied, message);
                told.faults.push((id, error));
            }
        }
        told
    }

    /// No process can be had for a place. When none can be had at all, all that wait fail, and all that
    /// come.
    pub(super) fn fail(&mut self, index: usize, error: &Error) -> Told {
        self.members[index].phase = Phase::Failed;
        let mut told = Told::default();
        if self.members.iter().all(|m| m.phase == Phase::Failed) {
            self.broken = Some(error.clone());
            let runs = self.queue.remove(|_| true).into_iter();
            told.faults = runs.map(|run| (run.operation.id, error.clone())).collect();
        }
        told
    }

    /// A place whose worker could not be had may try again.
    pub(super) fn recover(&mut self, index: usize) {
        self.members[index].phase = Phase::Starting;
        self.broken = None;
    }

    pub(super) fn kill(&mut self, index: usize) {
        if let Some(child) = &mut self.children[index] {
            // It may have ended by itself.
            let _ = child.kill();
        }
    }

    pub(super) fn kill_all(&mut self) {
        (0..self.children.len()).for_each(|index| self.kill(index));
    }
}

/// Workers that could take runs of a line now, besides one that looks at it.
#[derive(Default)]
struct Others {
    with_room: Workers,
    /// Those of them that have a slot for the next run.
    with_slot: Workers,
}

#[derive(Default)]
struct Workers {
    count: usize,
    /// Runs that they have.
    load: usize,
}

impl Workers {
    fn add(&mut self, load: usize) {
        self.count += 1;
        self.load += load;
    }
}

impl Others {
    /// Whether they leave the next run to one with so many: when it has no more than its part of them
    /// all and of the line, and a slot if any of them has one. Of those that this compares, the one with
    /// the fewest runs always gets it.
    fn leave_to(&self, load: usize, has_slot: bool, line: usize) -> bool {
        let others = match has_slot {
            true => &self.with_slot,
            false if self.with_slot.count > 0 => return false,
            false => &self.with_room,
        };
        load < (load + others.load + line).div_ceil(others.count + 1)
    }
}

/// Who a record is for.
enum Accepted {
    ForSubmitter,
    ForThread(SyncSender<Delivery>),
    /// The pool itself: the run has to be sent again.
    Returned(PoolRun),
}

/// What has to be done with a delivery when the lock is free.
#[derive(Default)]
pub(super) struct Arrived {
    pub(super) delivery: Delivery,
    pub(super) answers: Vec<(SyncSender<Delivery>, Delivery)>,
    pub(super) told: Told,
    /// There is something for other workers.
    pub(super) is_for_others: bool,
    /// The worker is not to be trusted any more.
    pub(super) is_damaged: bool,
}
