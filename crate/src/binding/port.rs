//! The port that each JavaScript environment (main thread or worker) has to a runtime.

#![expect(
    clippy::too_many_arguments,
    reason = "napi's macro does not keep this with the constructor, which takes the facade's buffers"
)]

use super::caller::{Caller, FacadeBuffers, GOES_ON, first};
use super::lent::Lent;
use super::options::{BindingLoadOptions, BindingLoadRequest, BindingRuntimeOptions, BindingStats};
use crate::error::Error;
use crate::host_functions::{MemoryAccess, MemoryAnswer, Thrown};
use crate::lock::lock;
use crate::port::{Delivery, Port, SnapshotRequest};
use crate::runtime::{Runtime, RuntimeOptions};
use crate::schedule::InstanceHandle;
use crate::snapshot::SnapshotUntil;
use crate::workers::port_to_workers;
use bytes::Bytes;
use napi::bindgen_prelude::{BigUint64Array, Float64Array, FnArgs, Function, Uint8Array};
use napi::threadsafe_function::{ThreadsafeFunction, ThreadsafeFunctionCallMode};
use napi::{Env, Status, sys};
use napi_derive::napi;
use std::cell::RefCell;
use std::rc::Rc;
use std::sync::{Arc, Mutex, OnceLock, Weak};
use std::time::Duration;

/// Records and the bytes that they speak of, or how many of each are in the buffers for small deliveries.
type Records = FnArgs<(Option<Float64Array>, Option<Uint8Array>, u32, u32)>;
/// A function that waits for what it begins or goes on with. The facade knows its parameters from `ts_return_type`.
type SyncFunction<'a> = Function<'a, (), f64>;
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
    /// What its thread waits for, which the functions have, too, that [`make_run_sync`](Self::make_run_sync) and others
    /// return. No JavaScript runs while it is borrowed.
    caller: Rc<RefCell<Caller>>,
}

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
        let facade = FacadeBuffers {
            record,
            output,
            words,
            passed,
        };
        let caller = Rc::new(RefCell::new(Caller::new(port.clone(), facade)));
        Ok(Self { port, wake, caller })
    }

    /// Carries out the operations in the first `numbers` of `operations`, which refer to the first `length` of `bytes`;
    /// the native side documents their form.
    #[napi(catch_unwind)]
    pub fn submit(
        &self,
        operations: &[f64],
        numbers: u32,
        bytes: &[u8],
        length: u32,
    ) -> napi::Result<()> {
        self.caller.borrow_mut().leave();
        let (operations, bytes) = submitted(operations, numbers, bytes, length);
        self.port.submit(operations, &bytes).map_err(thrown)
    }

    /// Returns a function that runs a program on this thread, for a turn, with the options in the first bytes of
    /// `options`. It returns how many bytes belong to the record that is then in `record`, or -1 when the run goes on. The
    /// bytes are in `output`, or `takeSync` has them. For -2 and less, the run calls the host function 0 and so on, with
    /// the number of the call and its arguments in `words`; `returnSync` or `throwSync` goes on.
    ///
    /// A function, because what napi does to find the port of a method takes a tenth of a short call.
    #[napi(
        catch_unwind,
        ts_return_type = "(id: number, handle: number, options: Uint8Array, length: number) => number"
    )]
    pub fn make_run_sync<'a>(&self, env: &'a Env) -> napi::Result<SyncFunction<'a>> {
        let caller = self.caller.clone();
        env.create_function_from_closure("runSync", move |given| {
            let (id, handle) = (given.get(0)?, given.get(1)?);
            let options: &[u8] = given.get(2)?;
            let run = caller
                .borrow_mut()
                .run(id, handle, first(options, given.get(3)?));
            run.map_err(thrown)
        })
    }

    /// The same for a call of a function of an instance, with the first bytes of `passed`.
    #[napi(
        catch_unwind,
        ts_return_type = "(id: number, instance: number, called: number, length: number) => number"
    )]
    pub fn make_call_sync<'a>(&self, env: &'a Env) -> napi::Result<SyncFunction<'a>> {
        let caller = self.caller.clone();
        env.create_function_from_closure("callSync", move |given| {
            let (id, instance, called) = (given.get(0)?, given.get(1)?, given.get(2)?);
            let mut caller = caller.borrow_mut();
            let payload = caller.passed(given.get(3)?);
            caller.call(id, instance, called, payload).map_err(thrown)
        })
    }

    /// The same for a call of a function of an instance, with the first bytes of `payload`.
    #[napi(
        catch_unwind,
        ts_return_type = "(id: number, instance: number, called: number, payload: Uint8Array, length: number) => number"
    )]
    pub fn make_call_sync_with<'a>(&self, env: &'a Env) -> napi::Result<SyncFunction<'a>> {
        let caller = self.caller.clone();
        env.create_function_from_closure("callSyncWith", move |given| {
            let (id, instance, called) = (given.get(0)?, given.get(1)?, given.get(2)?);
            let payload = Bytes::copy_from_slice(first(given.get(3)?, given.get(4)?));
            let call = caller.borrow_mut().call(id, instance, called, payload);
            call.map_err(thrown)
        })
    }

    /// Calls a function of an instance on this thread, with the first bytes of `payload`. Nobody may change these before
    /// the call has returned.
    #[napi(catch_unwind)]
    pub fn call_sync_lent(
        &self,
        id: f64,
        instance: f64,
        called: u32,
        payload: Uint8Array,
        length: u32,
    ) -> napi::Result<f64> {
        let payload = Bytes::from_owner(Lent {
            bytes: payload,
            length: length as usize,
        });
        let mut caller = self.caller.borrow_mut();
        let call = caller.call(id, instance, called, payload);
        call.map_err(thrown)
    }

    /// The same as `callSyncWith` with the elements of a list of numbers that is the last argument, which are not in
    /// `payload`.
    #[napi(catch_unwind)]
    pub fn call_sync_beside(
        &self,
        id: f64,
        instance: f64,
        called: u32,
        payload: &[u8],
        length: u32,
        beside: &[u8],
    ) -> napi::Result<f64> {
        let mut caller = self.caller.borrow_mut();
        let payload = Bytes::copy_from_slice(first(payload, length));
        let call = caller.call_beside(id, instance, called, payload, beside);
        call.map_err(thrown)
    }

    /// Returns a function that goes on with what `runSync` or a call began, with the host function's results in `words`.
    #[napi(
        catch_unwind,
        ts_return_type = "(id: number, results: number) => number"
    )]
    pub fn make_return_sync<'a>(&self, env: &'a Env) -> napi::Result<SyncFunction<'a>> {
        let caller = self.caller.clone();
        env.create_function_from_closure("returnSync", move |given| {
            let mut caller = caller.borrow_mut();
            let words = caller.returned(given.get(1)?);
            caller.go_on(given.get(0)?, Ok(words)).map_err(thrown)
        })
    }

    /// Goes on with results for which there is no room in `words`.
    #[napi(catch_unwind)]
    pub fn return_sync_with(&self, id: f64, results: &[u8]) -> napi::Result<f64> {
        let (words, _) = results.as_chunks();
        let words = words.iter().map(|word| u64::from_le_bytes(*word));
        let mut caller = self.caller.borrow_mut();
        caller.go_on(id, Ok(words.collect())).map_err(thrown)
    }

    /// The same for a host function that has thrown.
    #[napi(catch_unwind)]
    pub fn throw_sync(&self, id: f64) -> napi::Result<f64> {
        let mut caller = self.caller.borrow_mut();
        caller.go_on(id, Err(Thrown)).map_err(thrown)
    }

    /// Goes on with what `runSync` or a call began.
    #[napi(catch_unwind)]
    pub fn wait_sync(&self, id: f64) -> napi::Result<f64> {
        self.caller.borrow_mut().wait(id).map_err(thrown)
    }

    /// Gives up the runs that this thread waited for: no JavaScript waits for them any more.
    #[napi(catch_unwind)]
    pub fn give_up_sync(&self) {
        self.caller.borrow_mut().give_up();
    }

    /// Copies bytes out of the memory of a run that waits for a host function, or into it, if they all lie in it.
    /// Returns the size of the memory; -1 when the call is over, and -2 when the guest exports no memory.
    #[napi(catch_unwind)]
    pub fn access_memory(
        &self,
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
        let answer = self.caller.borrow().access(run, call, access);
        Ok(match answer.map_err(thrown)? {
            MemoryAnswer::Ended => CALL_ENDED,
            MemoryAnswer::Missing => NO_MEMORY,
            MemoryAnswer::Size(size) => size as f64,
        })
    }

    /// The arguments of the call that `waitSync` has told of last, if they are more than there is room for.
    #[napi(catch_unwind)]
    pub fn host_arguments(&self) -> Uint8Array {
        Uint8Array::new(self.caller.borrow_mut().take_arguments())
    }

    /// The same as `submit`, of one call that is likely to be short: waits for up to `microseconds` for one record.
    /// Returns how many bytes belong to the record that is then in `record`, or -1 when it comes later.
    #[napi(catch_unwind)]
    pub fn submit_call(
        &self,
        operations: &[f64],
        numbers: u32,
        bytes: &[u8],
        length: u32,
        microseconds: u32,
    ) -> napi::Result<f64> {
        self.caller.borrow_mut().leave();
        let (operations, bytes) = submitted(operations, numbers, bytes, length);
        let patience = Duration::from_micros(microseconds.into());
        let mut caller = self.caller.borrow_mut();
        let most = caller.room();
        let came = self
            .port
            .submit_and_wait(operations, &bytes, patience, most);
        Ok(match came.map_err(thrown)? {
            Some(delivery) => caller.hand_over(delivery),
            None => GOES_ON,
        })
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
    pub fn take_sync(&self) -> Uint8Array {
        Uint8Array::new(self.caller.borrow_mut().take_bytes())
    }

    /// Copies them to an array of as many bytes, and keeps their memory for the next.
    #[napi(catch_unwind)]
    pub fn copy_sync(&self, mut to: Uint8Array) -> napi::Result<()> {
        // SAFETY: the array belongs to the facade, which made it for this call alone, and no JavaScript runs meanwhile.
        let to = unsafe { to.as_mut() };
        self.caller.borrow_mut().copy_bytes(to).map_err(thrown)
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
    pub fn stats(&self) -> BindingStats {
        self.caller.borrow_mut().leave();
        BindingStats::new(self.port.stats(), self.port.has_processes())
    }

    /// Closes the runtime; a record for `id` says when all its runs have ended.
    #[napi(catch_unwind)]
    pub fn close(&self, id: f64) {
        self.caller.borrow_mut().leave();
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
    fn instance(&self, number: f64) -> napi::Result<Arc<InstanceHandle>> {
        self.port.instance(number as u64).map_err(thrown)
    }
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
