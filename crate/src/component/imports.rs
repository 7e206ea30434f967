//! Imports of a component that are functions and resources of the submitter.

use super::flows::NotGiven;
use super::given::take_in;
use super::handles::Handles;
use super::interface::{ImportedFunction, Imports};
use super::lift::{Lifted, LiftedValues};
use super::lower::Arguments;
use bytes::Bytes;
use futures_util::future::BoxFuture;
use std::sync::Arc;
use wasmtime::component::{Linker, LinkerInstance, ResourceType};
use wasmtime::{AsContextMut, StoreContextMut};

/// A function of the submitter that is called.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Called {
    /// Its number among the functions.
    pub(crate) function: u32,
    /// Whether resources, streams or futures may be in what it returns.
    pub(crate) refers: bool,
}

/// How functions of the submitter are called.
pub(crate) trait Hosting: Send + Sized + 'static {
    /// Calls a function with these values; resolves to what it returns.
    fn call_host(
        &self,
        called: Called,
        values: Vec<u8>,
        flows: Option<NotGiven>,
    ) -> BoxFuture<'static, wasmtime::Result<Bytes>>;

    /// What values of the instance refer to.
    fn handles(&mut self) -> Arc<Handles>;
}

/// Defines `imports` as functions and resources of the submitter. A function has the number that it has among the
/// functions. When the guest drops a resource of the submitter, the function after all these is called with the
/// submitter's number for the resource and the place of its type.
pub(crate) fn link_imports<T: Hosting>(
    linker: &mut Linker<T>,
    imports: &Imports,
) -> wasmtime::Result<()> {
    let dropping = Called {
        function: imports.described.function_count(),
        refers: false,
    };
    for (name, interface) in &imports.interfaces {
        let mut root = linker.root();
        let mut instance = match name {
            Some(name) => root.instance(name)?,
            None => root,
        };
        for (name, place) in &interface.resources {
            let place = *place;
            let ty = ResourceType::host_dynamic(place);
            instance.resource_async(name, ty, move |store: StoreContextMut<'_, T>, number| {
                let values = [number.to_le_bytes(), place.to_le_bytes()].concat();
                let dropped = store.data().call_host(dropping, values, None);
                Box::new(async move { dropped.await.map(drop) })
            })?;
        }
        for function in &interface.functions {
            link_function(&mut instance, function)?;
        }
    }
    Ok(())
}

fn link_function<T: Hosting>(
    instance: &mut LinkerInstance<'_, T>,
    function: &ImportedFunction,
) -> wasmtime::Result<()> {
    macro_rules! link {
        ($($count:literal)*) => {
            match (function.parameters, function.results) {
                $(
                    ($count, 0) => link_flat::<T, $count, 0>(instance, function),
                    ($count, _) => link_flat::<T, $count, 1>(instance, function),
                )*
                _ => Err(wasmtime::Error::msg("more core values than there are")),
            }
        };
    }
    link!(0 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16)
}

/// Those functions whose arguments come as so many core values, and whose results are given as so many.
fn link_flat<T: Hosting, const PARAMETERS: usize, const RESULTS: usize>(
    instance: &mut LinkerInstance<'_, T>,
    function: &ImportedFunction,
) -> wasmtime::Result<()> {
    let called = Called {
        function: function.number,
        refers: function.refers,
    };
    if function.is_async {
        return instance.func_wrap_concurrent(
            &function.name,
            move |accessor, lifted: Lifted<PARAMETERS>| {
                let calling =
                    accessor.with(|mut store| call(store.as_context_mut(), called, lifted.values));
                Box::pin(async move { returned::<RESULTS>(calling?).await })
            },
        );
    }
    instance.func_wrap_async(
        &function.name,
        move |store: StoreContextMut<'_, T>, lifted: Lifted<PARAMETERS>| {
            let calling = call(store, called, lifted.values);
            Box::new(async move { returned::<RESULTS>(calling?).await })
        },
    )
}

/// A call of the submitter's function, and what its values refer to.
type Calling = (BoxFuture<'static, wasmtime::Result<Bytes>>, Arc<Handles>);

fn call<T: Hosting>(
    mut store: StoreContextMut<'_, T>,
    called: Called,
    values: LiftedValues,
) -> wasmtime::Result<Calling> {
    let handles = store.data_mut().handles();
    // All resources among them are the submitter's own: an import can name no other.
    let places = values.flow_places();
    let values = take_in(&mut store, &handles, values)?;
    let flows = (!places.is_empty()).then(|| NotGiven {
        flows: handles.flows.clone(),
        numbers: places
            .into_iter()
            .filter_map(|place| values[place..].first_chunk())
            .map(|number| u32::from_le_bytes(*number))
            .collect(),
    });
    Ok((store.data().call_host(called, values, flows), handles))
}

async fn returned<const RESULTS: usize>(
    (calling, handles): Calling,
) -> wasmtime::Result<Arguments<RESULTS>> {
    let bytes = calling.await?;
    Ok(Arguments { bytes, handles })
}
