//! An instance whose exports are called, one call after the other.

use super::context::RunContext;
use super::instance::Instance;
use super::queued_call::QueuedCall;
use super::supervised::supervise;
use crate::error::{Error, ErrorCode, Result};
use crate::guest::{CallControl, CallOutcome, InstanceControl, Limits, Outcome, Returned, bits_of};
use crate::host_functions::HostCalls;
use crate::options::RunOptions;
use crate::program::{Exports, Signature};
use crate::wasi::RunState;
use std::sync::Arc;
use wasmtime::{Extern, Func, Store, Val};

/// Bytes that an argument takes as it crosses.
const WORD: usize = 8;

/// An instance between two calls.
pub(super) struct Callable {
    instance: Instance,
    linked: wasmtime::Instance,
    exports: Arc<Exports>,
    /// Those that were called before, by their numbers.
    functions: Box<[Option<Func>]>,
    /// The limits of calls that give none.
    limits: Limits,
    context: Arc<RunContext>,
    /// Those of the call in progress; kept, so that not each call makes them.
    arguments: Vec<Val>,
    values: Vec<Val>,
}

/// What became of an instance.
pub(super) enum Started {
    /// It can be called.
    Ready(Box<Callable>, Returned),
    /// Its program ended before.
    Ended(Outcome),
}

/// What became of a call.
pub(super) enum Called {
    /// It returned, or was refused.
    GoesOn(Box<Callable>, Result<CallOutcome>),
    /// The instance ended with it.
    Over(Result<Outcome>),
}

impl Callable {
    /// Instantiates the program of a context's group, and calls its `_initialize` if there is one; `own` are the options
    /// of this instance, if it has its own.
    ///
    /// # Errors
    ///
    /// Host faults: an import that is not provided, a component, a preopen that does not open, no memory.
    pub(super) async fn start(
        context: &Arc<RunContext>,
        own: Option<Box<RunOptions>>,
        control: Arc<InstanceControl>,
    ) -> Result<Started> {
        let (options, compiled) = context.code_for(own.as_deref()).await?;
        let limits = options.limits;
        let (pre, exports) = compiled.linked(options.host_calls.is_some())?;
        // A snapshot was taken after it.
        let initialize = match context.group.program.snapshot() {
            Some(_) => None,
            None => initialize(exports)?,
        };
        let mut instance = Instance::for_calls(context, own, compiled, control)?;
        let call = Arc::<CallControl>::default();
        let mut linked = None;
        let work = async {
            let made = instance.instantiate(pre, &call).await?;
            linked = Some(made);
            let Some(export) = initialize else {
                return Ok(());
            };
            let (_, store) = instance.parts();
            let function = function(store, made, exports, export)?;
            function.call_async(store, &[], &mut []).await
        };
        let end = supervise(work, context, &limits, &call).await;
        let (Some(returned), Some(linked)) = (instance.settle(&call, &end), linked) else {
            return instance.end(&call, end).await.map(Started::Ended);
        };
        let this = Self {
            instance,
            linked,
            exports: exports.clone(),
            functions: vec![None; exports.function_count()].into(),
            limits,
            context: context.clone(),
            arguments: Vec::new(),
            values: Vec::new(),
        };
        Ok(Started::Ready(Box::new(this), returned))
    }

    /// Carries out one call, from its start to its end.
    pub(super) async fn call(
        mut self: Box<Self>,
        request: &QueuedCall,
        call: &Arc<CallControl>,
    ) -> Called {
        let Prepared { function, limits } = match self.prepare(request, call) {
            Ok(prepared) => prepared,
            Err(error) => return Called::GoesOn(self, Err(error)),
        };
        let this = &mut *self;
        let (context, store) = this.instance.parts();
        let work = function.call_async(store, &this.arguments, &mut this.values);
        let end = supervise(work, context, &limits, call).await;
        match self.instance.settle(call, &end) {
            Some(returned) => {
                // The types have been checked: all are numbers.
                let values = self.values.iter().filter_map(bits_of).collect();
                let returned = CallOutcome::Returned(Returned { values, ..returned });
                Called::GoesOn(self, Ok(returned))
            }
            None => Called::Over(self.instance.end(call, end).await),
        }
    }

    /// Looks at a request, and begins its call.
    fn prepare(&mut self, request: &QueuedCall, call: &Arc<CallControl>) -> Result<Prepared> {
        let QueuedCall {
            function: number,
            payload,
            ..
        } = request;
        let known = self.exports.function(*number);
        let known = known.ok_or_else(|| Error::internal("a call of an unknown function"))?;
        let signature = known.signature.as_ref();
        let Signature {
            parameters,
            results,
        } = signature.ok_or_else(|| Error::internal("a call with values that do not cross"))?;
        let length = parameters.len() * WORD;
        let Some((words, _)) = payload.get(..length).map(|words| words.as_chunks::<WORD>()) else {
            return Err(Error::internal("a call with too few arguments"));
        };
        let arguments = parameters.iter().zip(words);
        let arguments = arguments.map(|(ty, word)| ty.val(u64::from_le_bytes(*word)));
        self.arguments.clear();
        self.arguments.extend(arguments);
        self.values.clear();
        self.values.resize(results.len(), Val::I32(0));
        let limits = match payload.len() == length {
            true => self.limits,
            false => self.own_limits(&payload.slice(length..))?,
        };
        let function = match self.functions[*number] {
            Some(function) => function,
            None => {
                let (_, store) = self.instance.parts();
                let found = function(store, self.linked, &self.exports, *number);
                let found = found.map_err(Error::internal)?;
                *self.functions[*number].insert(found)
            }
        };
        self.instance.begin(call, &limits)?;
        Ok(Prepared { function, limits })
    }

    /// The limits of a call that gives some.
    fn own_limits(&self, payload: &bytes::Bytes) -> Result<Limits> {
        let group = &self.context.group;
        let limits = group.client.decode_limits(self.limits, payload)?;
        group.program.check_limits(&limits)?;
        if limits.fuel.is_some() && self.limits.fuel.is_none() {
            return Err(Error::new(
                ErrorCode::InvalidOption,
                "`limits.fuel` of a call needs an instance that counts fuel; give `limits.fuel` to `instantiate`, \
                 too",
            ));
        }
        // The memory and the files belong to the instance.
        Ok(Limits {
            memory_bytes: self.limits.memory_bytes,
            on_memory: self.limits.on_memory,
            files: self.limits.files,
            ..limits
        })
    }

    pub(super) fn host_calls(&self) -> Option<Arc<HostCalls>> {
        self.instance.host_calls()
    }

    pub(super) fn exports(&self) -> &Arc<Exports> {
        &self.exports
    }

    /// The store, and the instance in it.
    pub(super) fn parts(&mut self) -> (&mut Store<RunState>, wasmtime::Instance) {
        let (_, store) = self.instance.parts();
        (store, self.linked)
    }
}

/// A call that begins.
struct Prepared {
    function: Func,
    limits: Limits,
}

/// The number of `_initialize`, if there is one.
fn initialize(exports: &Exports) -> Result<Option<usize>> {
    let Some(number) = exports.initialize else {
        return Ok(None);
    };
    let signature = exports
        .function(number)
        .and_then(|it| it.signature.as_ref());
    let takes_nothing = signature
        .is_some_and(|signature| signature.parameters.is_empty() && signature.results.is_empty());
    match takes_nothing {
        true => Ok(Some(number)),
        false => Err(Error::new(
            ErrorCode::NoEntryPoint,
            "`_initialize` must take and return nothing",
        )),
    }
}

fn function(
    store: &mut Store<RunState>,
    instance: wasmtime::Instance,
    exports: &Exports,
    number: usize,
) -> wasmtime::Result<Func> {
    exports
        .function(number)
        .and_then(|known| instance.get_module_export(store, &known.export))
        .and_then(Extern::into_func)
        .ok_or_else(|| wasmtime::Error::msg("an exported function vanished"))
}
