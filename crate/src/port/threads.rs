//! Runs on the threads of a runtime.

use super::backend::Backend;
use super::instances::{InstanceWork, Instances};
use super::mailbox::Mailbox;
use super::pipes::{Pipes, PortPipes};
use super::sync::PendingRun;
use super::wire::{GuestAccess, NoPipes, Operation, PipeEvent, RunOperation, limits, run_options};
use crate::error::{Error, Result};
use crate::guest::{CallControl, Cause, Limits, Returned};
use crate::host_functions::{HostCalls, HostResult, MemoryAccess, MemoryAnswer};
use crate::lock::lock;
use crate::options::RunOptions;
use crate::program::{Cache, LoadOptions, Program};
use crate::runtime::{Runtime, RuntimeStats};
use crate::schedule::{
    BatchId, Client, Ended, EndedCall, InstanceHandle, Origin, Owner, QueuedCall, QueuedRun,
    RunGroup, Submission, over,
};
use crate::stdio::OutputStreamKind;
use bytes::Bytes;
use std::collections::{HashMap, VecDeque};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, Weak};

/// The runtime as a backend.
pub(super) struct Threads {
    /// This object, as the client of its runs.
    this: Weak<Self>,
    /// Its number among the clients of the runtime.
    number: u64,
    runtime: Arc<Runtime>,
    mailbox: Arc<Mailbox>,
    /// The options of runs that have none.
    defaults: Arc<RunOptions>,
    tables: Mutex<Tables>,
}

/// The objects that the submitter's numbers stand for.
#[derive(Default)]
struct Tables {
    /// In a worker also programs that could not be loaded.
    programs: HashMap<u64, Result<Arc<Program>>>,
    /// The runs that may be aborted one by one, or have pipes.
    tracked: HashMap<u64, Arc<CallControl>>,
    pipes: HashMap<u64, Pipes>,
    /// Outputs that nobody reads, of runs that have not started.
    unread: HashMap<u64, Vec<OutputStreamKind>>,
    batches: HashMap<u64, PortBatch>,
    instances: Instances,
}

/// A batch as its runs know it.
struct PortBatch {
    id: BatchId,
    /// What its runs have in common.
    options: Arc<RunOptions>,
}

/// What is done after the tables are unlocked, in this order: a run that ends while it is submitted or aborted
/// locks the tables.
#[derive(Default)]
struct Deferred {
    submissions: Vec<Submission>,
    host_results: Vec<(Arc<HostCalls>, u64, HostResult)>,
    /// Program and batch of the last submission: most runs have the same as the one before.
    key: Option<(u64, u64)>,
    faults: Vec<(u64, Error)>,
    disposed: Vec<u64>,
    aborted: Vec<BatchId>,
    read: Vec<(BatchId, u64)>,
    closed: Vec<BatchId>,
    stopped: bool,
    recalled: bool,
    instances: InstanceWork,
}

impl Tables {
    fn program(&self, handle: u64) -> Result<&Arc<Program>> {
        let program = self.programs.get(&handle);
        let program = program.ok_or_else(|| Error::internal("an unknown program"))?;
        program.as_ref().map_err(Clone::clone)
    }

    fn batch(&self, id: u64) -> Result<&PortBatch> {
        let unknown = || Error::internal("an unknown batch");
        self.batches.get(&id).ok_or_else(unknown)
    }
}

impl Threads {
    pub(super) fn new(runtime: Arc<Runtime>, mailbox: Arc<Mailbox>) -> Arc<Self> {
        static NUMBERS: AtomicU64 = AtomicU64::new(0);
        Arc::new_cyclic(|this| Self {
            this: this.clone(),
            number: NUMBERS.fetch_add(1, Ordering::Relaxed),
            runtime,
            mailbox,
            defaults: Arc::default(),
            tables: Mutex::default(),
        })
    }

    fn apply(
        &self,
        operation: Operation,
        tables: &mut Tables,
        deferred: &mut Deferred,
    ) -> Result<()> {
        match operation {
            Operation::Run(run) => self.queue(run, None, tables, deferred)?,
            Operation::Instantiate(run) => {
                let (instance, life) = InstanceHandle::new(self.client()?);
                tables.instances.add(run.id, instance.clone());
                self.queue(run, Some((instance, life)), tables, deferred)?;
            }
            Operation::Call {
                id,
                instance,
                function,
                payload,
                abortable,
            } => {
                let control = abortable.then(Arc::<CallControl>::default);
                let call = QueuedCall {
                    id,
                    function,
                    payload,
                    control,
                };
                if let Some(call) = tables
                    .instances
                    .call(instance, call, &mut deferred.instances)
                {
                    deferred.faults.push((call.id, over()));
                }
            }
            Operation::CloseInstance { instance } => {
                deferred.stopped |= tables.instances.close(instance);
            }
            Operation::Abort { id } => {
                if let Some(control) = tables.tracked.get(&id) {
                    deferred.stopped |= control.stop(Cause::Abort);
                } else {
                    deferred.stopped |= tables.instances.abort_call(id, &mut deferred.instances);
                }
            }
            Operation::Release { handle } => drop(tables.programs.remove(&handle)),
            Operation::Dispose { handle } => {
                tables.programs.remove(&handle);
                deferred.disposed.push(handle);
            }
            Operation::Pipe { id, event } => match (tables.pipes.get(&id), event) {
                (Some(pipes), PipeEvent::Relayed(kind, Some(to))) => {
                    // A run that has ended, or is in another process, gets nothing past the submitter.
                    if let Some(to) = tables.pipes.get(&to) {
                        pipes.relay(kind, to);
                    }
                }
                (Some(pipes), event) => pipes.apply(event),
                (None, PipeEvent::Closed(kind)) if tables.tracked.contains_key(&id) => {
                    tables.unread.entry(id).or_default().push(kind);
                }
                (None, _) => {}
            },
            Operation::HostResult { id, call, result } => {
                let calls = tables.pipes.get(&id).and_then(Pipes::host_calls);
                // After the tables are unlocked: it wakes the guest.
                deferred
                    .host_results
                    .extend(calls.map(|calls| (calls.clone(), call, result)));
            }
            Operation::Memory { id, number, access } => {
                let calls = tables.pipes.get(&id).and_then(Pipes::host_calls);
                self.answer_access(calls, number, access);
            }
            Operation::OpenBatch {
                id,
                concurrency,
                options,
            } => {
                // The number may have belonged to an earlier batch.
                deferred.key = None;
                let options = run_options(&self.defaults, &options, &mut NoPipes)?;
                let batch = PortBatch {
                    id: self.runtime.open_batch(concurrency),
                    options: Arc::new(options),
                };
                tables.batches.insert(id, batch);
            }
            // A runtime that was closed has forgotten its batches.
            Operation::AbortBatch { id } => {
                let batch = tables.batches.get(&id);
                deferred.aborted.extend(batch.map(|batch| batch.id));
            }
            Operation::BatchRead { id, output } => {
                let batch = tables.batches.get(&id);
                deferred.read.extend(batch.map(|batch| (batch.id, output)));
            }
            Operation::CloseBatch { id } => {
                let batch = tables.batches.remove(&id);
                deferred.closed.extend(batch.map(|batch| batch.id));
            }
            Operation::Recall => deferred.recalled = true,
        }
        Ok(())
    }

    fn answer_access(&self, calls: Option<&Arc<HostCalls>>, number: u64, access: GuestAccess) {
        let GuestAccess {
            call,
            pointer,
            bytes,
        } = access;
        let mut read = Vec::new();
        let answer = calls.map(|calls| match &bytes {
            Err(bytes) => calls.access(call, MemoryAccess::Write(pointer, bytes)),
            // Its size first: a length that nothing has must not be allocated.
            Ok(length) => match calls.access(call, MemoryAccess::Write(0, &[])) {
                MemoryAnswer::Size(size) if *length <= size => {
                    read.resize(*length as usize, 0);
                    calls.access(call, MemoryAccess::Read(pointer, &mut read))
                }
                answer => answer,
            },
        });
        let answer = answer.unwrap_or(MemoryAnswer::Ended);
        self.mailbox
            .deliver(|outbox| outbox.memory(number, answer, &read));
    }

    /// Queues a run, or an instance with what stops it.
    fn queue(
        &self,
        run: RunOperation,
        instance: Option<(Arc<InstanceHandle>, Arc<CallControl>)>,
        tables: &mut Tables,
        deferred: &mut Deferred,
    ) -> Result<()> {
        let key = (run.handle, run.batch);
        if deferred.key != Some(key) {
            let program = match tables.programs.get(&run.handle) {
                Some(Ok(program)) => program.clone(),
                Some(Err(error)) => {
                    deferred.faults.push((run.id, error.clone()));
                    tables.instances.forget(run.id);
                    return Ok(());
                }
                None => return Err(Error::internal("a run of an unknown program")),
            };
            let group = self.group(run.handle, program, run.batch, tables)?;
            deferred.submissions.push(Submission {
                group: Arc::new(group),
                runs: VecDeque::new(),
            });
            deferred.key = Some(key);
        }
        let is_tracked = run.abortable || run.piped;
        let (instance, control) = match instance {
            Some((instance, life)) => (Some(instance), Some(life)),
            None => (None, is_tracked.then(Arc::<CallControl>::default)),
        };
        if is_tracked && let Some(control) = &control {
            tables.tracked.insert(run.id, control.clone());
        }
        if let Some(submission) = deferred.submissions.last_mut() {
            submission.runs.push_back(QueuedRun {
                id: run.id,
                payload: run.options,
                control,
                instance,
            });
        }
        Ok(())
    }

    /// What a run shares with others of its program and batch.
    fn group(
        &self,
        handle: u64,
        program: Arc<Program>,
        batch: u64,
        tables: &Tables,
    ) -> Result<RunGroup> {
        let (batch, options) = match batch {
            0 => (None, &self.defaults),
            id => {
                let batch = tables.batch(id)?;
                (Some(batch.id), &batch.options)
            }
        };
        let origin = self.origin(handle, batch);
        let client = self.client()?;
        Ok(RunGroup::new(origin, program, options.clone(), client))
    }

    /// This object, as its runs know it.
    fn client(&self) -> Result<Arc<Self>> {
        let client = self.this.upgrade();
        client.ok_or_else(|| Error::internal("a port that is gone"))
    }

    fn origin(&self, handle: u64, batch: Option<BatchId>) -> Origin {
        Origin {
            owner: Some(self.owner(handle)),
            batch,
        }
    }

    fn owner(&self, handle: u64) -> Owner {
        Owner {
            client: self.number,
            program: handle,
        }
    }

    fn run_deferred(&self, deferred: Deferred) {
        let Deferred {
            submissions,
            host_results,
            key: _,
            faults,
            disposed,
            aborted,
            read,
            closed,
            stopped,
            recalled,
            instances,
        } = deferred;
        for (calls, call, result) in host_results {
            calls.give(call, result);
        }
        self.runtime.submit(submissions);
        instances.carry_out();
        for (id, error) in faults {
            self.mailbox.deliver(|outbox| outbox.fault(id, &error));
        }
        for handle in disposed {
            let owner = Some(self.owner(handle));
            self.runtime.abort(|origin| origin.owner == owner);
        }
        for batch in aborted {
            self.runtime.abort(|origin| origin.batch == Some(batch));
        }
        for (batch, output) in read {
            self.runtime.batch_read(batch, output);
        }
        for batch in closed {
            self.runtime.close_batch(batch);
        }
        if stopped {
            self.runtime.sweep();
        }
        if recalled {
            self.runtime.give_back();
        }
    }

    fn tables(&self) -> MutexGuard<'_, Tables> {
        lock(&self.tables)
    }
}

impl Backend for Threads {
    fn submit(&self, operations: &[f64], bytes: &Bytes) -> Result<()> {
        let mut deferred = Deferred::default();
        let mut tables = self.tables();
        let applied = Operation::all(operations, bytes)
            .try_for_each(|operation| self.apply(operation?, &mut tables, &mut deferred));
        drop(tables);
        self.run_deferred(deferred);
        applied
    }

    fn run_sync(&self, handle: u64, options: Bytes) -> Result<PendingRun> {
        let program = self.program(handle)?;
        let options = run_options(&self.defaults, &options, &mut NoPipes)?;
        let origin = self.origin(handle, None);
        let run = self.runtime.run_here(program, options, origin)?;
        Ok(PendingRun::Here(run))
    }

    fn access_memory(&self, run: u64, call: u64, access: MemoryAccess<'_>) -> Result<MemoryAnswer> {
        let calls = self
            .tables()
            .pipes
            .get(&run)
            .and_then(|pipes| pipes.host_calls().cloned());
        Ok(calls.map_or(MemoryAnswer::Ended, |calls| calls.access(call, access)))
    }

    fn call_sync(&self, instance: u64, function: usize, payload: Bytes) -> Result<PendingRun> {
        let tables = self.tables();
        let handle = tables.instances.get(instance).ok_or_else(over)?;
        let pipes = tables.pipes.get(&instance);
        let _output = pipes.map(Pipes::widen_outputs).unwrap_or_default();
        drop(tables);
        let call = self.runtime.call_here(handle, function, payload)?;
        Ok(PendingRun::Call { call, _output })
    }

    fn instance(&self, number: u64) -> Result<Arc<InstanceHandle>> {
        self.tables().instances.get(number).ok_or_else(over)
    }

    fn encode_program(&self, _: &[u8], _: &LoadOptions, _: &Cache) -> Result<Vec<u8>> {
        Ok(Vec::new())
    }

    fn add_program(&self, handle: u64, program: Result<Arc<Program>>, _: Vec<u8>) {
        self.tables().programs.insert(handle, program);
    }

    fn program(&self, handle: u64) -> Result<Arc<Program>> {
        self.tables().program(handle).cloned()
    }

    fn stats(&self, runtime: RuntimeStats) -> RuntimeStats {
        runtime
    }

    fn has_processes(&self) -> bool {
        false
    }

    fn close_and_wait(&self) {}

    fn forget(&self) {
        *self.tables() = Tables::default();
    }

    fn abandon(&self) {
        let is_own = |owner: Owner| owner.client == self.number;
        self.runtime
            .abort(|origin| origin.owner.is_some_and(is_own));
        let tables = std::mem::take(&mut *self.tables());
        for batch in tables.batches.values() {
            self.runtime.close_batch(batch.id);
        }
    }
}

impl Client for Threads {
    fn decode_options(
        &self,
        group: &RunGroup,
        id: u64,
        payload: &Bytes,
    ) -> Result<Option<Box<RunOptions>>> {
        if payload.is_empty() {
            return Ok(None);
        }
        let mut maker = PortPipes::new(self.mailbox.clone(), id);
        let options = run_options(&group.options, payload, &mut maker)?;
        if let Some(pipes) = maker.made() {
            let mut tables = self.tables();
            for kind in tables.unread.remove(&id).into_iter().flatten() {
                pipes.apply(PipeEvent::Closed(kind));
            }
            tables.pipes.insert(id, pipes);
        }
        Ok(Some(Box::new(options)))
    }

    fn ended(&self, runs: &mut Vec<Ended>) {
        let mut tables = self.tables();
        if !tables.tracked.is_empty() {
            for Ended { id, .. } in runs.iter() {
                if tables.tracked.remove(id).is_none() {
                    continue;
                }
                tables.unread.remove(id);
                if let Some(pipes) = tables.pipes.remove(id) {
                    pipes.end_relays();
                }
            }
        }
        if !tables.instances.is_empty() {
            runs.iter().for_each(|run| tables.instances.forget(run.id));
        }
        drop(tables);
        self.mailbox.record(|outbox| {
            for Ended { id, result } in runs.drain(..) {
                outbox.result(id, &result);
            }
        });
    }

    fn instantiated(&self, id: u64, returned: Returned, exports: &str) {
        self.mailbox
            .record(|outbox| outbox.instantiated(id, &returned, exports));
    }

    fn called(&self, calls: &mut Vec<EndedCall>) {
        self.tables().instances.called(calls);
        self.mailbox.record(|outbox| {
            for EndedCall { id, result } in calls.drain(..) {
                outbox.call(id, result);
            }
        });
    }

    fn decode_limits(&self, base: Limits, payload: &Bytes) -> Result<Limits> {
        limits(base, payload)
    }

    fn collects(&self) -> bool {
        true
    }

    fn notify(&self) {
        self.mailbox.notify();
    }

    fn returned(&self, id: u64) {
        self.tables().tracked.remove(&id);
        self.mailbox.record(|outbox| outbox.returned(id));
    }
}
