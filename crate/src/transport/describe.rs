//! What a submitter asks of a program besides its runs.

use super::{Outbox, Port};
use crate::error::{Error, Result, closed};
use crate::program::Program;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

impl Port {
    /// Looks at a program; its inspection arrives as JSON in a delivery for `id`.
    pub fn inspect(self: &Arc<Self>, id: u64, handle: u64) {
        self.ask(
            id,
            handle,
            |program| {
                let inspection = program.inspect()?;
                serde_json::to_string(&inspection).map_err(Error::internal)
            },
            |outbox, id, json| outbox.loaded(id, json),
        );
    }

    /// Packs a program with its compiled code; the file arrives in a delivery for `id`.
    pub fn serialize(self: &Arc<Self>, id: u64, handle: u64) {
        self.ask(id, handle, Program::serialize, |outbox, id, file| {
            outbox.bytes(id, file);
        });
    }

    /// Off the calling thread: both take milliseconds for large programs.
    fn ask<T>(
        self: &Arc<Self>,
        id: u64,
        handle: u64,
        question: impl FnOnce(&Program) -> Result<T> + Send + 'static,
        tell: impl FnOnce(&mut Outbox, u64, &T) + Send + 'static,
    ) {
        let this = self.clone();
        let started = self.runtime().spawn_blocking(move || {
            let work = AssertUnwindSafe(|| question(&*this.program(handle)?));
            let answer = catch_unwind(work).unwrap_or_else(|panic| Err(Error::from_panic(&*panic)));
            this.deliver(|outbox| match answer {
                Ok(answer) => tell(outbox, id, &answer),
                Err(error) => outbox.fault(id, &error),
            });
        });
        if !started {
            self.deliver(|outbox| outbox.fault(id, &closed()));
        }
    }

    fn program(&self, handle: u64) -> Result<Arc<Program>> {
        let program = self.tables().programs.get(&handle).cloned();
        program.unwrap_or_else(|| Err(Error::internal("a question about an unknown program")))
    }
}
