//! How a run goes on where another one stopped.

use super::context::Wasi;
use super::descriptors;
use super::deterministic::SharedRandom;
use super::resumption::Resumption;
use crate::options::Preopen;
use std::sync::Arc;
use wasmtime_wasi::p1::{WasiP1Ctx, wasi_snapshot_preview1 as p1};
use wiggle::GuestMemory;

/// The number of the monotonic clock in WASI 0.1.
const CLOCK_MONOTONIC: i32 = 1;

impl Wasi {
    /// What a run needs to go on where this one, which grants `preopens`, is now, besides its arguments and environment.
    ///
    /// # Errors
    ///
    /// What the guest has done that another run cannot have from its start.
    pub(crate) async fn resumption(
        &mut self,
        preopens: &Arc<[Preopen]>,
    ) -> wasmtime::Result<Result<Resumption, String>> {
        let made = self.make();
        if made.directories.renumbered {
            return Ok(Err("it has renumbered a file descriptor".into()));
        }
        let used = descriptors::used(&mut made.context, preopens.len()).await?;
        let monotonic = monotonic(&mut made.context)?;
        Ok(used.map(|descriptors| Resumption {
            preopens: preopens.clone(),
            monotonic,
            random: made.own.random.as_ref().map(SharedRandom::state),
            descriptors,
            ..Resumption::default()
        }))
    }

    /// Makes the descriptors as they were where this run goes on.
    pub(crate) async fn resume(&mut self, from: &Resumption) -> wasmtime::Result<()> {
        match from.descriptors {
            0 => Ok(()),
            used => descriptors::use_up(self.context(), used).await,
        }
    }
}

/// What the guest's monotonic clock says.
fn monotonic(context: &mut WasiP1Ctx) -> wasmtime::Result<u64> {
    let mut time = [0; 8];
    let mut memory = GuestMemory::Unshared(&mut time);
    p1::clock_time_get(context, &mut memory, CLOCK_MONOTONIC, 0, 0)?;
    Ok(u64::from_le_bytes(time))
}
