//! Code that other runtimes of the process have: what one has compiled, none compiles again.

use super::compiled::Compiled;
use super::load_options::CompilerChoice;
use crate::engine::Compilation;
use crate::lock::lock;
use std::collections::HashMap;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::{Arc, LazyLock, Mutex, MutexGuard, Weak};
use wasmtime::Engine;

/// The shelves of the process.
static SHELVES: LazyLock<Mutex<HashMap<ShelfKey, Weak<Shelf>>>> = LazyLock::new(Mutex::default);

/// What programs have in common whose runs get the same code.
#[derive(Clone, PartialEq, Eq, Hash)]
pub(super) struct ShelfKey {
    pub(super) source: blake3::Hash,
    pub(super) compiler: CompilerChoice,
    pub(super) interruptible: bool,
}

/// The programs of one source, in all runtimes.
#[derive(Default)]
pub(super) struct Shelf {
    loading: Mutex<()>,
    programs: Mutex<Vec<Weak<dyn HasCode>>>,
}

/// A program.
pub(super) trait HasCode: Send + Sync {
    /// The code of this compilation, if it was made.
    fn made(&self, compilation: Compilation) -> Option<&Compiled>;
}

impl Shelf {
    /// The shelf of these programs. Also forgets those of which no program is left.
    pub(super) fn of(key: ShelfKey) -> Arc<Self> {
        let mut shelves = lock(&SHELVES);
        shelves.retain(|_, shelf| shelf.strong_count() > 0);
        let shelf = shelves.entry(key).or_default();
        shelf.upgrade().unwrap_or_else(|| {
            let fresh = Arc::<Self>::default();
            *shelf = Arc::downgrade(&fresh);
            fresh
        })
    }

    /// Held while a program is loaded: others that would compile the same wait, and then find its code.
    pub(super) fn loading(&self) -> MutexGuard<'_, ()> {
        lock(&self.loading)
    }

    /// Lets others have the code of a program for as long as the program lives.
    pub(super) fn add(&self, program: Weak<dyn HasCode>) {
        let mut programs = lock(&self.programs);
        programs.retain(|program| program.strong_count() > 0);
        programs.push(program);
    }

    /// Serialized code for engines like this one, if a program has it.
    pub(super) fn code(&self, compilation: Compilation, engine: &Engine) -> Option<Vec<u8>> {
        let programs = lock(&self.programs);
        let held: Vec<_> = programs.iter().filter_map(Weak::upgrade).collect();
        drop(programs);
        let settings = settings(engine);
        let fits = |compiled: &&Compiled| self::settings(compiled.engine()) == settings;
        let mut made = held.iter().filter_map(|program| program.made(compilation));
        made.find(fits)?.serialize().ok()
    }
}

/// What decides whether an engine can load what another has compiled.
fn settings(engine: &Engine) -> u64 {
    let mut hasher = DefaultHasher::new();
    engine.precompile_compatibility_hash().hash(&mut hasher);
    hasher.finish()
}
