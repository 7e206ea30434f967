//! A module whose exported functions are called.

use super::queued_call::QueuedCall;
use crate::error::{Error, ErrorCode, Result};
use crate::guest::bits_of;
use crate::program::{Exports, Signature};
use crate::wasi::RunState;
use std::sync::Arc;
use wasmtime::{Extern, Func, Instance, Store, Val};

/// Bytes that an argument takes as it crosses.
const WORD: usize = 8;

/// A module in its store, and the call in progress.
pub(super) struct ModuleCalls {
    linked: Instance,
    exports: Arc<Exports>,
    /// Those that were called before, by their numbers.
    functions: Box<[Option<Func>]>,
    /// The one that is called next.
    function: Option<Func>,
    /// Those of the call in progress; kept, so that not each call makes them.
    arguments: Vec<Val>,
    values: Vec<Val>,
}

impl ModuleCalls {
    pub(super) fn new(linked: Instance, exports: Arc<Exports>) -> Self {
        Self {
            linked,
            functions: vec![None; exports.function_count()].into(),
            function: None,
            exports,
            arguments: Vec::new(),
            values: Vec::new(),
        }
    }

    /// Makes ready for a call; returns how many bytes of the payload its arguments take.
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
        self.function = Some(match self.functions[*number] {
            Some(function) => function,
            None => {
                let found = function(store, self.linked, &self.exports, *number);
                let found = found.map_err(Error::internal)?;
                *self.functions[*number].insert(found)
            }
        });
        Ok(length)
    }

    /// Carries out the call that was prepared.
    pub(super) async fn call(&mut self, store: &mut Store<RunState>) -> wasmtime::Result<()> {
        let function = self.function.take();
        let function = function.ok_or_else(|| Error::internal("a call that was not prepared"))?;
        function
            .call_async(store, &self.arguments, &mut self.values)
            .await
    }

    /// What it has returned.
    pub(super) fn values(&self) -> Vec<u64> {
        // The types have been checked: all are numbers.
        self.values.iter().filter_map(bits_of).collect()
    }

    pub(super) fn exports(&self) -> &Arc<Exports> {
        &self.exports
    }

    pub(super) fn linked(&self) -> Instance {
        self.linked
    }
}

/// The number of `_initialize`, if there is one.
pub(super) fn initialize(exports: &Exports) -> Result<Option<usize>> {
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

pub(super) fn function(
    store: &mut Store<RunState>,
    instance: Instance,
    exports: &Exports,
    number: usize,
) -> wasmtime::Result<Func> {
    exports
        .function(number)
        .and_then(|known| instance.get_module_export(store, &known.export))
        .and_then(Extern::into_func)
        .ok_or_else(|| wasmtime::Error::msg("an exported function vanished"))
}
