//! Engines: how programs are compiled and where their instances live.

use crate::error::{Error, ErrorCode, Result, closed};
use crate::guest::MAX_FRAMES;
use crate::lock::lock;
use crate::wasi::{self, RunState};
use serde::{Deserialize, Serialize};
use std::collections::HashMap;
use std::num::NonZeroUsize;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use wasmtime::{
    Collector, Config, Enabled, Engine, InstanceAllocationStrategy, OptLevel,
    PoolingAllocationConfig, RegallocAlgorithm, Strategy, WasmBacktraceDetails, WasmFeatures,
    component,
};

/// Stack of a guest's own frames. wasmtime's default of 512 KiB is short for recursive judge
/// submissions.
const WASM_STACK: usize = 1 << 20;
/// Of each fiber, beside the guest's frames.
const HOST_STACK: usize = 1 << 20;
/// A slot holds what a 32-bit memory can address.
const SLOT_BYTES: usize = 4 << 30;
/// 8 MiB of address space per table.
const SLOT_TABLE_ELEMENTS: usize = 1 << 20;
const TABLES_PER_MODULE: u32 = 2;
const TABLES_PER_COMPONENT: u32 = 8;
const CORE_INSTANCES_PER_COMPONENT: u32 = 16;
/// A slot's dirty pages up to here are zeroed in place instead of given back to the kernel: giving
/// back takes the process-wide lock of the memory map. Guests that dirty more run for so long that
/// it does not matter. What is kept stays with the process, once for each slot that was ever used.
const KEEP_RESIDENT: usize = 8 << 20;
const KEEP_RESIDENT_TABLE: usize = 1 << 20;

/// Where memory has to move to grow, it gets this much more than it asked for, so that growing page
/// by page does not copy it each time.
const COMPACT_GROWTH: u64 = 16 << 20;

/// Stack of a guest whose frames can be looked at: these are several times larger than other frames.
const DEBUG_WASM_STACK: usize = 8 << 20;
const DEBUG_FIBER_STACK: usize = 16 << 20;
/// A snapshot whose memory spans no more than this is mapped when it starts, and not copied. Other programs stay at
/// wasmtime's default: their data, few bytes far apart, could make large files of compiled code.
const SNAPSHOT_IMAGE: u64 = 256 << 20;
/// wasmtime's default.
const IMAGE: u64 = 16 << 20;
/// Most of a snapshot's memory is in its file. A program that only says that it is a snapshot gets no larger image than
/// this number of times its file.
const IMAGE_TO_FILE: u64 = 8;
/// In baseline code, there may be a function that is not the program's beside each one that is.
const BACKTRACE: Option<NonZeroUsize> = NonZeroUsize::new(2 * MAX_FRAMES);
/// A program with many functions needs more than wasmtime's default of 1 MiB.
const MAX_INSTANCE_BYTES: usize = 8 << 20;

/// What the bytes are.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize)]
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
    /// PoolSize of a pool, made once and reused.
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

    /// The one that compiles in the same way and has no slots.
    const fn without_slots(self) -> Self {
        match self {
            Self::Pooling | Self::OnDemand => Self::OnDemand,
            Self::Compact => Self::Compact,
        }
    }
}

/// An engine with WASI linked into it.
pub(crate) struct Host {
    pub(crate) engine: Engine,
    pub(crate) linker: Linker,
    pub(crate) allocation: Allocation,
    pub(crate) needs: EngineNeeds,
}

pub(crate) enum Linker {
    Module(wasmtime::Linker<RunState>),
    Component(component::Linker<RunState>),
}

/// The slots of a runtime's pools.
#[derive(Clone, Copy, Debug)]
pub(crate) struct PoolSize {
    /// Runs that can be going on at a time.
    pub(crate) total: u32,
    /// PoolSize that stay bound to programs which do not run now, with the memory that they keep.
    pub(crate) warm: u32,
}

/// One way of compiling a program.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Compilation {
    pub(crate) kind: ProgramKind,
    pub(crate) checks: Checks,
    pub(crate) tier: Tier,
    pub(crate) nans: Nans,
}

impl Compilation {
    /// What most programs are compiled for.
    pub(crate) const COMMON: Self = Self {
        kind: ProgramKind::Module,
        checks: Checks::Epoch,
        tier: Tier::Optimizing,
        nans: Nans::Any,
    };

    /// That of a run without fuel, of a program that was loaded as interruptible or not. Baseline code is the same for
    /// all runs.
    pub(crate) const fn without_fuel(
        kind: ProgramKind,
        interruptible: bool,
        tier: Tier,
        nans: Nans,
    ) -> Self {
        Self {
            kind,
            checks: match interruptible {
                true => Checks::Epoch,
                false => Checks::Nothing,
            },
            tier,
            nans: match tier {
                Tier::Baseline => Nans::Canonical,
                Tier::Optimizing => nans,
            },
        }
    }

    /// That of a run with fuel. Each tier would count in its own way, so there is one.
    pub(crate) const fn with_fuel(kind: ProgramKind, nans: Nans) -> Self {
        Self {
            kind,
            checks: Checks::EpochAndFuel,
            tier: Tier::Optimizing,
            nans,
        }
    }
}

/// The bits of a NaN that an operation returns, which WebAssembly leaves open in part.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Nans {
    /// What is fastest: they depend on the compiler and the processor.
    Any,
    /// The same everywhere.
    Canonical,
}

/// Which of wasmtime's compilers makes the code.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Tier {
    /// Winch: compiles fast.
    Baseline,
    /// Cranelift: makes fast code.
    Optimizing,
}

/// What an engine has for the programs that need it. The others do better without.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct EngineNeeds {
    pub(crate) heap: Heap,
    pub(crate) tasks: Tasks,
}

impl EngineNeeds {
    pub(crate) const NOTHING: Self = Self {
        heap: Heap::Absent,
        tasks: Tasks::Absent,
    };
}

/// Whether functions of components may be async, and have streams and futures.
///
/// Where they may, wasmtime makes a task of each call, also of those that need none: a short call takes 1.4 times as long.
/// An engine without tasks refuses such components.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Tasks {
    /// They may not.
    Absent,
    /// They may.
    Present,
}

/// Where the garbage-collected objects of programs are: those of the GC proposal, `externref`s and exceptions.
///
/// A heap takes as much of a pool as a memory, so programs that need one have a pool of their own, with room for both. An
/// engine without heaps refuses such programs: its code can never ask for one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Heap {
    /// There are none.
    Absent,
    /// Each run may have a heap beside its memory.
    Present,
}

/// What a guest looks at in its loops and functions.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Checks {
    /// The epoch.
    Epoch,
    /// The epoch and its fuel.
    EpochAndFuel,
    /// Nothing: the guest cannot be interrupted.
    Nothing,
}

/// The engines of a runtime, each made at first use.
pub(crate) struct Engines {
    slots: PoolSize,
    hosts: Mutex<HashMap<HostKey, Arc<HostCell>>>,
    /// Every engine made so far, for the ticker.
    made: Mutex<Vec<Engine>>,
    closed: AtomicBool,
    compilations: AtomicU64,
}

type HostKey = (Compilation, EngineNeeds, Placement);
type HostCell = Mutex<Option<Arc<Host>>>;

/// Which programs an engine is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Placement {
    /// Those that fit into a slot.
    Slot,
    /// Those that do not.
    OnDemand,
    /// Those whose frames are looked at.
    Debug,
}

impl Engines {
    pub(crate) fn new(slots: PoolSize) -> Self {
        Self {
            slots,
            hosts: Mutex::default(),
            made: Mutex::default(),
            closed: AtomicBool::new(false),
            compilations: AtomicU64::new(0),
        }
    }

    /// The engine that programs are compiled with. Its instances live in slots, unless the process has too
    /// little address space.
    pub(crate) fn host(&self, compilation: Compilation, needs: EngineNeeds) -> Result<Arc<Host>> {
        self.get_or_make((compilation, needs, Placement::Slot), || {
            self.make(compilation, needs, Allocation::Pooling)
                .or_else(|_| self.make(compilation, needs, Allocation::Compact))
        })
    }

    /// The engine whose instances are not bound to slots.
    pub(crate) fn on_demand(
        &self,
        compilation: Compilation,
        needs: EngineNeeds,
    ) -> Result<Arc<Host>> {
        self.get_or_make((compilation, needs, Placement::OnDemand), || {
            self.make(compilation, needs, Allocation::OnDemand)
        })
    }

    /// An engine for modules whose frames can be looked at, with or without fuel.
    pub(crate) fn debug(&self, fuel: bool) -> Result<Engine> {
        // The code runs once, for whatever run.
        let compilation = match fuel {
            true => Compilation::with_fuel(ProgramKind::Module, Nans::Canonical),
            false => Compilation {
                nans: Nans::Canonical,
                ..Compilation::COMMON
            },
        };
        // Where there is no room for slots, there is none for reservations either. Asked before, because it looks at
        // all engines.
        let allocation = self.allocation().without_slots();
        let needs = EngineNeeds {
            heap: Heap::Present,
            tasks: Tasks::Absent,
        };
        let host = self.get_or_make((compilation, needs, Placement::Debug), || {
            let mut config = config(compilation, needs, allocation, self.slots);
            compile_fast(&mut config)
                .guest_debug(true)
                .max_wasm_stack(DEBUG_WASM_STACK)
                .async_stack_size(DEBUG_FIBER_STACK);
            host(&config, compilation, needs, allocation)
        });
        Ok(host?.engine.clone())
    }

    /// Compiles a snapshot for engines that are like `host`, such that its memory is mapped when it starts.
    pub(crate) fn compile_snapshot(
        &self,
        wasm: &[u8],
        memories: u64,
        compilation: Compilation,
        host: &Host,
    ) -> wasmtime::Result<Vec<u8>> {
        let allocation = host.allocation.without_slots();
        let mut config = config(compilation, host.needs, allocation, self.slots);
        let image = wasm.len() as u64 * IMAGE_TO_FILE / memories.max(1);
        config.memory_guaranteed_dense_image_size(image.clamp(IMAGE, SNAPSHOT_IMAGE));
        Engine::new(&config)?.precompile_module(wasm)
    }

    /// How instances get their memory, by the engines made so far.
    pub(crate) fn allocation(&self) -> Allocation {
        let cells: Vec<_> = lock(&self.hosts).values().cloned().collect();
        let is_compact = |cell: &Arc<HostCell>| {
            let host = lock(cell);
            host.as_ref()
                .is_some_and(|host| host.allocation == Allocation::Compact)
        };
        match cells.iter().any(is_compact) {
            true => Allocation::Compact,
            false => Allocation::Pooling,
        }
    }

    /// A program was compiled for these engines.
    pub(crate) fn count_compilation(&self) {
        self.compilations.fetch_add(1, Ordering::Relaxed);
    }

    pub(crate) fn compilations(&self) -> u64 {
        self.compilations.load(Ordering::Relaxed)
    }

    pub(crate) fn increment_epochs(&self) {
        lock(&self.made).iter().for_each(Engine::increment_epoch);
    }

    /// Lets go of all engines and makes no more: each gives its address space back when its last
    /// program is gone.
    pub(crate) fn close(&self) {
        self.closed.store(true, Ordering::Release);
        let cells = std::mem::take(&mut *lock(&self.hosts));
        for cell in cells.into_values() {
            lock(&cell).take();
        }
        lock(&self.made).clear();
    }

    fn get_or_make(&self, key: HostKey, make: impl FnOnce() -> Result<Host>) -> Result<Arc<Host>> {
        let cell = lock(&self.hosts).entry(key).or_default().clone();
        // Held while the engine is made: other threads that want it would only make another.
        let mut cell = lock(&cell);
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

    fn make(
        &self,
        compilation: Compilation,
        needs: EngineNeeds,
        allocation: Allocation,
    ) -> Result<Host> {
        let config = config(compilation, needs, allocation, self.slots);
        host(&config, compilation, needs, allocation)
    }
}

fn host(
    config: &Config,
    compilation: Compilation,
    needs: EngineNeeds,
    allocation: Allocation,
) -> Result<Host> {
    let engine = Engine::new(config).map_err(|error| {
        let message = format!(
            "cannot set up the {} engine: {error:#}",
            allocation.as_str()
        );
        Error::new(ErrorCode::OutOfResources, message)
    })?;
    let linker = match compilation.kind {
        ProgramKind::Module => wasi::module_linker(&engine).map(Linker::Module),
        ProgramKind::Component => {
            wasi::component_linker(&engine, needs.tasks == Tasks::Present).map(Linker::Component)
        }
    };
    Ok(Host {
        linker: linker.map_err(Error::internal)?,
        engine,
        allocation,
        needs,
    })
}

fn config(
    compilation: Compilation,
    needs: EngineNeeds,
    allocation: Allocation,
    slots: PoolSize,
) -> Config {
    let EngineNeeds { heap, tasks } = needs;
    let mut config = Config::new();
    let wasm_stack = wasm_stack(compilation.tier);
    config
        .concurrency_support(tasks == Tasks::Present)
        .wasm_component_model_map(true)
        .epoch_interruption(compilation.checks != Checks::Nothing)
        .consume_fuel(compilation.checks == Checks::EpochAndFuel)
        .max_wasm_stack(wasm_stack)
        .async_stack_size(wasm_stack + HOST_STACK)
        // Debug information is read by us, and only when a guest traps.
        .wasm_backtrace_details(WasmBacktraceDetails::Disable)
        // Data segments cost fuel where they are copied, and none where they are mapped, which depends on the system,
        // the allocator and the cache. Copied, they cost the same everywhere.
        .memory_init_cow(compilation.checks != Checks::EpochAndFuel)
        .cranelift_nan_canonicalization(compilation.nans == Nans::Canonical)
        // Otherwise their results depend on the processor.
        .relaxed_simd_deterministic(true)
        // Node handles signals, too; mach ports would bypass its handlers (macOS only).
        .macos_use_mach_ports(false);
    match compilation.tier {
        // Cranelift makes the entries of functions that the host can get hold of.
        Tier::Baseline => compile_fast(&mut config)
            .strategy(Strategy::Winch)
            .wasm_backtrace_max_frames(BACKTRACE),
        Tier::Optimizing => config
            .strategy(Strategy::Cranelift)
            .collector(Collector::DeferredReferenceCounting)
            // Atomics are fine on a memory of one's own; shared memories are refused at load.
            .wasm_features(WasmFeatures::THREADS, true)
            // What needs a heap.
            .gc_support(heap == Heap::Present)
            .wasm_function_references(heap == Heap::Present)
            .wasm_gc(heap == Heap::Present)
            .wasm_exceptions(heap == Heap::Present),
    };
    match allocation {
        Allocation::Pooling => {
            config.allocation_strategy(InstanceAllocationStrategy::Pooling(pool(
                compilation,
                heap,
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

/// Cranelift takes less than a third of the time, and its code is slower.
fn compile_fast(config: &mut Config) -> &mut Config {
    config
        .cranelift_opt_level(OptLevel::None)
        .cranelift_regalloc_algorithm(RegallocAlgorithm::SinglePass)
}

/// Frames of the baseline compiler are larger: it keeps all that it does not use right now in memory. A guest gets as
/// deep with them as with those of the optimizing compiler, or deeper.
const fn wasm_stack(tier: Tier) -> usize {
    match tier {
        Tier::Optimizing => WASM_STACK,
        Tier::Baseline => 8 * WASM_STACK,
    }
}

fn pool(compilation: Compilation, heap: Heap, slots: PoolSize) -> PoolingAllocationConfig {
    let PoolSize { total, warm } = slots;
    // A run has at most one of each: what has more does not fit into a slot.
    let memories = match heap {
        Heap::Absent => total,
        Heap::Present => total.saturating_mul(2),
    };
    // Unused room costs time when the engine is made.
    let (instances, tables) = match compilation.kind {
        ProgramKind::Module => (1, TABLES_PER_MODULE),
        ProgramKind::Component => (CORE_INSTANCES_PER_COMPONENT, TABLES_PER_COMPONENT),
    };
    let mut pool = PoolingAllocationConfig::new();
    pool.total_memories(memories)
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
        .max_core_instance_size(MAX_INSTANCE_BYTES)
        .max_memory_size(SLOT_BYTES)
        .table_elements(SLOT_TABLE_ELEMENTS)
        .max_unused_warm_slots(warm)
        .linear_memory_keep_resident(KEEP_RESIDENT)
        .table_keep_resident(KEEP_RESIDENT_TABLE)
        .async_stack_keep_resident(wasm_stack(compilation.tier) + HOST_STACK)
        .decommit_batch_size(1)
        .pagemap_scan(Enabled::Auto);
    pool
}
