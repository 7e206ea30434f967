//! Imports that are functions of the submitter.

use super::flow_calls::{FlowCalls, returned};
use super::state::RunState;
use crate::component::{Called, Flows, Handles, Hosting, NotGiven, Submitter};
use crate::error::Error;
use crate::guest::{Cause, Stopped};
use crate::host_functions::{MemoryView, Thrown, pack};
use bytes::Bytes;
use futures_util::future::BoxFuture;
use std::sync::Arc;
use wasmtime::{Caller, Extern, FuncType, Linker, ModuleExport, Val, ValType};

/// An import that the submitter carries out.
struct HostFunction {
    /// Which of the imports of its program it is.
    number: u32,
    results: Box<[ValType]>,
    /// The guest's memory, if it exports one.
    memory: Option<ModuleExport>,
}

/// Whether values of this type cross to the submitter.
pub(crate) fn crosses(ty: &ValType) -> bool {
    matches!(
        ty,
        ValType::I32 | ValType::I64 | ValType::F32 | ValType::F64
    )
}

/// Defines an import as a function that the run's submitter carries out and knows by this number. All values of its
/// type [cross](crosses).
pub(crate) fn add_host_function(
    linker: &mut Linker<RunState>,
    (module, name): (&str, &str),
    ty: &FuncType,
    number: u32,
    memory: Option<ModuleExport>,
) -> wasmtime::Result<()> {
    let function = Arc::new(HostFunction {
        number,
        results: ty.results().collect(),
        memory,
    });
    linker.func_new_async(
        module,
        name,
        ty.clone(),
        move |mut caller, arguments, results| {
            let function = function.clone();
            Box::new(async move { function.call(&mut caller, arguments, results).await })
        },
    )?;
    Ok(())
}

impl HostFunction {
    async fn call(
        &self,
        caller: &mut Caller<'_, RunState>,
        arguments: &[Val],
        results: &mut [Val],
    ) -> wasmtime::Result<()> {
        let Some(calls) = caller.data().host_calls.clone() else {
            return Err(Error::internal("a host function of a run that has none").into());
        };
        let view = self.view(caller);
        let arguments = arguments.iter().map(to_word);
        let words = match calls.call(self.number, arguments, view).await {
            Ok(words) => words,
            Err(Thrown) => {
                caller.data().control.stop(Cause::HostError);
                return Err(Stopped.into());
            }
        };
        if words.len() != results.len() {
            return Err(
                Error::internal("a host function returned a wrong number of values").into(),
            );
        }
        for ((result, ty), word) in results.iter_mut().zip(&self.results).zip(words) {
            *result = from_word(ty, word);
        }
        Ok(())
    }

    /// The memory of the guest, which has to wait for as long as the view exists.
    fn view(&self, caller: &mut Caller<'_, RunState>) -> Option<MemoryView> {
        let memory = caller.get_module_export(self.memory.as_ref()?);
        let memory = memory.and_then(Extern::into_memory)?;
        let size = memory.data_size(&*caller);
        // SAFETY: `HostCalls` has the view while the guest is suspended at this call, and nothing else runs on its
        // store meanwhile: the memory is neither used nor grown nor unmapped. `Calling` takes the view back before the
        // guest goes on, and when the run is stopped and the future of this call is dropped. Should that future be
        // leaked, `ClosedWith` takes the view back before the store is dropped.
        Some(unsafe { MemoryView::new(memory.data_ptr(&*caller), size) })
    }
}

impl Hosting for RunState {
    fn call_host(
        &self,
        Called { function, refers }: Called,
        values: Vec<u8>,
        flows: Option<NotGiven>,
    ) -> BoxFuture<'static, wasmtime::Result<Bytes>> {
        let (calls, control) = (self.host_calls.clone(), self.control.clone());
        Box::pin(async move {
            let Some(calls) = calls else {
                return Err(Error::internal("a host function of a run that has none").into());
            };
            let Some(held) = calls.load.hold(values.len()) else {
                return Err(wasmtime::Error::msg(
                    "calls of host functions at the same time with too many arguments",
                ));
            };
            let turn = calls.load.turn().await;
            let held = Box::new((turn, held));
            let calling = calls.call_holding(function, pack(&values), held, refers);
            drop(values);
            flows.into_iter().for_each(NotGiven::given);
            returned(calling, &control).await
        })
    }

    fn handles(&mut self) -> Arc<Handles> {
        let Self {
            host_calls,
            control,
            handles,
            ..
        } = self;
        let made = handles.get_or_insert_with(|| {
            let submitter = host_calls.as_ref().map(|calls| {
                let calls = FlowCalls::new(calls.clone(), control.clone());
                Box::new(calls) as Box<dyn Submitter>
            });
            Arc::new(Handles::new(Flows::new(submitter)))
        });
        made.clone()
    }
}

/// An `i64` as it is, every other number as an `f64`.
fn to_word(value: &Val) -> u64 {
    match *value {
        Val::I32(value) => f64::from(value).to_bits(),
        Val::I64(value) => value as u64,
        Val::F32(bits) => f64::from(f32::from_bits(bits)).to_bits(),
        Val::F64(bits) => bits,
        // No such function is defined.
        _ => 0,
    }
}

/// The inverse, for a value of this type.
fn from_word(ty: &ValType, word: u64) -> Val {
    let number = f64::from_bits(word);
    match ty {
        ValType::I32 => Val::I32(number as i64 as i32),
        ValType::I64 => Val::I64(word as i64),
        ValType::F32 => Val::from(number as f32),
        _ => Val::F64(word),
    }
}
