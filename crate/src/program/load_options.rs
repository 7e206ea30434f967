//! How a program is loaded.

use super::cache::Cache;

/// How a program is loaded.
#[derive(Clone, Debug)]
pub struct LoadOptions {
    /// argv\[0\] of the program's runs.
    pub name: String,
    /// Also compile with fuel counting now, instead of at the first run with a fuel limit.
    pub fuel: bool,
    /// Whether the guest can be stopped while it computes. Without it the guest is faster, and its
    /// runs cannot have limits on their time; runs with a fuel limit can be stopped all the same.
    pub interruptible: bool,
    /// Whether a precompiled program is accepted: machine code, which whoever made the file must be trusted
    /// with. It is as interruptible as it was compiled; `interruptible: false` is then refused if that
    /// was otherwise.
    pub trust_precompiled: bool,
    /// Instead of the runtime's cache.
    pub cache: Option<Cache>,
}

impl LoadOptions {
    /// The defaults for a program of this name.
    pub fn named(name: impl Into<String>) -> Self {
        Self {
            name: name.into(),
            fuel: false,
            interruptible: true,
            trust_precompiled: false,
            cache: None,
        }
    }
}
