//! Something else than a run of a program.

use crate::wasi::RunState;
use futures_util::future::BoxFuture;
use wasmtime::{Instance, Store};

/// What an instance may do instead of its `_start`.
pub(crate) trait Rehearsal: Send + Sync {
    /// `None` if it is to do that after all.
    fn run<'a>(
        &'a self,
        store: &'a mut Store<RunState>,
        instance: Instance,
    ) -> Option<BoxFuture<'a, wasmtime::Result<()>>>;
}
