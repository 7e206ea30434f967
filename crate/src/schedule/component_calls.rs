//! A component whose exported functions are called.

use super::queued_call::QueuedCall;
use crate::component::{Arguments, Handles, Interface, Lifted, take_in};
use crate::error::{Error, Result};
use crate::guest::ENCODED_ROOM;
use crate::wasi::RunState;
use bytes::Bytes;
use std::mem::take;
use std::sync::Arc;
use wasmtime::Store;
use wasmtime::component::{Func, Instance, ResourceAny, TypedFunc};

/// Bytes of the length of the arguments, which comes before them.
const LENGTH: usize = 4;

/// A component in its store, and the call in progress.
pub(super) struct ComponentCalls {
    linked: Instance,
    interface: Arc<Interface>,
    handles: Arc<Handles>,
    /// Those that were called before, by their numbers.
    functions: Box<[Option<Func>]>,
    next: Next,
    /// What the last call has returned, after [`ENCODED_ROOM`] bytes.
    values: Vec<u8>,
}

/// The call that is carried out next.
#[derive(Default)]
enum Next {
    #[default]
    Nothing,
    Call {
        function: Func,
        results: usize,
        arguments: Bytes,
    },
    /// A resource is dropped.
    Drop(ResourceAny),
    /// Nobody reads a stream or future any more.
    Leave(u32),
}

impl ComponentCalls {
    pub(super) fn new(linked: Instance, interface: Arc<Interface>, handles: Arc<Handles>) -> Self {
        Self {
            linked,
            functions: vec![None; interface.functions.len()].into(),
            interface,
            handles,
            next: Next::Nothing,
            values: Vec::new(),
        }
    }

    pub(super) fn interface(&self) -> &Arc<Interface> {
        &self.interface
    }

    /// Makes ready for a call; returns how many bytes of the payload its arguments take. The number after the last
    /// function drops the handle that the payload names, and the next leaves the stream or future of a number.
    pub(super) fn prepare(
        &mut self,
        store: &mut Store<RunState>,
        request: &QueuedCall,
    ) -> Result<usize> {
        let QueuedCall {
            function: number,
            payload,
            ..
        } = request;
        let short = || Error::internal("a call with too few arguments");
        let length = payload.first_chunk::<LENGTH>().ok_or_else(short)?;
        let end = LENGTH + u32::from_le_bytes(*length) as usize;
        if end > payload.len() {
            return Err(short());
        }
        let arguments = payload.slice(LENGTH..end);
        self.next = match self.interface.function(*number) {
            Some(known) => {
                let function = match self.functions[*number] {
                    Some(function) => function,
                    None => {
                        let found = self.linked.get_func(&mut *store, known.export);
                        let found = found
                            .ok_or_else(|| Error::internal("an exported function vanished"))?;
                        *self.functions[*number].insert(found)
                    }
                };
                Next::Call {
                    function,
                    results: known.results,
                    arguments,
                }
            }
            None if *number == self.interface.functions.len() => {
                let handle = arguments.first_chunk().ok_or_else(short)?;
                match self.handles.take(u32::from_le_bytes(*handle)) {
                    Some(resource) => Next::Drop(resource),
                    None => return Err(Error::internal("an unknown handle is dropped")),
                }
            }
            None if *number == self.interface.functions.len() + 1 => {
                let flow = arguments.first_chunk().ok_or_else(short)?;
                Next::Leave(u32::from_le_bytes(*flow))
            }
            None => return Err(Error::internal("a call of an unknown function")),
        };
        Ok(end)
    }

    /// Carries out the call that was prepared.
    pub(super) async fn call(&mut self, store: &mut Store<RunState>) -> wasmtime::Result<()> {
        self.values.clear();
        let (function, results, arguments) = match take(&mut self.next) {
            Next::Nothing => return Err(Error::internal("a call that was not prepared").into()),
            Next::Drop(resource) => return resource.resource_drop_async(store).await,
            Next::Leave(flow) => {
                self.handles.flows.leave(flow);
                return Ok(());
            }
            Next::Call {
                function,
                results,
                arguments,
            } => (function, results, arguments),
        };
        let arguments = Arguments {
            bytes: arguments,
            handles: self.handles.clone(),
        };
        macro_rules! call {
            ($($count:literal)*) => {
                match results {
                    $($count => call::<$count>(function, &mut *store, arguments).await?.values,)*
                    _ => return Err(Error::internal("more core values than there are").into()),
                }
            };
        }
        let lifted = call!(0 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16);
        self.values = take_in(store, &self.handles, lifted)?;
        Ok(())
    }

    /// What it has returned.
    pub(super) fn values(&mut self) -> Vec<u8> {
        take(&mut self.values)
    }
}

async fn call<const RESULTS: usize>(
    function: Func,
    store: &mut Store<RunState>,
    arguments: Arguments,
) -> wasmtime::Result<Lifted<RESULTS, ENCODED_ROOM>> {
    // SAFETY: both take their types from the function itself; `Interface` says how many core values it returns.
    let function = unsafe { TypedFunc::<Arguments, Lifted<RESULTS, _>>::new_unchecked(function) };
    function.call_async(store, arguments).await
}
