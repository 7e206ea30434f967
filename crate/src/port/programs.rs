//! Requests about programs other than runs: loading, inspecting, serializing.

use super::Port;
use super::load_request::{LoadRequest, ProgramSource};
use super::read_program::read_program;
use super::wire::Outbox;
use crate::error::{Error, Result, closed};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::sync::Arc;

impl Port {
    /// Loads a program off the calling thread; the result arrives as a delivery for `id`, which is
    /// the program's handle from then on.
    pub fn load(self: &Arc<Self>, id: u64, request: LoadRequest) {
        self.ask(
            id,
            move |this| this.load_sync(id, request),
            |outbox, id, info| outbox.loaded(id, info),
        );
    }

    /// Loads a program on the calling thread and returns its description as JSON.
    ///
    /// # Errors
    ///
    /// As for [`Runtime::load`](crate::Runtime::load), and
    /// [`ErrorCode::ReadFailed`](crate::ErrorCode::ReadFailed).
    pub fn load_sync(&self, id: u64, request: LoadRequest) -> Result<String> {
        let mut options = request.options;
        let bytes = match request.source {
            ProgramSource::Bytes(bytes) => bytes,
            ProgramSource::File(path) => {
                let path = Path::new(&path);
                if request.source_maps {
                    options.source_maps = path.parent().map(Into::into);
                }
                read_program(path)?
            }
        };
        let default = || self.runtime.cache().clone();
        let cache = options.cache.get_or_insert_with(default).clone();
        let encoded = self.backend.encode_program(&bytes, &options, &cache)?;
        let program = self.runtime.load(bytes, options)?;
        let info = serde_json::to_string(program.info()).map_err(Error::internal)?;
        if !self.mailbox.is_closed() {
            self.backend.add_program(id, Ok(program), encoded);
        }
        Ok(info)
    }

    /// Loads a program in a worker; its runs end with the error, if there is one.
    pub(crate) fn load_or_remember(&self, handle: u64, request: LoadRequest) {
        if let Err(error) = self.load_sync(handle, request) {
            self.backend.add_program(handle, Err(error), Vec::new());
        }
    }

    /// Looks at a program; its inspection arrives as JSON in a delivery for `id`.
    pub fn inspect(self: &Arc<Self>, id: u64, handle: u64) {
        // Before there is a result to wait for: the program may be disposed of meanwhile.
        let program = self.backend.program(handle);
        self.ask(
            id,
            |_| serde_json::to_string(&program?.inspect()?).map_err(Error::internal),
            |outbox, id, json| outbox.loaded(id, json),
        );
    }

    /// Whether a program can serve requests, with functions of the submitter or without.
    ///
    /// # Errors
    ///
    /// As for [`Program::check_serve`](crate::Program::check_serve).
    pub fn check_serve(&self, handle: u64, is_hosted: bool) -> Result<()> {
        self.backend.program(handle)?.check_serve(is_hosted)
    }

    /// The WIT of a component arrives as JSON in a delivery for `id`.
    pub fn wit(self: &Arc<Self>, id: u64, handle: u64) {
        let program = self.backend.program(handle);
        self.ask(
            id,
            |_| program?.wit(),
            |outbox, id, json| outbox.loaded(id, json),
        );
    }

    /// Serializes a program with its compiled code; the file arrives in a delivery for `id`.
    pub fn serialize(self: &Arc<Self>, id: u64, handle: u64) {
        let program = self.backend.program(handle);
        self.ask(
            id,
            |_| program?.serialize(),
            |outbox, id, file| outbox.bytes(id, file),
        );
    }

    /// The binary of a program arrives in a delivery for `id`.
    pub fn wasm(self: &Arc<Self>, id: u64, handle: u64) {
        let program = self.backend.program(handle);
        self.ask(
            id,
            |_| program,
            |outbox, id, program| outbox.bytes(id, program.wasm()),
        );
    }

    /// Does `work` off the calling thread; its result becomes a record for `id`.
    fn ask<T>(
        self: &Arc<Self>,
        id: u64,
        work: impl FnOnce(&Self) -> Result<T> + Send + 'static,
        record: impl FnOnce(&mut Outbox, u64, &T) + Send + 'static,
    ) {
        let mut question = Question::new(self, id);
        self.runtime.spawn_blocking(move || {
            let work = AssertUnwindSafe(|| work(&question.port));
            let answer = catch_unwind(work).unwrap_or_else(|panic| Err(Error::from_panic(&*panic)));
            question.open = false;
            question.port.mailbox.deliver(|outbox| match answer {
                Ok(answer) => record(outbox, id, &answer),
                Err(error) => outbox.fault(id, &error),
            });
        });
    }
}

/// Gets a record in any case: a runtime that closes drops what its threads have not begun.
pub(super) struct Question {
    pub(super) port: Arc<Port>,
    id: u64,
    /// Whether there is no record yet.
    open: bool,
}

impl Question {
    pub(super) fn new(port: &Arc<Port>, id: u64) -> Self {
        Self {
            port: port.clone(),
            id,
            open: true,
        }
    }

    /// There is a record, or another question in its place.
    pub(super) fn answered(mut self) {
        self.open = false;
    }
}

impl Drop for Question {
    fn drop(&mut self) {
        if self.open {
            let mailbox = &self.port.mailbox;
            mailbox.deliver(|outbox| outbox.fault(self.id, &closed()));
        }
    }
}
