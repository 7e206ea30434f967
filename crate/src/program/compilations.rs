//! The code of a program, one piece per way of compiling it.

use super::compiled::Compiled;
use crate::engine::{Compilation, Nans, ProgramKind, Tier};
use crate::error::{Error, Result};
use crate::lock::lock;
use std::sync::{Mutex, OnceLock};

/// The ways of compiling a program that its runs may need, with the code of those that were needed so far.
pub(crate) struct Compilations(Vec<Way>);

struct Way {
    compilation: Compilation,
    compiled: OnceLock<Compiled>,
    compiling: Mutex<()>,
}

impl Compilations {
    /// Nothing is compiled yet.
    pub(crate) fn new(kind: ProgramKind, interruptible: bool) -> Self {
        let without_fuel = |tier, nans| Compilation::without_fuel(kind, interruptible, tier, nans);
        let way = |compilation| Way {
            compilation,
            compiled: OnceLock::new(),
            compiling: Mutex::default(),
        };
        let ways = [
            without_fuel(Tier::Optimizing, Nans::Any),
            without_fuel(Tier::Optimizing, Nans::Canonical),
            without_fuel(Tier::Baseline, Nans::Canonical),
            Compilation::with_fuel(kind, Nans::Any),
            Compilation::with_fuel(kind, Nans::Canonical),
        ];
        Self(ways.map(way).into())
    }

    /// Whether a run may need this compilation.
    pub(crate) fn has(&self, compilation: Compilation) -> bool {
        self.way(compilation).is_some()
    }

    pub(crate) fn get(&self, compilation: Compilation) -> Option<&Compiled> {
        self.way(compilation)?.compiled.get()
    }

    /// The code of this compilation, from `make` if there is none yet. Others that want it wait meanwhile.
    pub(crate) fn get_or_make(
        &self,
        compilation: Compilation,
        make: impl FnOnce() -> Result<Compiled>,
    ) -> Result<&Compiled> {
        let way = self
            .way(compilation)
            .ok_or_else(|| Error::internal(format_args!("no run needs {compilation:?}")))?;
        let _compiling = lock(&way.compiling);
        match way.compiled.get() {
            Some(compiled) => Ok(compiled),
            None => make().map(|made| way.compiled.get_or_init(|| made)),
        }
    }

    /// All code so far.
    pub(crate) fn made(&self) -> impl Iterator<Item = (Compilation, &Compiled)> {
        self.0
            .iter()
            .filter_map(|way| Some((way.compilation, way.compiled.get()?)))
    }

    fn way(&self, compilation: Compilation) -> Option<&Way> {
        self.0.iter().find(|way| way.compilation == compilation)
    }
}
