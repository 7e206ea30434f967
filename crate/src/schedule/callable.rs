//! An instance whose exports are called, one call after the other.

use super::component_calls::ComponentCalls;
use super::context::RunContext;
use super::instance::{Instance, printed};
use super::module_calls::{ModuleCalls, function, initialize};
use super::queued_call::QueuedCall;
use super::supervised::supervise;
use crate::component::{Flows, Hosting, Interface};
use crate::error::{Error, ErrorCode, Result};
use crate::guest::{CallControl, CallOutcome, InstanceControl, Limits, Outcome, Returned};
use crate::host_functions::HostCalls;
use crate::options::RunOptions;
use crate::program::{Exports, Linked};
use crate::wasi::RunState;
use std::pin::pin;
use std::sync::Arc;
use wasmtime::Store;

/// An instance between two calls.
pub(super) struct Callable {
    instance: Instance,
    calls: Calls,
    /// The limits of calls that give none.
    limits: Limits,
    /// Those of the call in progress. Not in its future, which is allocated for each call.
    current: Limits,
    context: Arc<RunContext>,
}

/// What is called.
enum Calls {
    Module(ModuleCalls),
    Component(Box<ComponentCalls>),
}

/// What an instance offers.
pub(super) enum Offered {
    Module(Arc<Exports>),
    Component(Arc<Interface>),
}

impl Offered {
    /// As JSON.
    pub(super) fn described(&self) -> &str {
        match self {
            Self::Module(exports) => &exports.described,
            Self::Component(interface) => &interface.described,
        }
    }
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

/// The limits of what a guest does while no call is in progress. It may wait for as long as it likes.
fn between_calls(limits: &Limits) -> Limits {
    Limits {
        timeout: None,
        cpu: [limits.timeout, limits.cpu].into_iter().flatten().min(),
        ..*limits
    }
}

impl Callable {
    /// Instantiates the program of a context's group, and calls its `_initialize` if there is one; `own` are the options
    /// of this instance, if it has its own.
    ///
    /// # Errors
    ///
    /// Host faults: an import that is not provided, a preopen that does not open, no memory.
    pub(super) async fn start(
        context: &Arc<RunContext>,
        own: Option<Box<RunOptions>>,
        control: Arc<InstanceControl>,
    ) -> Result<Started> {
        let (options, compiled) = context.code_for(own.as_deref()).await?;
        let limits = options.limits;
        let linked = compiled.linked(options.host_calls.is_some())?;
        let initialize = match &linked {
            // A snapshot was taken after it.
            Linked::Module(_, exports) if context.group.program.snapshot().is_none() => {
                initialize(exports)?
            }
            Linked::Module(..) | Linked::Component(..) => None,
        };
        let mut instance = Instance::for_calls(context, own, compiled, control)?;
        let call = Arc::<CallControl>::default();
        let mut calls = None;
        let work = async {
            match &linked {
                Linked::Module(pre, exports) => {
                    let made = instance.instantiate(pre, &call).await?;
                    calls = Some(Calls::Module(ModuleCalls::new(made, (*exports).clone())));
                    let Some(export) = initialize else {
                        return Ok(());
                    };
                    let (_, store) = instance.parts();
                    let function = function(store, made, exports, export)?;
                    function.call_async(store, &[], &mut []).await
                }
                Linked::Component(pre, interface) => {
                    let made = instance.instantiate_component(pre, &call).await?;
                    let handles = instance.store().data_mut().handles();
                    let made = ComponentCalls::new(made, (*interface).clone(), handles);
                    calls = Some(Calls::Component(Box::new(made)));
                    Ok(())
                }
            }
        };
        let end = supervise(pin!(work), context, &limits, &call).await;
        let (Some(returned), Some(calls)) = (instance.settle(&call, &end), calls) else {
            return instance.end(&call, end).await.map(Started::Ended);
        };
        let this = Self {
            instance,
            calls,
            limits,
            current: limits,
            context: context.clone(),
        };
        Ok(Started::Ready(Box::new(this), returned))
    }

    pub(super) fn offered(&self) -> Offered {
        match &self.calls {
            Calls::Module(calls) => Offered::Module(calls.exports().clone()),
            Calls::Component(calls) => Offered::Component(calls.interface().clone()),
        }
    }

    /// Carries out one call, from its start to its end.
    pub(super) async fn call(
        mut self: Box<Self>,
        request: &QueuedCall,
        call: &Arc<CallControl>,
    ) -> Called {
        if let Err(error) = self.prepare(request, call) {
            return Called::GoesOn(self, Err(error));
        }
        let this = &mut *self;
        let inherited = this.instance.inherited();
        let (context, store) = this.instance.parts();
        let calls = &mut this.calls;
        let work = async {
            let returned = match calls {
                Calls::Module(calls) => calls.call(store).await,
                // Its future is large, and most calls are of modules.
                Calls::Component(calls) => Box::pin(calls.call(store)).await,
            };
            printed(inherited, call).await;
            returned
        };
        let end = supervise(pin!(work), context, &this.current, call).await;
        match self.instance.settle(call, &end) {
            Some(mut returned) => {
                match &mut self.calls {
                    Calls::Module(calls) => returned.values = calls.values(),
                    Calls::Component(calls) => returned.encoded = calls.values(),
                }
                Called::GoesOn(self, Ok(CallOutcome::Returned(returned)))
            }
            None => Called::Over(self.instance.end(call, end).await),
        }
    }

    /// The streams and futures of a component, while one of them is open.
    pub(super) fn open_flows(&mut self) -> Option<Arc<Flows>> {
        let flows = self.instance.store().data().flows()?;
        flows.is_open().then(|| flows.clone())
    }

    /// Lets the guest go on with its streams and futures, without a call, until `until` resolves.
    pub(super) async fn flow(
        mut self: Box<Self>,
        call: &Arc<CallControl>,
        until: impl Future<Output = ()> + Send,
    ) -> Called {
        let limits = between_calls(&self.limits);
        if let Err(error) = self.instance.begin(call, &limits) {
            return Called::Over(Err(error));
        }
        let (context, store) = self.instance.parts();
        let mut work = Box::pin(store.run_concurrent(async |_| until.await));
        let end = supervise(work.as_mut(), context, &limits, call).await;
        drop(work);
        match self.instance.settle(call, &end) {
            Some(returned) => Called::GoesOn(self, Ok(CallOutcome::Returned(returned))),
            None => Called::Over(self.instance.end(call, end).await),
        }
    }

    /// Looks at a request, and begins its call with its limits.
    fn prepare(&mut self, request: &QueuedCall, call: &Arc<CallControl>) -> Result<()> {
        let (_, store) = self.instance.parts();
        let length = match &mut self.calls {
            Calls::Module(calls) => calls.prepare(store, request)?,
            Calls::Component(calls) => calls.prepare(store, request)?,
        };
        self.current = match request.payload.len() == length {
            true => self.limits,
            false => self.own_limits(&request.payload.slice(length..))?,
        };
        self.instance.begin(call, &self.current)
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

    /// What can be used of a module besides its functions.
    ///
    /// # Errors
    ///
    /// [`ErrorCode::Internal`] for a component, which has no such.
    pub(super) fn module(
        &mut self,
    ) -> Result<(&mut Store<RunState>, wasmtime::Instance, &Arc<Exports>)> {
        let (_, store) = self.instance.parts();
        match &self.calls {
            Calls::Module(calls) => Ok((store, calls.linked(), calls.exports())),
            Calls::Component(_) => Err(Error::internal("memory or a global of a component")),
        }
    }
}
