//! Reads the state of a guest.

use super::image::{self, Room};
use super::refusal::refusal;
use super::source::Counts;
use super::state::{CapturedFrame, CapturedMemory, State, Value};
use crate::error::{Error, Result};
use crate::options::Preopen;
use crate::wasi::{RunState, StdinCall};
use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use tokio::task::yield_now;
use wasmtime::{FrameHandle, Instance, StoreContextMut, Val};

/// As many as one segment may have.
const MAX_ELEMENTS: u64 = 10_000_000;
/// As many elements are read before other runs and the limits of this one have their turn.
const TURN_ELEMENTS: u64 = 1 << 14;

/// What is known of a module before it runs.
#[derive(Debug)]
pub(super) struct Layout {
    pub(super) counts: Counts,
    /// The functions that have locals without an initial value, whose frames are not looked at.
    pub(super) uninitialized: HashSet<u32>,
    pub(super) preopens: Arc<[Preopen]>,
    /// The export after whose call the state is taken, if not at a call that reads stdin.
    pub(super) until: Option<String>,
}

/// Reads what a guest is, while it waits in a call of the host, or between two calls.
pub(super) struct Reader<'r> {
    store: StoreContextMut<'r, RunState>,
    layout: &'r Layout,
    innermost: Option<FrameHandle>,
    instance: Instance,
    /// The index of each function by its address.
    functions: HashMap<usize, u32>,
    /// What is left for the elements of all tables.
    elements: u64,
}

impl<'r> Reader<'r> {
    pub(super) fn new(
        mut store: StoreContextMut<'r, RunState>,
        layout: &'r Layout,
        instance: Option<Instance>,
    ) -> Result<Self> {
        let innermost = store.debug_exit_frames().next();
        let instance = match (&innermost, instance) {
            (_, Some(instance)) => instance,
            (Some(frame), None) => frame.instance(&mut store).map_err(unreadable)?,
            (None, None) => return Err(Error::internal("a call without a caller")),
        };
        let mut functions = HashMap::new();
        for index in 0..layout.counts.functions {
            let function = instance.debug_function(&mut store, index);
            let function = function.ok_or_else(|| absent("function", index))?;
            functions.insert(function.to_raw(&mut store) as usize, index);
        }
        Ok(Self {
            store,
            layout,
            innermost,
            instance,
            functions,
            elements: MAX_ELEMENTS,
        })
    }

    pub(super) async fn read(mut self, call: Option<StdinCall>) -> Result<State> {
        let starting = !self.store.data().limiter.instantiated;
        let frames = self.frames(starting)?;
        let globals = (0..self.layout.counts.globals).map(|index| {
            let global = self.instance.debug_global(&mut self.store, index);
            let value = global
                .ok_or_else(|| absent("global", index))?
                .get(&mut self.store);
            self.value(value, || format!("global {index}"))
        });
        let globals = globals.collect::<Result<_>>()?;
        let mut room = Room::default();
        let mut memories = Vec::new();
        for index in 0..self.layout.counts.memories {
            let memory = self.instance.debug_memory(&mut self.store, index);
            let memory = memory.ok_or_else(|| absent("memory", index))?;
            memories.push(CapturedMemory {
                pages: memory.size(&self.store),
                runs: image::runs(memory.data(&self.store), &mut room).await?,
            });
        }
        let mut tables = Vec::new();
        for index in 0..self.layout.counts.tables {
            tables.push(self.table(index).await?);
        }
        Ok(State {
            frames,
            call,
            starting,
            memories,
            globals,
            tables,
        })
    }

    /// Outermost first.
    fn frames(&mut self, starting: bool) -> Result<Vec<CapturedFrame>> {
        let mut handles = Vec::new();
        let mut next = self.innermost.clone();
        while let Some(handle) = next {
            next = handle.parent(&mut self.store).map_err(unreadable)?;
            handles.push(handle);
        }
        if starting {
            // wasmtime's own function that calls the start function; it is taken for another one.
            handles.pop();
        }
        let mut frames = Vec::with_capacity(handles.len());
        for handle in handles.iter().rev() {
            let place = handle.wasm_function_index_and_pc(&mut self.store);
            if let Some((function, pc)) = place.map_err(unreadable)? {
                let function = self.layout.counts.imported_functions + function.as_u32();
                frames.push(self.frame(handle, function, pc.raw() as usize)?);
            }
        }
        if starting && frames.is_empty() {
            return Err(Error::internal("a start section without a frame"));
        }
        Ok(frames)
    }

    fn frame(&mut self, handle: &FrameHandle, function: u32, pc: usize) -> Result<CapturedFrame> {
        if self.layout.uninitialized.contains(&function) {
            return Err(refusal(format_args!(
                "function {function}, which has not returned, has a local that cannot be null"
            )));
        }
        let number = handle.num_locals(&mut self.store).map_err(unreadable)?;
        let mut locals = Vec::with_capacity(number as usize);
        for index in 0..number {
            let value = handle.local(&mut self.store, index).map_err(unreadable)?;
            let what = || format!("local {index} of function {function}");
            locals.push(self.value(value, what)?);
        }
        let number = handle.num_stacks(&mut self.store).map_err(unreadable)?;
        let mut operands = Vec::with_capacity(number as usize);
        for index in 0..number {
            let value = handle.stack(&mut self.store, index).map_err(unreadable)?;
            let what = || format!("an operand of function {function}");
            operands.push(self.value(value, what));
        }
        Ok(CapturedFrame {
            function,
            pc,
            locals,
            operands,
        })
    }

    async fn table(&mut self, index: u32) -> Result<Vec<Option<u32>>> {
        let table = self.instance.debug_table(&mut self.store, index);
        let table = table.ok_or_else(|| absent("table", index))?;
        let left = self.elements.checked_sub(table.size(&self.store));
        self.elements = left.ok_or_else(|| {
            refusal(format_args!(
                "the program's tables have more than {MAX_ELEMENTS} elements"
            ))
        })?;
        let mut functions = Vec::new();
        for place in 0..table.size(&self.store) {
            if place.is_multiple_of(TURN_ELEMENTS) {
                yield_now().await;
            }
            let element = table.get(&mut self.store, place);
            let element = element.ok_or_else(|| absent("element", index))?;
            let value = self.value(element.into(), || format!("table {index}"))?;
            functions.push(match value {
                Value::Function(function) => Some(function),
                Value::Null => None,
                Value::I32(_) | Value::I64(_) | Value::F32(_) | Value::F64(_) | Value::V128(_) => {
                    return Err(absent("reference", index));
                }
            });
        }
        Ok(functions)
    }

    /// A value that `what` holds.
    fn value(&mut self, value: Val, what: impl Fn() -> String) -> Result<Value> {
        let reference = |to: &str| {
            let holder = what();
            refusal(format_args!("{holder} holds a reference to {to}"))
        };
        Ok(match value {
            Val::I32(value) => Value::I32(value),
            Val::I64(value) => Value::I64(value),
            Val::F32(bits) => Value::F32(bits),
            Val::F64(bits) => Value::F64(bits),
            Val::V128(value) => Value::V128(value.as_u128()),
            Val::FuncRef(None)
            | Val::ExternRef(None)
            | Val::AnyRef(None)
            | Val::ExnRef(None)
            | Val::ContRef(None) => Value::Null,
            Val::FuncRef(Some(function)) => {
                let address = function.to_raw(&mut self.store) as usize;
                let index = self.functions.get(&address);
                let index = index.ok_or_else(|| reference("a function of the host"))?;
                Value::Function(*index)
            }
            Val::ExternRef(Some(_)) => return Err(reference("an object of the host")),
            Val::AnyRef(Some(_)) => return Err(reference("a garbage-collected object")),
            Val::ExnRef(Some(_)) => return Err(reference("an exception")),
            Val::ContRef(Some(_)) => return Err(reference("a continuation")),
        })
    }
}

fn unreadable(error: wasmtime::Error) -> Error {
    Error::internal(format_args!("a frame cannot be read: {error:#}"))
}

fn absent(what: &str, index: u32) -> Error {
    Error::internal(format_args!("the instance lacks {what} {index}"))
}
