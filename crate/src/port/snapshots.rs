//! Snapshots, which become programs of the submitter.

use super::Port;
use super::load_request::{LoadRequest, ProgramSource, SnapshotRequest};
use super::programs::Question;
use super::wire::{NoPipes, run_options};
use crate::error::Result;
use crate::guest::{CallControl, Cause};
use crate::lock::lock;
use crate::options::RunOptions;
use crate::program::LoadOptions;
use crate::snapshot::{SnapshotError, SnapshotOptions};
use std::sync::Arc;

impl Port {
    /// Takes a snapshot of a program and loads it, off the calling thread. What arrives for `id` is the description
    /// of the new program, whose handle `id` is from then on, or the outcome of a run that ended too early.
    pub fn snapshot(self: &Arc<Self>, id: u64, handle: u64, request: SnapshotRequest) {
        let question = Question::new(self, id);
        let control = Arc::<CallControl>::default();
        let program = self.backend.program(handle);
        let Ok(runtime) = self.runtime.handle() else {
            // The question, which is dropped, says that the runtime is closed.
            return;
        };
        lock(&self.snapshots).insert(id, control.clone());
        runtime.spawn(async move {
            let this = question.port.clone();
            let taken = async {
                let (program, options) = (program?, options(&request)?);
                let snapshot = this.runtime.snapshot(&program, options, control).await?;
                // What is said of a precompiled program when it is loaded may not be so.
                Ok((snapshot, program.is_interruptible(false)))
            };
            let taken = taken.await;
            lock(&this.snapshots).remove(&id);
            question.answered();
            match taken {
                Ok((snapshot, interruptible)) => this.load(
                    id,
                    LoadRequest {
                        source_maps: false,
                        source: ProgramSource::Bytes(snapshot.wasm),
                        options: LoadOptions {
                            preopens: snapshot.preopens,
                            interruptible,
                            trust_precompiled: false,
                            ..request.load
                        },
                    },
                ),
                Err(SnapshotError {
                    outcome: Some(outcome),
                    ..
                }) => this
                    .mailbox
                    .deliver(|outbox| outbox.result(id, &Ok(*outcome))),
                Err(SnapshotError { error, .. }) => {
                    this.mailbox.deliver(|outbox| outbox.fault(id, &error));
                }
            }
        });
    }

    /// Gives up the snapshot that was asked for with `id`; it ends as an abort, unless it is about to be loaded.
    pub fn abort_snapshot(&self, id: u64) {
        let control = lock(&self.snapshots).get(&id).cloned();
        if let Some(control) = control {
            control.stop(Cause::Abort);
            self.runtime.sweep();
        }
    }
}

fn options(request: &SnapshotRequest) -> Result<SnapshotOptions> {
    let RunOptions {
        args,
        env,
        preopens,
        clock,
        random_seed,
        limits,
        ..
    } = run_options(&RunOptions::default(), &request.options, &mut NoPipes)?;
    Ok(SnapshotOptions {
        args,
        env,
        preopens,
        clock,
        random_seed,
        limits,
        until: request.until.clone(),
    })
}
