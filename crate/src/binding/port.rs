//! The port that each JavaScript environment (main thread or worker) has to a runtime.

#![expect(
    clippy::too_many_arguments,
    reason = "napi's macro does not keep this with the constructor, which takes the facade's buffers"
)]

use super::lent::Lent;
use super::options::{BindingLoadOptions, BindingLoadRequest, BindingRuntimeOptions, BindingStats};
use crate::error::{Error, ErrorCode};
use crate::host_functions::{HostResult, MemoryAccess, MemoryAnswer, Thrown};
use crate::lock::lock;
use crate::port::{Delivery, PendingRun, Port, SnapshotRequest};
use crate::runtime::{Runtime, RuntimeOptions};
use crate::schedule::{InstanceHandle, with_beside};
use crate::snapshot::SnapshotUntil;
use crate::workers::port_to_workers;
use bytes::Bytes;
use napi::bindgen_prelude::{BigUint64Array, Float64Array, FnArgs, Function, Uint8Array};
use napi::threadsafe_function::{ThreadsafeFunction, ThreadsafeFunctionCallMode};
use napi::{Env, Status, sys};
use napi_derive::napi;
use std::sync::{Arc, Mutex, OnceLock, Weak};
use std::time::Duration;

/// Records and the bytes that they speak of, or how many of each are in the buffers for small deliveries.
type Records = FnArgs<(Option<Float64Array>, Option<Uint8Array>, u32, u32)>;
type Wake = ThreadsafeFunction<(), (), Records, Status, false, true>;

/// The runtime that all environments of the process share, made at first use.
fn shared_runtime() -> napi::Result<Arc<Runtime>> {
    static SHARED: Mutex<Option<Arc<Runtime>>> = Mutex::new(None);
    let mut shared = lock(&SHARED);
    if let Some(runtime) = &*shared {
        return Ok(runtime.clone());
    }
    let runtime = Arc::new(Runtime::new(RuntimeOptions::default()).map_err(thrown)?);
    Ok(shared.insert(runtime).clone())
}

/// One environment's end of the connection to a runtime.
#[napi]
pub struct BindingPort {
    port: Arc<Port>,
    wake: Arc<OnceLock<Wake>>,
    /// The runs that this environment's thread waits for. Each but the last waits for a host function in which the
    /// next one was started. Any call means that nobody waits any more for a last one that does not wait for a
    /// function: what terminates a script for its time leaves it behind.
    pending: Vec<Pending>,
    /// The record and the output of the run that has ended.
    record: Float64Array,
    output: Uint8Array,
    /// The number and the arguments of a call of a host function, and what that returns.
    words: BigUint64Array,
    /// Arguments of a call of a host function for which there is no room in these.
    large: Vec<u8>,
    /// The arguments of `callSync`.
    passed: Uint8Array,
    /// The delivery whose bytes did not fit into the shared buffer.
    left: Delivery,
    /// Memory for the next delivery of a run or call that is waited for.
    spare: Delivery,
}

/// A run that a thread waits for.
struct Pending {
    id: f64,
    run: PendingRun,
    /// The number of the call of a host function that it waits for.
    call: Option<u64>,
    /// A copy of the list beside its arguments, if the guest has not got it in the first turn.
    beside: Vec<u8>,
}

/// What `runSync` returns for a run that goes on.
const GOES_ON: f64 = -1.0;
/// What it returns for a call of the host function 0; less for later functions.
const CALLED: f64 = -2.0;
/// What `accessMemory` returns when the call is over, and when the guest exports no memory.
const CALL_ENDED: f64 = -1.0;
const NO_MEMORY: f64 = -2.0;

#[napi]
impl BindingPort {
    /// Connects to a new runtime, or, without options, to the one that the process shares.
    /// `receive` is called with the records of whatever ended since its last call. They are in `records` and `bytes`,
    /// if they fit, and it gets their numbers; the last of `records` is not 0 while these are in use. `record` and
    /// `output` are for those of `runSync` and `callSync`, `passed` for what a `callSync` passes, and `words` for calls of
    /// host functions.
    #[napi(constructor, catch_unwind)]
    pub fn new(
        env: Env,
        options: Option<BindingRuntimeOptions>,
        #[napi(
            ts_arg_type = "(records: Float64Array | null, bytes: Uint8Array | null, numbers: number, length: number) => void"
        )]
        receive: Function<Records, ()>,
        records: Float64Array,
        bytes: Uint8Array,
        record: Float64Array,
        output: Uint8Array,
        words: BigUint64Array,
        passed: Uint8Array,
    ) -> napi::Result<Self> {
        let (runtime, pool) = match options.map(BindingRuntimeOptions::split) {
            None => (shared_runtime()?, None),
            Some((options, pool)) => (Arc::new(Runtime::new(options).map_err(thrown)?), pool),
        };
        let wake: Arc<OnceLock<Wake>> = Arc::default();
        let waker = wake.clone();
        let wake_up = move || {
            if let Some(wake) = waker.get() {
                wake.call((), ThreadsafeFunctionCallMode::NonBlocking);
            }
        };
        let port = match pool {
            None => Port::new(runtime, wake_up),
            Some(pool) => port_to_workers(runtime, pool, wake_up).map_err(thrown)?,
        };
        // Weak: the function lives as long as the environment.
        let receiving: Weak<Port> = Arc::downgrade(&port);
        let mut buffers = Buffers { records, bytes };
        let function = receive
            .build_threadsafe_function::<()>()
            .weak::<true>()
            .build_callback(move |_| {
                let port = receiving.upgrade();
                Ok(buffers.pass(port.map(|port| port.receive()).unwrap_or_default()))
            })?;
        let _ = wake.set(function);
        env.add_env_cleanup_hook(Arc::downgrade(&port), |port: Weak<Port>| {
            if let Some(port) = port.upgrade() {
                port.close();
            }
        })?;
        Ok(Self {
            port,
            wake,
            pending: Vec::new(),
            record,
            output,
            words,
            large: Vec::new(),
            passed,
            left: Delivery::default(),
            spare: Delivery::default(),
        })
    }

    /// Carries out the operations in the first `numbers` of `operations`, which refer to the first `length` of `bytes`;
    /// the native side documents their form.
    #[napi(catch_unwind)]
    pub fn submit(
        &mut self,
        operations: &[f64],
        numbers: u32,
        bytes: &[u8],
        length: u32,
    ) -> napi::Result<()> {
        self.leave();
        let (operations, bytes) = submitted(operations, numbers, bytes, length);
        self.port.submit(operations, &bytes).map_err(thrown)
    }

    /// Runs a program on this thread, for at most `patience` milliseconds, with the options in the first bytes of
    /// `options`. Returns how many bytes belong to the record that is then in `record`, or -1 when the run
    /// goes on. The bytes are in `output`, or `takeSync` has them. For -2 and less, the run calls the host function 0
    /// and so on, with the number of the call and its arguments in `words`; `returnSync` or `throwSync` goes on.
    #[napi(catch_unwind)]
    pub fn run_sync(
        &mut self,
        id: f64,
        handle: f64,
        options: &[u8],
        length: u32,
        milliseconds: u32,
    ) -> napi::Result<f64> {
        // Before another one begins, which may need its slot.
        self.leave();
        let options = options.get(..length as usize).unwrap_or(options);
        let options = Bytes::copy_from_slice(options);
        let is_nested = !self.pending.is_empty();
        if is_nested && self.port.has_processes() {
            return Err(thrown(no_slot()));
        }
        let run = self.port.run_sync(handle as u64, options);
        let run = run.map_err(thrown)?;
        if is_nested && !run.is_started() {
            return Err(thrown(no_slot()));
        }
        self.pending.push(Pending {
            id,
            run,
            call: None,
            beside: Vec::new(),
        });
        self.wait_sync(id, milliseconds)
    }

    /// Goes on with the run that `runSync` began, with the host function's results in `words`.
    #[napi(catch_unwind)]
    pub fn return_sync(&mut self, id: f64, results: u32, milliseconds: u32) -> napi::Result<f64> {
        let words = self.words.get(..results as usize);
        let words = words.unwrap_or_default().to_vec();
        self.give(id, Ok(words))?;
        self.wait_sync(id, milliseconds)
    }

    /// The same with results for which there is no room in `words`.
    #[napi(catch_unwind)]
    pub fn return_sync_with(
        &mut self,
        id: f64,
        results: &[u8],
        milliseconds: u32,
    ) -> napi::Result<f64> {
        let (words, _) = results.as_chunks();
        let words = words.iter().map(|word| u64::from_le_bytes(*word));
        self.give(id, Ok(words.collect()))?;
        self.wait_sync(id, milliseconds)
    }

    /// The same for a host function that has thrown.
    #[napi(catch_unwind)]
    pub fn throw_sync(&mut self, id: f64, milliseconds: u32) -> napi::Result<f64> {
        self.give(id, Err(Thrown))?;
        self.wait_sync(id, milliseconds)
    }

    fn give(&mut self, id: f64, result: HostResult) -> napi::Result<()> {
        self.return_to(id);
        let pending = self.pending.last_mut().filter(|last| last.id == id);
        let pending = pending.ok_or_else(|| thrown(given_up()))?;
        match pending.call.take() {
            Some(call) => self
                .port
                .give_sync(&pending.run, call, result)
                .map_err(thrown),
            None => Ok(()),
        }
    }

    /// Gives up the runs that were started inside of this one.
    fn return_to(&mut self, id: f64) {
        if let Some(at) = self.pending.iter().rposition(|pending| pending.id == id) {
            self.pending.truncate(at + 1);
        }
    }

    /// Gives up the run that this thread waited for, unless that waits for a host function.
    fn leave(&mut self) {
        self.pending.pop_if(|pending| pending.call.is_none());
    }

    /// Gives up the runs that this thread waited for: no JavaScript waits for them any more.
    #[napi(catch_unwind)]
    pub fn give_up_sync(&mut self) {
        self.pending.clear();
    }

    /// Copies bytes out of the memory of a run that waits for a host function, or into it, if they all lie in it.
    /// Returns the size of the memory; -1 when the call is over, and -2 when the guest exports no memory.
    #[napi(catch_unwind)]
    pub fn access_memory(
        &mut self,
        run: f64,
        call: f64,
        pointer: f64,
        mut bytes: Uint8Array,
        write: bool,
    ) -> napi::Result<f64> {
        let pointer = pointer as u64;
        // SAFETY: the array belongs to the facade, which made it for this call alone, and no JavaScript runs meanwhile.
        let bytes = unsafe { bytes.as_mut() };
        let access = match write {
            true => MemoryAccess::Write(pointer, bytes),
            false => MemoryAccess::Read(pointer, bytes),
        };
        let answer = match self.pending.iter().find(|pending| pending.id == run) {
            Some(pending) => self.port.access_sync(&pending.run, call as u64, access),
            None => self.port.access_memory(run as u64, call as u64, access),
        };
        Ok(match answer.map_err(thrown)? {
            MemoryAnswer::Ended => CALL_ENDED,
            MemoryAnswer::Missing => NO_MEMORY,
            MemoryAnswer::Size(size) => size as f64,
        })
    }

    /// Goes on with the run that `runSync` began.
    #[napi(catch_unwind)]
    pub fn wait_sync(&mut self, id: f64, milliseconds: u32) -> napi::Result<f64> {
        let patience = Duration::from_millis(milliseconds.into());
        self.return_to(id);
        let Self {
            pending,
            words,
            large,
            spare,
            ..
        } = self;
        let last = pending.last_mut().filter(|last| last.id == id);
        let last = last.ok_or_else(|| thrown(given_up()))?;
        let waited = match &mut last.beside {
            none if none.is_empty() => last.run.wait_into(patience, spare),
            beside => {
                let turn = || last.run.wait_into(patience, spare);
                let (waited, is_left) = with_beside(beside, turn);
                if !is_left {
                    *beside = Vec::new();
                }
                waited
            }
        };
        if !matches!(waited, Ok(None)) {
            pending.pop();
        }
        if let Some(delivery) = waited.map_err(thrown)? {
            return Ok(self.hand_over(delivery));
        }
        // Still there, because it has not ended.
        let Some(last) = pending.last_mut() else {
            return Err(thrown(given_up()));
        };
        let called = last.run.take_call(|call| {
            // SAFETY: the array belongs to the facade, which shares it with no other code and changes it on this
            // thread alone, where no JavaScript runs before the slice is gone.
            let words = unsafe { words.as_mut() };
            let (number, arguments) = words.split_at_mut(1);
            number[0] = (call.number as f64).to_bits();
            match arguments.get_mut(..call.arguments.len()) {
                Some(place) => place.copy_from_slice(call.arguments),
                // The first says how many there are.
                None => {
                    large.clear();
                    large.extend(call.arguments.iter().flat_map(|word| word.to_le_bytes()));
                    arguments[0] = call.arguments[0];
                }
            }
            (call.number, call.function)
        });
        let Some((number, function)) = called else {
            return Ok(GOES_ON);
        };
        last.call = Some(number);
        Ok(CALLED - f64::from(function))
    }

    /// The arguments of the call that `waitSync` has told of last, if they are more than there is room for.
    #[napi(catch_unwind)]
    pub fn host_arguments(&mut self) -> Uint8Array {
        Uint8Array::new(std::mem::take(&mut self.large))
    }

    /// The same as `submit`, of one call that is likely to be short: waits for up to `microseconds` for one record.
    /// Returns how many bytes belong to the record that is then in `record`, or -1 when it comes later.
    #[napi(catch_unwind)]
    pub fn submit_call(
        &mut self,
        operations: &[f64],
        numbers: u32,
        bytes: &[u8],
        length: u32,
        microseconds: u32,
    ) -> napi::Result<f64> {
        self.leave();
        let (operations, bytes) = submitted(operations, numbers, bytes, length);
        let patience = Duration::from_micros(microseconds.into());
        let most = self.output.len();
        let came = self
            .port
            .submit_and_wait(operations, &bytes, patience, most);
        match came.map_err(thrown)? {
            Some(delivery) => Ok(self.hand_over(delivery)),
            None => Ok(GOES_ON),
        }
    }

    /// Calls a function of an instance on this thread, with the first bytes of `passed`. Otherwise as
    /// `runSync`.
    #[napi(catch_unwind)]
    pub fn call_sync(
        &mut self,
        id: f64,
        instance: f64,
        called: u32,
        length: u32,
        milliseconds: u32,
    ) -> napi::Result<f64> {
        self.leave();
        let payload = Bytes::copy_from_slice(first(&self.passed, length));
        self.start_call(id, instance, called, payload)?;
        self.wait_sync(id, milliseconds)
    }

    /// The same with the first bytes of `payload`.
    #[napi(catch_unwind)]
    pub fn call_sync_with(
        &mut self,
        id: f64,
        instance: f64,
        called: u32,
        payload: &[u8],
        length: u32,
        milliseconds: u32,
    ) -> napi::Result<f64> {
        self.start_copied(id, instance, called, first(payload, length))?;
        self.wait_sync(id, milliseconds)
    }

    /// The same without a copy of `payload`, which nobody may change before the call has returned.
    #[napi(catch_unwind)]
    pub fn call_sync_lent(
        &mut self,
        id: f64,
        instance: f64,
        called: u32,
        payload: Uint8Array,
        length: u32,
        milliseconds: u32,
    ) -> napi::Result<f64> {
        self.leave();
        let payload = Bytes::from_owner(Lent {
            bytes: payload,
            length: length as usize,
        });
        self.start_call(id, instance, called, payload)?;
        self.wait_sync(id, milliseconds)
    }

    /// The same as `callSyncWith` with the elements of a list of numbers that is the last argument, which are not in
    /// `payload`.
    #[napi(catch_unwind)]
    pub fn call_sync_beside(
        &mut self,
        id: f64,
        instance: f64,
        called: u32,
        payload: &[u8],
        length: u32,
        beside: &[u8],
        milliseconds: u32,
    ) -> napi::Result<f64> {
        self.start_copied(id, instance, called, first(payload, length))?;
        let (waited, is_left) = with_beside(beside, || self.wait_sync(id, milliseconds));
        // After this turn JavaScript may change or free it.
        if let Some(last) = self.pending.last_mut()
            && is_left
            && last.id == id
        {
            last.beside = beside.to_vec();
        }
        waited
    }

    /// Returns bytes of an exported memory of an instance.
    #[napi(catch_unwind)]
    pub fn read_memory(
        &self,
        instance: f64,
        memory: u32,
        address: f64,
        length: f64,
    ) -> napi::Result<Uint8Array> {
        let instance = self.instance(instance)?;
        let read = instance.read_memory(memory as usize, address as u64, length as u64);
        read.map(Uint8Array::new).map_err(thrown)
    }

    /// Writes to an exported memory of an instance.
    #[napi(catch_unwind)]
    pub fn write_memory(
        &self,
        instance: f64,
        memory: u32,
        address: f64,
        bytes: &[u8],
    ) -> napi::Result<()> {
        let instance = self.instance(instance)?;
        let written = instance.write_memory(memory as usize, address as u64, bytes);
        written.map_err(thrown)
    }

    /// Returns how many bytes come before the first that is 0, of at most this number.
    #[napi(catch_unwind)]
    pub fn length_to_nul(
        &self,
        instance: f64,
        memory: u32,
        address: f64,
        most: f64,
    ) -> napi::Result<f64> {
        let instance = self.instance(instance)?;
        let length = instance.length_to_nul(memory as usize, address as u64, most as u64);
        length.map(|length| length as f64).map_err(thrown)
    }

    /// Returns the bytes of an exported memory of an instance.
    #[napi(catch_unwind)]
    pub fn memory_size(&self, instance: f64, memory: u32) -> napi::Result<f64> {
        let size = self.instance(instance)?.memory_size(memory as usize);
        size.map(|size| size as f64).map_err(thrown)
    }

    /// Returns the bits of an exported global of an instance.
    #[napi(catch_unwind)]
    pub fn global(&self, instance: f64, global: u32) -> napi::Result<Uint8Array> {
        let bits = self.instance(instance)?.global(global as usize);
        let bits = bits.map_err(thrown)?;
        Ok(Uint8Array::new(bits.to_le_bytes().into()))
    }

    /// Sets an exported global of an instance.
    #[napi(catch_unwind)]
    pub fn set_global(&self, instance: f64, global: u32, bits: &[u8]) -> napi::Result<()> {
        let instance = self.instance(instance)?;
        let bits = bits.try_into().map_or(0, u64::from_le_bytes);
        instance.set_global(global as usize, bits).map_err(thrown)
    }

    /// Takes the bytes that did not fit.
    #[napi(catch_unwind)]
    pub fn take_sync(&mut self) -> Uint8Array {
        Uint8Array::new(std::mem::take(&mut self.left).bytes)
    }

    /// Copies them to an array of as many bytes, and keeps their memory for the next.
    #[napi(catch_unwind)]
    pub fn copy_sync(&mut self, mut to: Uint8Array) -> napi::Result<()> {
        let left = std::mem::take(&mut self.left);
        if to.len() != left.bytes.len() {
            return Err(thrown(Error::internal(
                "bytes are copied to another length",
            )));
        }
        // SAFETY: the array belongs to the facade, which made it for this call alone, and no JavaScript runs meanwhile.
        unsafe { to.as_mut() }.copy_from_slice(&left.bytes);
        self.spare = left;
        Ok(())
    }

    /// Starts to load a program; the result arrives as a record for `id`.
    #[napi(catch_unwind)]
    pub fn load(&self, id: f64, request: BindingLoadRequest) {
        self.port.load(id as u64, request.into());
    }

    /// Loads a program and returns its description as JSON.
    #[napi(catch_unwind)]
    pub fn load_sync(&self, id: f64, request: BindingLoadRequest) -> napi::Result<String> {
        self.port
            .load_sync(id as u64, request.into())
            .map_err(thrown)
    }

    /// Starts to look at a program; its inspection is a record for `id`.
    #[napi(catch_unwind)]
    pub fn inspect(&self, id: f64, handle: f64) {
        self.port.inspect(id as u64, handle as u64);
    }

    /// Throws unless a program can serve requests, with functions of the submitter or without.
    #[napi(catch_unwind)]
    pub fn check_serve(&self, handle: f64, is_hosted: bool) -> napi::Result<()> {
        self.port
            .check_serve(handle as u64, is_hosted)
            .map_err(thrown)
    }

    /// Starts to look for the WIT of a component, which is a record for `id`.
    #[napi(catch_unwind)]
    pub fn wit(&self, id: f64, handle: f64) {
        self.port.wit(id as u64, handle as u64);
    }

    /// Starts to pack a program with its code; the file is a record for `id`.
    #[napi(catch_unwind)]
    pub fn serialize(&self, id: f64, handle: f64) {
        self.port.serialize(id as u64, handle as u64);
    }

    /// Starts to take a snapshot of a program: with the options of a run, until the first read of stdin or until the
    /// function `until` has returned. The result is a record for `id`: of a program, or of how the program ended before.
    #[napi(catch_unwind)]
    pub fn snapshot(
        &self,
        id: f64,
        handle: f64,
        options: &[u8],
        until: Option<String>,
        load: BindingLoadOptions,
    ) {
        let request = SnapshotRequest {
            options: Bytes::copy_from_slice(options),
            until: until.map_or(SnapshotUntil::Stdin, |name| SnapshotUntil::Call { name }),
            load: load.into(),
        };
        self.port.snapshot(id as u64, handle as u64, request);
    }

    /// Gives up a snapshot that is being taken.
    #[napi(catch_unwind)]
    pub fn abort_snapshot(&self, id: f64) {
        self.port.abort_snapshot(id as u64);
    }

    /// Starts to copy a program's binary, which is a record for `id`.
    #[napi(catch_unwind)]
    pub fn wasm(&self, id: f64, handle: f64) {
        self.port.wasm(id as u64, handle as u64);
    }

    /// What the runtime has and does.
    #[napi(catch_unwind)]
    pub fn stats(&mut self) -> BindingStats {
        self.leave();
        BindingStats::new(self.port.stats(), self.port.has_processes())
    }

    /// Closes the runtime; a record for `id` says when all its runs have ended.
    #[napi(catch_unwind)]
    pub fn close(&mut self, id: f64) {
        self.leave();
        self.port.close_runtime(id as u64);
    }

    /// Whether something waits for a slot, and instances have some of them.
    #[napi(catch_unwind)]
    pub fn waits_for_instances(&self) -> bool {
        self.port.waits_for_instances()
    }

    /// Keeps the event loop alive, or no longer.
    #[napi(catch_unwind)]
    pub fn hold(&self, env: Env, alive: bool) {
        let Some(wake) = self.wake.get() else { return };
        let (env, function) = (env.raw(), wake.raw());
        // SAFETY: `env` is the environment of this call, which is the one that made `function`, and
        // the function is released only when `self` is dropped.
        unsafe {
            if alive {
                sys::napi_ref_threadsafe_function(env, function);
            } else {
                sys::napi_unref_threadsafe_function(env, function);
            }
        }
    }
}

impl Drop for BindingPort {
    fn drop(&mut self) {
        self.port.close();
    }
}

impl BindingPort {
    /// Puts a delivery of one record where the facade looks; returns how many bytes it has.
    fn hand_over(&mut self, delivery: Delivery) -> f64 {
        let length = delivery.bytes.len();
        // SAFETY: both arrays belong to the facade, which shares them with no other code and changes them on this
        // thread alone, where no JavaScript runs before the two slices are gone.
        let (record, output) = unsafe { (self.record.as_mut(), self.output.as_mut()) };
        record.copy_from_slice(&delivery.records);
        match output.get_mut(..length) {
            Some(output) => {
                output.copy_from_slice(&delivery.bytes);
                self.spare = delivery;
            }
            None => self.left = delivery,
        }
        length as f64
    }

    /// Begins a call that this thread waits for.
    fn start_call(
        &mut self,
        id: f64,
        instance: f64,
        called: u32,
        payload: Bytes,
    ) -> napi::Result<()> {
        let run = self
            .port
            .call_sync(instance as u64, called as usize, payload);
        self.pending.push(Pending {
            id,
            run: run.map_err(thrown)?,
            call: None,
            beside: Vec::new(),
        });
        Ok(())
    }

    /// The same with a copy of `payload`, after what was waited for before.
    fn start_copied(
        &mut self,
        id: f64,
        instance: f64,
        called: u32,
        payload: &[u8],
    ) -> napi::Result<()> {
        self.leave();
        self.start_call(id, instance, called, Bytes::copy_from_slice(payload))
    }

    fn instance(&self, number: f64) -> napi::Result<Arc<InstanceHandle>> {
        self.port.instance(number as u64).map_err(thrown)
    }
}

fn given_up() -> Error {
    let message = "the run was given up: something else was called while this thread waited for it";
    Error::new(ErrorCode::NestedRun, message)
}

fn no_slot() -> Error {
    let message = "a run whose end this thread waits for, started inside a host function of another such run, needs a \
                   slot and this thread at once: no slot is free, or the program is one that runs elsewhere \
                   (`interruptible: false`, worker processes); start it without waiting for it";
    Error::new(ErrorCode::NestedRun, message)
}

fn first(bytes: &[u8], length: u32) -> &[u8] {
    bytes.get(..length as usize).unwrap_or_default()
}

/// The facade's buffers for small deliveries: making arrays for each takes longer than all else of it.
struct Buffers {
    records: Float64Array,
    bytes: Uint8Array,
}

impl Buffers {
    fn pass(&mut self, delivery: Delivery) -> Records {
        // SAFETY: both arrays belong to the facade, which shares them with no other code and changes them on this
        // thread alone, where no JavaScript runs before the two slices are gone.
        let (records, bytes) = unsafe { (self.records.as_mut(), self.bytes.as_mut()) };
        let (numbers, length) = (delivery.records.len(), delivery.bytes.len());
        let fits = numbers < records.len() && length <= bytes.len();
        if !fits || records.last().is_none_or(|in_use| *in_use != 0.0) {
            let records = Float64Array::new(delivery.records);
            let bytes = Uint8Array::new(delivery.bytes);
            return (Some(records), Some(bytes), 0, 0).into();
        }
        records[..numbers].copy_from_slice(&delivery.records);
        bytes[..length].copy_from_slice(&delivery.bytes);
        // Both are as small as the buffers.
        (None, None, numbers as u32, length as u32).into()
    }
}

/// The operations in the first `numbers`, and a copy of the first `length` of the bytes that these refer to.
fn submitted<'a>(
    operations: &'a [f64],
    numbers: u32,
    bytes: &[u8],
    length: u32,
) -> (&'a [f64], Bytes) {
    let operations = operations.get(..numbers as usize).unwrap_or(operations);
    let bytes = bytes.get(..length as usize).unwrap_or(bytes);
    (operations, Bytes::copy_from_slice(bytes))
}

/// Errors cross as `CODE: message`; the facade makes a `WasiexecError` of them.
fn thrown(error: Error) -> napi::Error {
    napi::Error::from_reason(error.to_string())
}
