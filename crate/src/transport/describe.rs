//! What a submitter asks of a program besides its runs.

use super::Port;
use crate::error::{Error, Result};
use crate::program::Program;
use std::sync::Arc;

impl Port {
    /// Looks at a program; its inspection arrives as JSON in a delivery for `id`.
    pub fn inspect(self: &Arc<Self>, id: u64, handle: u64) {
        let program = self.program(handle);
        self.ask(
            id,
            |_| serde_json::to_string(&program?.inspect()?).map_err(Error::internal),
            |outbox, id, json| outbox.loaded(id, json),
        );
    }

    /// Packs a program with its compiled code; the file arrives in a delivery for `id`.
    pub fn serialize(self: &Arc<Self>, id: u64, handle: u64) {
        let program = self.program(handle);
        self.ask(
            id,
            |_| program?.serialize(),
            |outbox, id, file| outbox.bytes(id, file),
        );
    }

    /// To be called before there is an answer to wait for: it may be disposed of meanwhile.
    fn program(&self, handle: u64) -> Result<Arc<Program>> {
        let program = self.tables().programs.get(&handle).cloned();
        program.unwrap_or_else(|| Err(Error::internal("a question about an unknown program")))
    }
}
