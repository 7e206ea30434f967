//! Engines: how programs are compiled and where their instances live.

use crate::error::{Error, ErrorCode, Result, closed};
use crate::lock::lock;
use crate::wasi::{self, RunState};
use serde::Serialize;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use wasmtime::{
    Collector, Config, Enabled, Engine, InstanceAllocationStrategy, PoolingAllocationConfig,
    WasmBacktraceDetails, WasmFeatures, component,
};

/// Stack of a guest's own frames. wasmtime's default of 512 KiB is short for recursive judge
/// submissions; half of the fiber's 2 MiB stays for host calls.
const WASM_STACK: usize = 1 << 20;
const FIBER_STACK: usize = 2 << 20;
/// A slot holds what a 32-bit memory can address.
const SLOT_BYTES: usize = 4 << 30;
/// 8 MiB of address space a table.
const SLOT_TABLE_ELEMENTS: usize = 1 << 20;
const TABLES_PER_MODULE: u32 = 2;
const TABLES_PER_COMPONENT: u32 = 8;
const CORE_INSTANCES_PER_COMPONENT: u32 = 16;
/// A slot's dirty pages up to here are zeroed in place instead of given back to the kernel: giving
/// back takes the process-wide lock of the memory map. Guests that dirty more run for so long that
/// it does not matter, and what is kept stays with the process, for each slot ever in use at a time.
const KEEP_RESIDENT: usize = 8 << 20;
const KEEP_RESIDENT_TABLE: usize = 1 << 20;

/// Where memory has to move to grow, it gets this much more than it asked for, so that growing page
/// by page does not copy it each time.
const COMPACT_GROWTH: u64 = 16 << 20;

/// What the bytes are.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum ProgramKind {
    /// A core module.
    Module,
    /// A component.
    Component,
}

/// How instances of an engine get their memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Allocation {
    /// Slots of a pool, made once and reused.
    Pooling,
    /// Mapped for each run: for programs larger than a slot.
    OnDemand,
    /// Mapped for each run without reserving address space: where the process may not have much.
    Compact,
}

impl Allocation {
    /// The name that `stats()` shows.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Pooling => "pooling",
            Self::OnDemand => "on-demand",
            Self::Compact => "compact",
        }
    }
}

/// An engine with WASI linked into it.
pub(crate) struct Host {
    pub(crate) engine: Engine,
    pub(crate) linker: Linker,
    pub(crate) allocation: Allocation,
}

pub(crate) enum Linker {
    Module(wasmtime::Linker<RunState>),
    Component(component::Linker<RunState>),
}

/// The slots of a runtime's pools.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Slots {
    /// Runs that can be going on at a time.
    pub(crate) total: u32,
    /// Slots that stay bound to programs which do not run now, with the memory that they keep.
    pub(crate) warm: u32,
}

/// The engines of a runtime, each made at first use.
pub(crate) struct Engines {
    slots: Slots,
    families: [Family; 6],
    /// Every engine made so far, for the ticker.
    made: Mutex<Vec<Engine>>,
    closed: AtomicBool,
}

/// The engines that share one way of compiling.
#[derive(Default)]
struct Family {
    primary: Mutex<Option<Arc<Host>>>,
    on_demand: Mutex<Option<Arc<Host>>>,
}

/// Which family of engines a program is compiled for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Flavor {
    pub(crate) kind: ProgramKind,
    pub(crate) checks: Checks,
}

/// What a guest looks at in its loops and functions.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Checks {
    /// The epoch.
    Epoch,
    /// The epoch and its fuel.
    EpochAndFuel,
    /// Nothing: nobody can interrupt it.
    Nothing,
}

impl Engines {
    pub(crate) fn new(slots: Slots) -> Self {
        Self {
            slots,
            families: Default::default(),
            made: Mutex::default(),
            closed: AtomicBool::new(false),
        }
    }

    /// The engine that programs of this flavor are compiled for.
    pub(crate) fn primary(&self, flavor: Flavor) -> Result<Arc<Host>> {
        self.get_or_make(&self.families[flavor.index()].primary, || {
            self.make(flavor, Allocation::Pooling)
                .or_else(|_| self.make(flavor, Allocation::Compact))
        })
    }

    /// The engine whose instances are not bound to slots.
    pub(crate) fn on_demand(&self, flavor: Flavor) -> Result<Arc<Host>> {
        self.get_or_make(&self.families[flavor.index()].on_demand, || {
            self.make(flavor, Allocation::OnDemand)
        })
    }

    /// How instances get their memory, by the engines made so far.
    pub(crate) fn allocation(&self) -> Allocation {
        let compact = |family: &Family| {
            let host = lock(&family.primary);
            host.as_ref()
                .is_some_and(|h| h.allocation == Allocation::Compact)
        };
        match self.families.iter().any(compact) {
            true => Allocation::Compact,
            false => Allocation::Pooling,
        }
    }

    pub(crate) fn increment_epochs(&self) {
        lock(&self.made).iter().for_each(Engine::increment_epoch);
    }

    /// Lets go of all engines and makes no more: each gives its address space back when its last
    /// program is gone.
    pub(crate) fn close(&self) {
        self.closed.store(true, Ordering::Release);
        for family in &self.families {
            lock(&family.primary).take();
            lock(&family.on_demand).take();
        }
        lock(&self.made).clear();
    }

    fn get_or_make(
        &self,
        cell: &Mutex<Option<Arc<Host>>>,
        make: impl FnOnce() -> Result<Host>,
    ) -> Result<Arc<Host>> {
        // Held while it is made: the others that want it would only make it again.
        let mut cell = lock(cell);
        if let Some(host) = &*cell {
            return Ok(host.clone());
        }
        if self.closed.load(Ordering::Acquire) {
            return Err(closed());
        }
        let host = Arc::new(make()?);
        lock(&self.made).push(host.engine.clone());
        Ok(cell.insert(host).clone())
    }

    fn make(&self, flavor: Flavor, allocation: Allocation) -> Result<Host> {
        let engine = Engine::new(&config(flavor, allocation, self.slots)).map_err(|error| {
            Error::new(
                ErrorCode::OutOfResources,
                format!(
                    "cannot set up the {} engine: {error:#}",
                    allocation.as_str()
                ),
            )
        })?;
        let linker = match flavor.kind {
            ProgramKind::Module => wasi::module_linker(&engine).map(Linker::Module),
            ProgramKind::Component => wasi::component_linker(&engine).map(Linker::Component),
        };
        Ok(Host {
            linker: linker.map_err(Error::internal)?,
            engine,
            allocation,
        })
    }
}

impl Flavor {
    /// What most programs are.
    pub(crate) const COMMON: Self = Self {
        kind: ProgramKind::Module,
        checks: Checks::Epoch,
    };

    fn index(self) -> usize {
        let kind = match self.kind {
            ProgramKind::Module => 0,
            ProgramKind::Component => 3,
        };
        let checks = match self.checks {
            Checks::Epoch => 0,
            Checks::EpochAndFuel => 1,
            Checks::Nothing => 2,
        };
        kind + checks
    }
}

fn config(flavor: Flavor, allocation: Allocation, slots: Slots) -> Config {
    let mut config = Config::new();
    config
        .epoch_interruption(flavor.checks != Checks::Nothing)
        .consume_fuel(flavor.checks == Checks::EpochAndFuel)
        .max_wasm_stack(WASM_STACK)
        .async_stack_size(FIBER_STACK)
        .wasm_backtrace_details(WasmBacktraceDetails::Enable)
        .collector(Collector::DeferredReferenceCounting)
        // Atomics are fine on a memory of one's own; shared memories are refused at load.
        .wasm_features(WasmFeatures::THREADS, true)
        .wasm_function_references(true)
        .wasm_gc(true)
        .wasm_exceptions(true)
        // Data segments cost fuel where they are copied, and none where they are mapped: as the system,
        // the allocator and the cache have it. Copied, they cost the same everywhere.
        .memory_init_cow(flavor.checks != Checks::EpochAndFuel)
        // Node handles signals, too; mach ports would bypass its handlers (macOS only).
        .macos_use_mach_ports(false);
    match flavor.kind {
        ProgramKind::Module => config.concurrency_support(false),
        ProgramKind::Component => config.wasm_component_model_async(true),
    };
    match allocation {
        Allocation::Pooling => {
            config.allocation_strategy(InstanceAllocationStrategy::Pooling(pool(
                flavor.kind,
                slots,
            )));
        }
        Allocation::OnDemand => {
            config.allocation_strategy(InstanceAllocationStrategy::OnDemand);
        }
        Allocation::Compact => {
            config
                .allocation_strategy(InstanceAllocationStrategy::OnDemand)
                .memory_reservation(0)
                .memory_guard_size(64 << 10)
                .memory_reservation_for_growth(COMPACT_GROWTH)
                .gc_heap_reservation(0)
                .gc_heap_guard_size(64 << 10);
        }
    }
    config
}

fn pool(kind: ProgramKind, slots: Slots) -> PoolingAllocationConfig {
    let Slots { total, warm } = slots;
    // Room that is never used costs time when the engine is made.
    let (instances, tables) = match kind {
        ProgramKind::Module => (1, TABLES_PER_MODULE),
        ProgramKind::Component => (CORE_INSTANCES_PER_COMPONENT, TABLES_PER_COMPONENT),
    };
    let mut pool = PoolingAllocationConfig::new();
    pool.total_memories(total)
        .total_stacks(total)
        .total_gc_heaps(total)
        .total_component_instances(total)
        .total_core_instances(total * instances)
        .total_tables(total * tables)
        .max_memories_per_module(1)
        .max_memories_per_component(1)
        .max_tables_per_module(tables)
        .max_tables_per_component(tables)
        .max_core_instances_per_component(instances)
        .max_memory_size(SLOT_BYTES)
        .table_elements(SLOT_TABLE_ELEMENTS)
        .max_unused_warm_slots(warm)
        .linear_memory_keep_resident(KEEP_RESIDENT)
        .table_keep_resident(KEEP_RESIDENT_TABLE)
        .async_stack_keep_resident(FIBER_STACK)
        .decommit_batch_size(1)
        .pagemap_scan(Enabled::Auto);
    pool
}
