//! Takes the state of a guest: at its first call that would read stdin or wait for it, or between two calls.

use super::image::{self, Room};
use super::refusal::refusal;
use super::source::Counts;
use super::state::{CapturedFrame, CapturedMemory, State, Value};
use crate::error::{Error, ErrorCode, Result};
use crate::guest::{Cause, Stopped};
use crate::lock::lock;
use crate::options::Preopen;
use crate::program::Rehearsal;
use crate::wasi::{Resumption, RunState, StdinCall, StdinHook};
use futures_util::future::BoxFuture;
use std::collections::{HashMap, HashSet};
use std::sync::{Arc, Mutex};
use wasmtime::{AsContextMut, Caller, FrameHandle, Instance, Store, StoreContextMut, Val};

/// What prepares a reactor for calls.
const INITIALIZE: &str = "_initialize";

/// What is known of a module before it runs.
#[derive(Debug)]
pub(super) struct Layout {
    pub(super) counts: Counts,
    /// The function of the start section.
    pub(super) start: Option<u32>,
    /// The functions that have locals without an initial value, whose frames are not looked at.
    pub(super) uninitialized: HashSet<u32>,
    pub(super) preopens: Arc<[Preopen]>,
    /// The export after whose call the state is taken, if not at a call that reads stdin.
    pub(super) until: Option<String>,
}

/// Waits for the call, and ends the guest there.
pub(super) struct Trap {
    layout: Layout,
    taken: Mutex<Option<Result<Captured>>>,
}

/// The state of a guest, on both sides.
#[derive(Debug)]
pub(super) struct Captured {
    pub(super) state: State,
    pub(super) resumption: Resumption,
}

impl Trap {
    pub(super) fn new(layout: Layout) -> Self {
        Self {
            layout,
            taken: Mutex::default(),
        }
    }

    /// What was captured, or why that could not be. `None` if the guest did not come so far.
    pub(super) fn take(&self) -> Option<Result<Captured>> {
        lock(&self.taken).take()
    }

    async fn capture(
        &self,
        mut store: StoreContextMut<'_, RunState>,
        call: Option<StdinCall>,
        instance: Option<Instance>,
    ) -> Result<Captured> {
        if let (Some(call), Some(name)) = (call, &self.layout.until) {
            let StdinCall { name: import, .. } = call;
            return Err(refusal(format_args!(
                "the program reads stdin ({import}) before {name:?} has returned"
            )));
        }
        let preopens = &self.layout.preopens;
        let resumption = store.data_mut().wasi().resumption(preopens).await;
        let resumption = resumption.map_err(Error::internal)?.map_err(refusal)?;
        let state = Reader::new(store, &self.layout, instance)?.read(call)?;
        Ok(Captured { state, resumption })
    }

    /// Keeps what was captured, and returns the error that ends the guest.
    fn end(&self, store: &StoreContextMut<'_, RunState>, captured: Result<Captured>) -> Stopped {
        // Nobody needs this run any more. If something else has stopped it already, that is how it ended.
        let control = store.data().control.call();
        if control.is_some_and(|control| control.record(Cause::Abort)) {
            *lock(&self.taken) = Some(captured);
        }
        Stopped
    }

    /// Calls an export without parameters.
    async fn call(
        &self,
        store: &mut Store<RunState>,
        instance: Instance,
        name: &str,
    ) -> wasmtime::Result<()> {
        let function = instance.get_func(&mut *store, name);
        let ty = function.map(|function| function.ty(&*store));
        let (Some(function), Some(ty)) = (function, ty.filter(|ty| ty.params().len() == 0)) else {
            let message = format!(
                "`until: {{ call: {name:?} }}` must name an exported function without parameters"
            );
            return Err(Error::new(ErrorCode::InvalidOption, message).into());
        };
        let mut results = vec![Val::I32(0); ty.results().len()];
        function.call_async(store, &[], &mut results).await
    }
}

impl Rehearsal for Trap {
    fn run<'a>(
        &'a self,
        store: &'a mut Store<RunState>,
        instance: Instance,
    ) -> Option<BoxFuture<'a, wasmtime::Result<()>>> {
        let name = self.layout.until.as_deref()?;
        Some(Box::pin(async move {
            if instance.get_func(&mut *store, INITIALIZE).is_some() {
                self.call(store, instance, INITIALIZE).await?;
            }
            self.call(store, instance, name).await?;
            let captured = self.capture(store.as_context_mut(), None, Some(instance));
            let captured = captured.await;
            Err(self.end(&store.as_context_mut(), captured).into())
        }))
    }
}

impl StdinHook for Trap {
    fn called<'a>(
        self: Arc<Self>,
        mut caller: Caller<'a, RunState>,
        call: StdinCall,
    ) -> BoxFuture<'a, wasmtime::Error> {
        Box::pin(async move {
            let captured = self.capture(caller.as_context_mut(), Some(call), None);
            let captured = captured.await;
            self.end(&caller.as_context_mut(), captured).into()
        })
    }
}

/// Reads what a guest is, while it waits in a call of the host, or between two calls.
struct Reader<'r> {
    store: StoreContextMut<'r, RunState>,
    layout: &'r Layout,
    innermost: Option<FrameHandle>,
    instance: Instance,
    /// The index of each function by its address.
    functions: HashMap<usize, u32>,
}

impl<'r> Reader<'r> {
    fn new(
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
        })
    }

    fn read(mut self, call: Option<StdinCall>) -> Result<State> {
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
        let memories = (0..self.layout.counts.memories).map(|index| {
            let memory = self.instance.debug_memory(&mut self.store, index);
            let memory = memory.ok_or_else(|| absent("memory", index))?;
            Ok(CapturedMemory {
                pages: memory.size(&self.store),
                runs: image::runs(memory.data(&self.store), &mut room)?,
            })
        });
        let memories = memories.collect::<Result<_>>()?;
        let tables = (0..self.layout.counts.tables).map(|index| self.table(index));
        let tables = tables.collect::<Result<_>>()?;
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
        let outermost = frames.first().map(|frame| frame.function);
        if starting && outermost != self.layout.start {
            return Err(Error::internal("the start section called another function"));
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
            operands.push(self.value(value, what)?);
        }
        Ok(CapturedFrame {
            function,
            pc,
            locals,
            operands,
        })
    }

    fn table(&mut self, index: u32) -> Result<Vec<Option<u32>>> {
        let table = self.instance.debug_table(&mut self.store, index);
        let table = table.ok_or_else(|| absent("table", index))?;
        let mut functions = Vec::new();
        for place in 0..table.size(&self.store) {
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
