//! The state of a pool: its workers, its queue, and what becomes of runs.

use super::batch::PoolBatch;
use super::ids::{IdMap, IdSet};
use super::member::{Member, Phase};
use super::queue::PoolQueue;
use super::run::{PoolProgram, PoolRun};
use crate::error::{Error, ErrorCode, Result};
use crate::port::{Delivery, GuestAccess, Operation, PipeEvent, RunOperation};
use crate::schedule::Counts;
use crate::stdio::OutputStreamKind;
use bytes::Bytes;
use std::process::Child;
use std::sync::Arc;
use std::sync::mpsc::Sender;

/// Ids from here on are of runs that a thread waits for. The submitter does not use such ids.
const OWN_IDS: u64 = 1 << 52;

pub(super) struct PoolState {
    pub(super) queue: PoolQueue,
    pub(super) members: Vec<Member>,
    /// Processes that have not ended.
    pub(super) children: Vec<Option<Child>>,
    pub(super) batches: IdMap<PoolBatch>,
    programs: IdMap<Arc<PoolProgram>>,
    /// Programs that the submitter has released, while runs of them wait or are in progress.
    released: Vec<Arc<PoolProgram>>,
    /// The threads that wait for runs, by the ids of the runs.
    pub(super) waiting: IdMap<Sender<Delivery>>,
    /// The threads that wait for the memory of guests: each access with its worker, by its number.
    accesses: IdMap<(usize, Sender<Delivery>)>,
    last_id: u64,
    /// The number of runs that were ever queued.
    queued: u64,
    pub(super) finished: u64,
    /// The number of supervisors that have not ended.
    pub(super) alive: usize,
    pub(super) closed: bool,
    /// Whether a task checks for stalled workers now.
    pub(super) is_watched: bool,
    /// The most workers that can compute at a time.
    pub(super) cores: usize,
    /// Why no worker at all can be started, if that is so.
    broken: Option<Error>,
}

/// Ends of runs, to be recorded when the lock is free.
#[derive(Default)]
pub(super) struct PoolDeferred {
    pub(super) aborted: Vec<u64>,
    pub(super) faults: Vec<(u64, Error)>,
}

impl PoolDeferred {
    pub(super) fn is_empty(&self) -> bool {
        self.aborted.is_empty() && self.faults.is_empty()
    }

    fn abort(&mut self, runs: Vec<PoolRun>) {
        self.aborted
            .extend(runs.into_iter().map(|run| run.operation.id));
    }
}

impl PoolState {
    pub(super) fn new(members: Vec<Member>) -> Self {
        Self {
            queue: PoolQueue::default(),
            children: members.iter().map(|_| None).collect(),
            alive: members.len(),
            members,
            batches: IdMap::default(),
            programs: IdMap::default(),
            released: Vec::new(),
            waiting: IdMap::default(),
            accesses: IdMap::default(),
            last_id: OWN_IDS,
            queued: 0,
            finished: 0,
            closed: false,
            is_watched: false,
            cores: std::thread::available_parallelism().map_or(1, usize::from),
            broken: None,
        }
    }

    pub(super) fn counts(&self) -> Counts {
        let mut counts = Counts {
            queued: self.queue.len(),
            running: 0,
            finished: self.finished,
            instances: 0,
        };
        for (all, unstarted) in self.members.iter().map(Member::counts) {
            counts.queued += unstarted;
            counts.running += all - unstarted;
        }
        counts
    }

    pub(super) fn add_program(&mut self, handle: u64, encoded: Bytes) {
        let program = Arc::new(PoolProgram::new(handle, encoded));
        self.programs.insert(handle, program);
    }

    /// A new id for a run whose end goes to `sender`.
    pub(super) fn await_answer(&mut self, sender: Sender<Delivery>) -> u64 {
        self.last_id += 1;
        self.waiting.insert(self.last_id, sender);
        self.last_id
    }

    /// Asks the worker that has a run for its memory; the answer goes to `sender`. Returns the worker, or `None` if no
    /// worker has the run.
    pub(super) fn ask_memory(
        &mut self,
        id: u64,
        access: GuestAccess,
        sender: Sender<Delivery>,
    ) -> Option<usize> {
        let index = self
            .members
            .iter()
            .position(|member| member.run(id).is_some())?;
        self.last_id += 1;
        let number = self.last_id;
        self.accesses.insert(number, (index, sender));
        let operation = Operation::Memory { id, number, access };
        self.members[index].push_operation(&operation);
        Some(index)
    }

    /// The thread that waits for this access, which worker `index` was asked.
    pub(super) fn take_access(&mut self, number: u64, index: usize) -> Option<Sender<Delivery>> {
        let (asked, _) = self.accesses.get(&number)?;
        if *asked != index {
            return None;
        }
        self.accesses.remove(&number).map(|(_, sender)| sender)
    }

    /// Carries out operations in their order, up to the first that is malformed.
    pub(super) fn apply_all(
        &mut self,
        mut operations: impl Iterator<Item = Result<Operation>>,
        deferred: &mut PoolDeferred,
    ) -> Result<()> {
        // The queue is searched once for all of them.
        let mut aborts = IdSet::default();
        let result = operations.try_for_each(|operation| match operation? {
            Operation::Abort { id } => {
                if !self.members.iter_mut().any(|member| member.abort(id)) {
                    aborts.insert(id);
                }
                Ok(())
            }
            operation => self.apply_one(operation, deferred),
        });
        if !aborts.is_empty() {
            deferred.abort(self.queue.remove(|run| aborts.contains(&run.id)));
        }
        result
    }

    fn apply_one(&mut self, operation: Operation, deferred: &mut PoolDeferred) -> Result<()> {
        match operation {
            Operation::Run(run) => self.queue_run(run, deferred)?,
            Operation::Pipe { id, ref event } => {
                if let PipeEvent::Closed(stream) = event {
                    self.close_stream(id, *stream);
                }
                self.pass_on(id, &operation);
            }
            Operation::HostResult { id, .. } => self.pass_on(id, &operation),
            Operation::Release { handle } => self.released.extend(self.programs.remove(&handle)),
            Operation::Dispose { handle } => {
                self.released.extend(self.programs.remove(&handle));
                deferred.abort(self.queue.remove(|run| run.handle == handle));
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
                deferred.abort(self.queue.remove(|run| run.batch == id));
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
            Operation::Instantiate(run) => {
                deferred.faults.push((run.id, no_instances()));
            }
            Operation::Call { id, .. } => deferred.faults.push((id, no_instances())),
            Operation::CloseInstance { .. } => {}
            Operation::Abort { .. } | Operation::Recall | Operation::Memory { .. } => {
                return Err(Error::internal("an operation that is not for a pool"));
            }
        }
        Ok(())
    }

    /// Sends an operation of a run to the worker that has the run.
    fn pass_on(&mut self, id: u64, operation: &Operation) {
        let mut members = self.members.iter_mut();
        if let Some(member) = members.find(|member| member.run(id).is_some()) {
            member.push_operation(operation);
        }
    }

    /// Remembers that nobody reads a stream of a run, which may not have started.
    fn close_stream(&mut self, id: u64, stream: OutputStreamKind) {
        let mut members = self.members.iter_mut();
        let in_member = members.find_map(|member| member.run_mut(id));
        if let Some(run) = in_member.or_else(|| self.queue.find(id)) {
            run.closed.push(stream);
        }
    }

    fn queue_run(&mut self, operation: RunOperation, deferred: &mut PoolDeferred) -> Result<()> {
        let closed = || self.closed.then(crate::error::closed);
        if let Some(error) = self.broken.clone().or_else(closed) {
            deferred.faults.push((operation.id, error));
            return Ok(());
        }
        let Some(program) = self.programs.get(&operation.handle).cloned() else {
            return Err(Error::internal("a run of an unknown program"));
        };
        if operation.batch != 0 && !self.batches.contains_key(&operation.batch) {
            return Err(Error::internal("an unknown batch"));
        }
        self.queued += 1;
        self.queue
            .add(PoolRun::new(self.queued, operation, program));
        Ok(())
    }

    /// The workers that have something to do: frames to be sent, or runs for which they should be started.
    pub(super) fn to_wake(&self) -> Vec<usize> {
        let has_runs = !self.queue.is_empty();
        let is_wanted = |member: &Member| match member.phase {
            Phase::Up => member.has_something_to_send(),
            Phase::Starting | Phase::Failed => has_runs,
            Phase::Gone => false,
        };
        let members = self.members.iter().enumerate();
        { members.filter(|(_, member)| is_wanted(member)) }
            .map(|(index, _)| index)
            .collect()
    }

    /// Whether the check for stalled workers has to begin now.
    pub(super) fn has_to_be_watched(&mut self) -> bool {
        let has_to = !self.is_watched && self.may_stand_still();
        self.is_watched |= has_to;
        has_to
    }

    /// Refuses new runs and aborts those that wait.
    pub(super) fn close(&mut self, deferred: &mut PoolDeferred) {
        self.closed = true;
        deferred.abort(self.queue.remove(|_| true));
        self.members.iter_mut().for_each(Member::close);
    }

    /// Lets workers forget released programs of which no run is left.
    pub(super) fn forget_released(&mut self) {
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

    /// Whether there is no reason to start a worker.
    pub(super) fn has_no_work(&self) -> bool {
        self.queue.is_empty() && !self.closed
    }

    /// Records that a worker's socket is closed: it gets nothing more.
    pub(super) fn leave(&mut self, index: usize) {
        self.members[index].phase = Phase::Gone;
    }

    /// Replaces a worker that has ended with `fresh`: its runs are queued again, or fail.
    pub(super) fn replace_dead(
        &mut self,
        index: usize,
        fresh: Member,
        retry: bool,
        status: &str,
    ) -> PoolDeferred {
        let mut deferred = PoolDeferred::default();
        let dead = std::mem::replace(&mut self.members[index], fresh);
        self.accesses.retain(|_, (asked, _)| *asked != index);
        for (mut run, was_delivered) in dead.into_runs() {
            let id = run.operation.id;
            if let Some(batch) = self.batches.get_mut(&run.operation.batch) {
                batch.back(run.number);
            }
            if self.closed || run.aborted {
                deferred.aborted.push(id);
            } else if !was_delivered {
                self.queue.add(run);
            } else if retry && !run.retried && !run.operation.piped {
                run.retried = true;
                self.queue.add(run);
            } else {
                let message = format!("the worker process that had this run died ({status})");
                let error = Error::new(ErrorCode::WorkerDied, message);
                deferred.faults.push((id, error));
            }
        }
        deferred
    }

    /// Records that no process can be started for a place. When that is so for all places, all waiting runs
    /// fail, and so do new ones.
    pub(super) fn fail(&mut self, index: usize, error: &Error) -> PoolDeferred {
        self.members[index].phase = Phase::Failed;
        let mut deferred = PoolDeferred::default();
        if self.members.iter().all(|m| m.phase == Phase::Failed) {
            self.broken = Some(error.clone());
            let runs = self.queue.remove(|_| true).into_iter();
            deferred.faults = runs.map(|run| (run.operation.id, error.clone())).collect();
        }
        deferred
    }

    /// Lets a place try again to start its worker.
    pub(super) fn recover(&mut self, index: usize) {
        self.members[index].phase = Phase::Starting;
        self.broken = None;
    }

    pub(super) fn kill(&mut self, index: usize) {
        if let Some(child) = &mut self.children[index] {
            // The process may have ended by itself.
            let _ = child.kill();
        }
    }

    pub(super) fn kill_all(&mut self) {
        (0..self.children.len()).for_each(|index| self.kill(index));
    }
}

pub(super) fn no_instances() -> Error {
    Error::new(
        ErrorCode::InvalidOption,
        "instances need a runtime with `workers: 'threads'`: they do not live in worker processes yet",
    )
}
