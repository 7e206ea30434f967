//! The data of a store.

use super::clocks::GuestClock;
use super::context::Wasi;
use super::memory_files::{GrantedFiles, GuestFiles};
use super::network::{RunNetwork, TrafficCaps};
use super::stores::kept::Stores;
use crate::component::{Flows, Handles};
use crate::guest::{InstanceControl, Limits, MemoryLimiter, NetworkUsage};
use crate::host_functions::HostCalls;
use std::sync::Arc;
use wasmtime::component::ResourceTable;
use wasmtime_wasi::p1::WasiP1Ctx;
use wasmtime_wasi::sockets::WasiSocketsCtxView;
use wasmtime_wasi::{WasiCtxView, WasiView};
use wasmtime_wasi_http::{WasiHttpCtxView, WasiHttpView};

/// The data of every store, whatever kind of program runs in it.
pub(crate) struct RunState {
    wasi: Wasi,
    pub(crate) limiter: MemoryLimiter,
    pub(crate) control: Arc<InstanceControl>,
    pub(crate) limits: Limits,
    /// Set before code of the guest can run.
    pub(crate) started: bool,
    /// Set if functions of the submitter may be called.
    pub(crate) host_calls: Option<Arc<HostCalls>>,
    /// What the values of a component refer to, once one crosses.
    pub(super) handles: Option<Arc<Handles>>,
}

impl RunState {
    pub(crate) fn new(wasi: Wasi, limits: Limits, control: Arc<InstanceControl>) -> Self {
        Self {
            wasi,
            limiter: MemoryLimiter::new(control.clone(), &limits),
            control,
            limits,
            started: false,
            host_calls: None,
            handles: None,
        }
    }

    /// The streams and futures of a component, if there may be any.
    pub(crate) fn flows(&self) -> Option<&Arc<Flows>> {
        self.handles.as_ref().map(|handles| &handles.flows)
    }

    pub(crate) fn wasi(&mut self) -> &mut Wasi {
        &mut self.wasi
    }

    pub(super) fn guest_files(&mut self) -> GuestFiles<'_> {
        self.wasi.guest_files()
    }

    pub(super) fn clock(&mut self) -> GuestClock<'_> {
        self.wasi.clock()
    }

    /// The files in memory, if the run has any.
    pub(crate) fn files(&self) -> Option<&GrantedFiles> {
        self.wasi.files()
    }

    pub(super) fn stores(&mut self) -> &mut Stores {
        self.wasi.stores()
    }

    /// The resources that the guest holds.
    pub(super) fn table(&mut self) -> &mut ResourceTable {
        self.ctx().table
    }

    /// wasmtime-wasi's sockets, and what the run may do with them.
    pub(super) fn sockets_of_run(&mut self) -> (WasiSocketsCtxView<'_>, &mut RunNetwork) {
        self.wasi.sockets()
    }

    /// What the sockets have moved, if the run has a network.
    pub(crate) fn network_usage(&self) -> Option<NetworkUsage> {
        self.wasi.network_usage()
    }

    /// Another call begins, whose bytes are counted apart, towards the caps of its limits.
    pub(crate) fn begin_network(&mut self) {
        self.wasi.begin_network(TrafficCaps::of(&self.limits));
    }

    pub(crate) fn p1(&mut self) -> &mut WasiP1Ctx {
        self.wasi.context()
    }
}

impl WasiHttpView for RunState {
    fn http(&mut self) -> WasiHttpCtxView<'_> {
        self.wasi.http()
    }
}

impl WasiView for RunState {
    fn ctx(&mut self) -> WasiCtxView<'_> {
        self.p1().ctx()
    }
}
