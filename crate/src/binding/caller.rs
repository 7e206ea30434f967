//! Runs and calls that the thread of an environment waits for.

use crate::error::{Error, ErrorCode, Result};
use crate::host_functions::{HostResult, MemoryAccess, MemoryAnswer};
use crate::port::{Delivery, PendingRun, Port};
use crate::schedule::with_beside;
use bytes::Bytes;
use napi::bindgen_prelude::{BigUint64Array, Float64Array, Uint8Array};
use std::mem::take;
use std::sync::Arc;
use std::time::Duration;

/// How long the thread stays in the core at a time: it can be terminated only between two turns.
const TURN: Duration = Duration::from_millis(50);

/// What is returned for a run that goes on.
pub(super) const GOES_ON: f64 = -1.0;
/// What is returned for a call of the host function 0; less for later functions.
const CALLED: f64 = -2.0;

/// What one thread waits for.
pub(super) struct Caller {
    port: Arc<Port>,
    /// Each but the last waits for a host function in which the next one was started. Any call means that nobody waits any
    /// more for a last one that does not wait for a function: what terminates a script for its time leaves it behind.
    pending: Vec<Pending>,
    facade: FacadeBuffers,
    /// Arguments of a call of a host function for which there is no room in the facade's words.
    large: Vec<u8>,
    /// The delivery whose bytes did not fit into the facade's buffer.
    left: Delivery,
    /// Memory for the next delivery.
    spare: Delivery,
}

/// Buffers of the facade, which shares them with no other code and changes them on this thread alone.
pub(super) struct FacadeBuffers {
    /// The record and the output of what has ended.
    pub(super) record: Float64Array,
    pub(super) output: Uint8Array,
    /// The number and the arguments of a call of a host function, and what that returns.
    pub(super) words: BigUint64Array,
    /// The arguments of a call.
    pub(super) passed: Uint8Array,
}

/// A run or call that the thread waits for.
struct Pending {
    id: f64,
    run: PendingRun,
    /// The number of the call of a host function that it waits for.
    call: Option<u64>,
    /// A copy of the list beside its arguments, if the guest has not got it in the first turn.
    beside: Vec<u8>,
}

impl Caller {
    pub(super) fn new(port: Arc<Port>, facade: FacadeBuffers) -> Self {
        Self {
            port,
            pending: Vec::new(),
            facade,
            large: Vec::new(),
            left: Delivery::default(),
            spare: Delivery::default(),
        }
    }

    /// Gives up what the thread waited for, unless that waits for a host function.
    pub(super) fn leave(&mut self) {
        self.pending.pop_if(|pending| pending.call.is_none());
    }

    /// Gives up everything that the thread waited for: no JavaScript waits for it any more.
    pub(super) fn give_up(&mut self) {
        self.pending.clear();
    }

    /// Runs a program with these options. Returns what [`wait`](Self::wait) returns.
    pub(super) fn run(&mut self, id: f64, handle: f64, options: &[u8]) -> Result<f64> {
        // Before another one begins, which may need its slot.
        self.leave();
        let options = Bytes::copy_from_slice(options);
        let is_nested = !self.pending.is_empty();
        if is_nested && self.port.has_processes() {
            return Err(no_slot());
        }
        let run = self.port.run_sync(handle as u64, options)?;
        if is_nested && !run.is_started() {
            return Err(no_slot());
        }
        self.begin(id, run);
        self.wait(id)
    }

    /// Calls a function of an instance. Returns what [`wait`](Self::wait) returns.
    pub(super) fn call(
        &mut self,
        id: f64,
        instance: f64,
        called: u32,
        payload: Bytes,
    ) -> Result<f64> {
        self.begin_call(id, instance, called, payload)?;
        self.wait(id)
    }

    /// A copy of the first bytes of the facade's `passed`.
    pub(super) fn passed(&self, length: u32) -> Bytes {
        Bytes::copy_from_slice(first(&self.facade.passed, length))
    }

    /// The same as [`call`](Self::call) with the elements of a list of numbers that is the last argument, which are not
    /// in `payload`.
    pub(super) fn call_beside(
        &mut self,
        id: f64,
        instance: f64,
        called: u32,
        payload: Bytes,
        beside: &[u8],
    ) -> Result<f64> {
        self.begin_call(id, instance, called, payload)?;
        let (waited, is_left) = with_beside(beside, || self.wait(id));
        // After this turn JavaScript may change or free it.
        if let Some(last) = self.pending.last_mut()
            && is_left
            && last.id == id
        {
            last.beside = beside.to_vec();
        }
        waited
    }

    /// Goes on with what waits for a host function, which has returned or thrown.
    pub(super) fn go_on(&mut self, id: f64, result: HostResult) -> Result<f64> {
        self.return_to(id);
        let pending = self.pending.last_mut().filter(|last| last.id == id);
        let pending = pending.ok_or_else(given_up)?;
        if let Some(call) = pending.call.take() {
            self.port.give_sync(&pending.run, call, result)?;
        }
        self.wait(id)
    }

    /// What a host function has returned in the facade's words.
    pub(super) fn returned(&self, results: u32) -> Vec<u64> {
        let words = self.facade.words.get(..results as usize);
        words.unwrap_or_default().to_vec()
    }

    /// Waits for a turn. Returns how many bytes belong to the record that is then in the facade's `record`; [`GOES_ON`] if
    /// there is none yet; less for the call of a host function, whose number and arguments are in `words`.
    pub(super) fn wait(&mut self, id: f64) -> Result<f64> {
        self.return_to(id);
        let Self { pending, spare, .. } = self;
        let last = pending.last_mut().filter(|last| last.id == id);
        let last = last.ok_or_else(given_up)?;
        let waited = match &mut last.beside {
            none if none.is_empty() => last.run.wait_into(TURN, spare),
            beside => {
                let turn = || last.run.wait_into(TURN, spare);
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
        match waited? {
            Some(delivery) => Ok(self.hand_over(delivery)),
            None => self.take_call(),
        }
    }

    /// Accesses the memory of a run that waits for a host function.
    pub(super) fn access(
        &self,
        run: f64,
        call: f64,
        access: MemoryAccess<'_>,
    ) -> Result<MemoryAnswer> {
        match self.pending.iter().find(|pending| pending.id == run) {
            Some(pending) => self.port.access_sync(&pending.run, call as u64, access),
            None => self.port.access_memory(run as u64, call as u64, access),
        }
    }

    /// Puts a delivery of one record where the facade looks; returns how many bytes it has.
    pub(super) fn hand_over(&mut self, delivery: Delivery) -> f64 {
        let length = delivery.bytes.len();
        let FacadeBuffers { record, output, .. } = &mut self.facade;
        // SAFETY: both arrays belong to the facade, which shares them with no other code and changes them on this
        // thread alone, where no JavaScript runs before the two slices are gone.
        let (record, output) = unsafe { (record.as_mut(), output.as_mut()) };
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

    /// The most bytes that the facade's buffer has room for.
    pub(super) fn room(&self) -> usize {
        self.facade.output.len()
    }

    /// The arguments of the last call of a host function, if they are more than `words` have room for.
    pub(super) fn take_arguments(&mut self) -> Vec<u8> {
        take(&mut self.large)
    }

    /// The bytes for which there was no room.
    pub(super) fn take_bytes(&mut self) -> Vec<u8> {
        take(&mut self.left).bytes
    }

    /// Copies them to as many bytes, and keeps their memory for the next.
    pub(super) fn copy_bytes(&mut self, to: &mut [u8]) -> Result<()> {
        let left = take(&mut self.left);
        if to.len() != left.bytes.len() {
            return Err(Error::internal("bytes are copied to another length"));
        }
        to.copy_from_slice(&left.bytes);
        self.spare = left;
        Ok(())
    }

    fn begin(&mut self, id: f64, run: PendingRun) {
        self.pending.push(Pending {
            id,
            run,
            call: None,
            beside: Vec::new(),
        });
    }

    fn begin_call(&mut self, id: f64, instance: f64, called: u32, payload: Bytes) -> Result<()> {
        self.leave();
        let run = self
            .port
            .call_sync(instance as u64, called as usize, payload)?;
        self.begin(id, run);
        Ok(())
    }

    /// Gives up the runs that were started inside of this one.
    fn return_to(&mut self, id: f64) {
        if let Some(at) = self.pending.iter().rposition(|pending| pending.id == id) {
            self.pending.truncate(at + 1);
        }
    }

    /// Passes on the call of a host function that the last one waits for, if there is one.
    fn take_call(&mut self) -> Result<f64> {
        let Self {
            pending,
            facade,
            large,
            ..
        } = self;
        // Still there, because it has not ended.
        let last = pending.last_mut().ok_or_else(given_up)?;
        let called = last.run.take_call(|call| {
            // SAFETY: the array belongs to the facade, which shares it with no other code and changes it on this
            // thread alone, where no JavaScript runs before the slice is gone.
            let words = unsafe { facade.words.as_mut() };
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
}

/// The first bytes of a buffer.
pub(super) fn first(bytes: &[u8], length: u32) -> &[u8] {
    bytes.get(..length as usize).unwrap_or_default()
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
