//! The caps of a run, and the limiter that holds a guest to its memory.

use super::instance_control::InstanceControl;
use super::stop::{Cause, LimitKind, Stopped};
use crate::files::FileLimits;
use std::sync::Arc;
use std::time::Duration;
use wasmtime::ResourceLimiter;

/// What one element of a table is charged: a pointer.
const TABLE_ELEMENT_BYTES: usize = size_of::<usize>();

/// Outside of the pool each memory takes mappings of the process, which has 65,530 of them on Linux.
const MAX_MEMORIES: usize = 8;
const MAX_TABLES: usize = 64;

/// Host work (bytes copied for the guest) that one host call may cause; wasmtime's own default.
pub(crate) const HOSTCALL_FUEL: usize = 128 << 20;

/// The caps of one run. The defaults are those of the public API.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Wall clock from the guest's start, host calls included.
    pub timeout: Option<Duration>,
    /// Time on a core.
    pub cpu: Option<Duration>,
    /// wasmtime fuel.
    pub fuel: Option<u64>,
    /// All linear memories and tables of the run together.
    pub memory_bytes: u64,
    /// What happens when a growth would exceed `memory_bytes`.
    pub on_memory: OnMemory,
    /// Stdout and stderr together, wherever they go, except nowhere. `None`: 16 MiB of what is captured,
    /// and no cap on what is passed on.
    pub output_bytes: Option<u64>,
    /// What happens when more is printed.
    pub on_output: OnOutput,
    /// Files in memory. A guest that reaches these caps is told that there is no space left.
    pub files: FileLimits,
    /// Sockets that are open at the same time. A guest that asks for more gets an error.
    pub sockets: u32,
    /// What all its sockets and requests send together. More end the run.
    pub network_sent_bytes: Option<u64>,
    /// What they receive.
    pub network_received_bytes: Option<u64>,
    /// The body of the request that it serves. More of it end the run.
    pub request_bytes: Option<u64>,
    /// The body of its response to that. More end the run.
    pub response_bytes: Option<u64>,
}

impl Limits {
    /// 4 GiB: what a 32-bit memory can address.
    pub const DEFAULT_MEMORY_BYTES: u64 = 4 << 30;
    /// 16 MiB.
    pub const DEFAULT_OUTPUT_BYTES: u64 = 16 << 20;
    /// As many as a client with several pools of connections has.
    pub const DEFAULT_SOCKETS: u32 = 64;
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            timeout: None,
            cpu: None,
            fuel: None,
            memory_bytes: Self::DEFAULT_MEMORY_BYTES,
            on_memory: OnMemory::Deny,
            output_bytes: None,
            on_output: OnOutput::Stop,
            files: FileLimits::default(),
            sockets: Self::DEFAULT_SOCKETS,
            network_sent_bytes: None,
            network_received_bytes: None,
            request_bytes: None,
            response_bytes: None,
        }
    }
}

/// What a growth over the cap does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OnMemory {
    /// `memory.grow` returns -1 and the guest decides.
    Deny,
    /// The run ends.
    Stop,
}

/// What output over the cap does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OnOutput {
    /// The run ends; what was printed up to the cap is kept.
    Stop,
    /// The rest is dropped and the guest goes on.
    Truncate,
}

/// Sums over all memories and tables of a store.
///
/// A growth that wasmtime refuses after it was granted here stays counted: refusals that can be
/// foreseen are foreseen (`maximum`), and for the rest counting too much is the safe side.
pub(crate) struct MemoryLimiter {
    control: Arc<InstanceControl>,
    cap: u64,
    on_memory: OnMemory,
    /// Bytes that were granted. Memories and tables do not shrink, so this is the peak, too.
    pub(crate) used: u64,
    /// Whether a growth was refused.
    pub(crate) denied: bool,
    /// Set once all memories and tables have their minimum.
    pub(crate) instantiated: bool,
}

impl MemoryLimiter {
    pub(crate) fn new(control: Arc<InstanceControl>, limits: &Limits) -> Self {
        Self {
            control,
            cap: limits.memory_bytes,
            on_memory: limits.on_memory,
            used: 0,
            denied: false,
            instantiated: false,
        }
    }

    /// Grows from `current` to `desired` units of `unit` bytes each. Returns false if the growth is known to be
    /// impossible.
    fn grow(
        &mut self,
        (current, desired): (usize, usize),
        maximum: Option<usize>,
        unit: usize,
    ) -> wasmtime::Result<bool> {
        let possible = maximum.is_none_or(|max| desired <= max);
        let bytes = desired.saturating_sub(current).saturating_mul(unit);
        let wanted = self.used.saturating_add(bytes as u64);
        if possible && wanted <= self.cap {
            self.used = wanted;
            return Ok(true);
        }
        self.denied = true;
        // What a program needs to begin with cannot be denied to it: it would not start.
        let minimum = !self.instantiated && current == 0;
        if wanted > self.cap && (self.on_memory == OnMemory::Stop || minimum) {
            self.control.stop(Cause::Limit(LimitKind::Memory));
            return Err(Stopped.into());
        }
        Ok(false)
    }
}

impl ResourceLimiter for MemoryLimiter {
    fn memory_growing(
        &mut self,
        current: usize,
        desired: usize,
        maximum: Option<usize>,
    ) -> wasmtime::Result<bool> {
        self.grow((current, desired), maximum, 1)
    }

    fn memory_grow_failed(&mut self, _: wasmtime::Error) -> wasmtime::Result<()> {
        self.denied = true;
        Ok(())
    }

    fn table_growing(
        &mut self,
        current: usize,
        desired: usize,
        maximum: Option<usize>,
    ) -> wasmtime::Result<bool> {
        self.grow((current, desired), maximum, TABLE_ELEMENT_BYTES)
    }

    fn memories(&self) -> usize {
        MAX_MEMORIES
    }

    fn tables(&self) -> usize {
        MAX_TABLES
    }

    fn table_grow_failed(&mut self, _: wasmtime::Error) -> wasmtime::Result<()> {
        self.denied = true;
        Ok(())
    }
}
