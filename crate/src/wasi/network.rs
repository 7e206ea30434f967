//! The network of one run: what it may use, how many sockets it has, and how much it has moved.

mod places;
mod traffic;

pub(super) use places::{Place, Places};
pub(super) use traffic::TrafficCaps;

use super::resolver::RunLookups;
use super::resources::is_full;
use crate::guest::{InstanceControl, Limits, NetworkUsage};
use crate::network::{Access, Network, Protocol, Purpose};
use std::collections::HashMap;
use std::sync::Arc;
use traffic::Traffic;
use wasmtime::component::ResourceTable;
use wasmtime_wasi::WasiCtxBuilder;
use wasmtime_wasi::sockets::SocketAddrUse;

/// The network of one run.
pub(crate) struct RunNetwork {
    /// Unset if the run was granted nothing.
    access: Option<Arc<Access>>,
    /// Whether the run was granted anything that moves bytes.
    counts: bool,
    most_sockets: u32,
    caps: TrafficCaps,
    /// What more than these stop.
    control: Arc<InstanceControl>,
    /// Made when it is needed: most runs have no socket.
    shared: Option<Arc<Shared>>,
    /// The places of the sockets in the resource table. TCP sockets of WASI 0.3 keep theirs themselves.
    held: HashMap<u32, Place>,
}

/// What the sockets of a run have in common.
pub(super) struct Shared {
    pub(super) access: Option<Arc<Access>>,
    pub(super) sockets: Arc<Places>,
    pub(super) lookups: RunLookups,
    pub(super) traffic: Traffic,
}

impl RunNetwork {
    /// The network of a run that was granted this one, and that may send requests if it `sends_http`.
    pub(super) fn new(
        network: Option<&Arc<Network>>,
        sends_http: bool,
        limits: &Limits,
        control: Arc<InstanceControl>,
    ) -> Self {
        Self {
            access: network.map(|network| Arc::new(Access::new(network.clone()))),
            counts: network.is_some() || sends_http,
            most_sockets: limits.sockets,
            caps: TrafficCaps::of(limits),
            control,
            shared: None,
            held: HashMap::new(),
        }
    }

    pub(super) fn access(&self) -> Option<&Arc<Access>> {
        self.access.as_ref()
    }

    pub(super) fn shared(&mut self) -> &Arc<Shared> {
        self.shared.get_or_insert_with(|| {
            Arc::new(Shared {
                access: self.access.clone(),
                sockets: Places::new(self.most_sockets),
                lookups: RunLookups::default(),
                traffic: Traffic::new(self.caps, self.control.clone()),
            })
        })
    }

    /// Room for one more socket in the run's resource table, if there is any.
    pub(super) fn room(&mut self, table: &mut ResourceTable) -> Option<Place> {
        match is_full(table) {
            true => None,
            false => self.shared().sockets.take(),
        }
    }

    /// Ties a place to the socket that has this number in the resource table.
    pub(super) fn hold(&mut self, socket: u32, place: Place) {
        self.held.insert(socket, place);
    }

    /// The socket of this number is closed.
    pub(super) fn release(&mut self, socket: u32) {
        self.held.remove(&socket);
    }

    /// What has been moved since the last [`begin`](Self::begin), if the run has a network.
    pub(super) fn usage(&self) -> Option<NetworkUsage> {
        let moved = self.shared.as_ref().map(|shared| shared.traffic.moved());
        self.counts.then(|| moved.unwrap_or_default())
    }

    /// Counts from 0 again, towards these caps.
    pub(super) fn begin(&mut self, caps: TrafficCaps) {
        self.caps = caps;
        if let Some(shared) = &self.shared {
            shared.traffic.begin(caps);
        }
    }
}

/// Has wasmtime-wasi ask for each address.
pub(super) fn check_addresses(builder: &mut WasiCtxBuilder, access: &Arc<Access>) {
    let access = access.clone();
    builder.socket_addr_check(move |address, used| {
        let permitted = access.permits(address, purpose(used));
        Box::pin(async move { permitted })
    });
}

fn purpose(used: SocketAddrUse) -> Purpose {
    match used {
        SocketAddrUse::TcpBind => Purpose::Bind(Protocol::Tcp),
        SocketAddrUse::TcpListen => Purpose::Listen,
        SocketAddrUse::TcpAccept => Purpose::Accept,
        SocketAddrUse::TcpConnect => Purpose::Reach(Protocol::Tcp),
        SocketAddrUse::UdpBind => Purpose::Bind(Protocol::Udp),
        SocketAddrUse::UdpSend | SocketAddrUse::UdpReceive => Purpose::Reach(Protocol::Udp),
    }
}
