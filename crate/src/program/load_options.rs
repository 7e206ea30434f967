//! How a program is loaded.

use super::cache::Cache;
use crate::options::Preopen;
use serde::{Deserialize, Serialize};
use std::path::PathBuf;
use std::sync::Arc;

/// Which compiler makes a program's code. Runs with a fuel limit have the optimizing compiler's in any case, so that
/// fuel is always counted in the same way.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum CompilerChoice {
    /// The one that makes fast code.
    #[default]
    Optimizing,
    /// The one that compiles fast, or the optimizing compiler if the program uses what the other one lacks.
    Baseline,
    /// The baseline compiler first. The optimizing compiler follows in the background, for the runs that start
    /// after it is done.
    Tiered,
}

/// How a program is loaded.
#[derive(Clone, Debug)]
pub struct LoadOptions {
    /// argv\[0\] of the program's runs.
    pub name: String,
    /// Also compile with fuel counting now, instead of at the first run with a fuel limit.
    pub fuel: bool,
    /// Which compiler makes the code for runs without a fuel limit.
    pub compiler: CompilerChoice,
    /// Whether the guest can be stopped while it computes. If not, the guest is faster, and its runs cannot
    /// have limits on their time. Runs with a fuel limit can be stopped all the same.
    pub interruptible: bool,
    /// Whether a precompiled program is accepted. It is machine code, so everyone who could have written the
    /// file must be trusted. Whether it is interruptible was decided when it was compiled: `interruptible:
    /// false` is refused for a program compiled as interruptible.
    pub trust_precompiled: bool,
    /// The cache to use instead of the runtime's.
    pub cache: Option<Cache>,
    /// Directories that a snapshot grants to those of its runs that grant none themselves. Only a snapshot has
    /// them; their guest paths must be those with which the snapshot was taken.
    pub preopens: Arc<[Preopen]>,
    /// The folder in which a source map may be read that the program names: one of a plain name that ends in `.map`.
    pub source_maps: Option<PathBuf>,
}

impl LoadOptions {
    /// The defaults, for a program with this name.
    pub fn named(name: impl Into<String>) -> Self {
        Self {
            name: name.into(),
            fuel: false,
            compiler: CompilerChoice::default(),
            interruptible: true,
            trust_precompiled: false,
            cache: None,
            preopens: Arc::default(),
            source_maps: None,
        }
    }
}
