//! Lookups of names. A name that was not granted is not looked up, and what a lookup finds is checked like any other
//! address when it is used.

use super::super::network::Shared;
use super::super::resolver::{Failure, Found};
use super::super::resources::has_no_stream_left;
use super::{RunState, add_resource};
use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use std::net::{IpAddr, Ipv6Addr};
use std::vec;
use url::Host;
use wasmtime::component::{Accessor, Linker, Resource};
use wasmtime::{Result, StoreContextMut};
use wasmtime_wasi::async_trait;
use wasmtime_wasi::p2::bindings::sockets::network as p2;
use wasmtime_wasi::p2::{DynPollable, Network, Pollable, subscribe};
use wasmtime_wasi::p3::bindings::sockets::ip_name_lookup as p3;
use wasmtime_wasi::p3::bindings::sockets::types::IpAddress;

/// Looks a name up, unless it is an address.
fn look_up(
    name: &str,
    network: &Shared,
) -> std::result::Result<BoxFuture<'static, Found>, Failure> {
    let name = match Host::parse(name) {
        Ok(Host::Domain(name)) => name,
        Ok(Host::Ipv4(address)) => return Ok(known(address.into())),
        Ok(Host::Ipv6(address)) => return Ok(known(address.into())),
        // An address without brackets.
        Err(_) => match name.parse::<Ipv6Addr>() {
            Ok(address) => return Ok(known(address.into())),
            Err(_) => return Err(Failure::Malformed),
        },
    };
    let access = network.access.as_ref();
    let access = access.filter(|access| access.may_look_up(&name));
    let access = access.ok_or(Failure::Denied)?.clone();
    let asking = network.lookups.ask(name.clone());
    Ok(async move {
        let found = asking.await?;
        access.learn(&name, &found);
        Ok(found)
    }
    .boxed())
}

fn known(address: IpAddr) -> BoxFuture<'static, Found> {
    async move { Ok(vec![address.to_canonical()]) }.boxed()
}

pub(super) fn add_to_p3_linker(linker: &mut Linker<RunState>) -> Result<()> {
    linker
        .instance("wasi:sockets/ip-name-lookup@0.3.0")?
        .func_wrap_concurrent(
            "resolve-addresses",
            |accessor: &Accessor<RunState>, (name,): (String,)| {
                Box::pin(async move {
                    let asked = accessor.with(|mut store| {
                        let (_, network) = store.get().sockets_of_run();
                        look_up(&name, network.shared())
                    });
                    let found = match asked {
                        Ok(answer) => answer.await,
                        Err(failure) => Err(failure),
                    };
                    let addresses = found.map(|addresses| {
                        addresses
                            .into_iter()
                            .map(IpAddress::from)
                            .collect::<Vec<_>>()
                    });
                    Ok((addresses.map_err(p3::ErrorCode::from),))
                })
            },
        )
}

impl From<Failure> for p3::ErrorCode {
    fn from(failure: Failure) -> Self {
        match failure {
            Failure::Denied => Self::AccessDenied,
            Failure::Malformed => Self::InvalidArgument,
            Failure::Unknown => Self::NameUnresolvable,
            Failure::Busy => Self::TemporaryResolverFailure,
        }
    }
}

impl From<Failure> for p2::ErrorCode {
    fn from(failure: Failure) -> Self {
        match failure {
            // WASI 0.2 has no code for a refusal among those of lookups.
            Failure::Denied => Self::PermanentResolverFailure,
            Failure::Malformed => Self::InvalidArgument,
            Failure::Unknown => Self::NameUnresolvable,
            Failure::Busy => Self::TemporaryResolverFailure,
        }
    }
}

/// The `resolve-address-stream` of WASI 0.2.
enum Lookup {
    Asked(BoxFuture<'static, Found>),
    Answered(std::result::Result<vec::IntoIter<IpAddr>, Failure>),
}

impl Lookup {
    /// The answer, if it has come.
    fn answer(&mut self) -> Option<&mut std::result::Result<vec::IntoIter<IpAddr>, Failure>> {
        if let Self::Asked(answer) = self {
            let found = answer.now_or_never()?;
            *self = Self::Answered(found.map(IntoIterator::into_iter));
        }
        match self {
            Self::Answered(answer) => Some(answer),
            Self::Asked(_) => None,
        }
    }
}

#[async_trait]
impl Pollable for Lookup {
    async fn ready(&mut self) {
        if let Self::Asked(answer) = self {
            let found = answer.await;
            *self = Self::Answered(found.map(IntoIterator::into_iter));
        }
    }
}

pub(super) fn add_to_p2_linker(linker: &mut Linker<RunState>) -> Result<()> {
    let mut lookups = linker.instance("wasi:sockets/ip-name-lookup@0.2.12")?;
    add_resource::<Lookup>(&mut lookups, "resolve-address-stream")?;
    lookups.func_wrap(
        "resolve-addresses",
        |mut store: StoreContextMut<'_, RunState>, (network, name): (Resource<Network>, String)| {
            let (wasi, of_run) = store.data_mut().sockets_of_run();
            wasi.table.get(&network)?;
            if has_no_stream_left(wasi.table) {
                return Ok((Err(Failure::Busy.into()),));
            }
            let lookup = match look_up(&name, of_run.shared()) {
                Ok(answer) => Lookup::Asked(answer),
                Err(failure) => return Ok((Err(p2::ErrorCode::from(failure)),)),
            };
            Ok((Ok(wasi.table.push(lookup)?),))
        },
    )?;
    lookups.func_wrap(
        "[method]resolve-address-stream.resolve-next-address",
        |mut store: StoreContextMut<'_, RunState>, (lookup,): (Resource<Lookup>,)| {
            let (wasi, _) = store.data_mut().sockets_of_run();
            let next = match wasi.table.get_mut(&lookup)?.answer() {
                None => Err(p2::ErrorCode::WouldBlock),
                Some(Ok(addresses)) => Ok(addresses.next().map(p2::IpAddress::from)),
                Some(Err(failure)) => Err((*failure).into()),
            };
            Ok((next,))
        },
    )?;
    lookups.func_wrap(
        "[method]resolve-address-stream.subscribe",
        |mut store: StoreContextMut<'_, RunState>, (lookup,): (Resource<Lookup>,)| {
            let (wasi, _) = store.data_mut().sockets_of_run();
            let pollable: Resource<DynPollable> = subscribe(wasi.table, lookup)?;
            Ok((pollable,))
        },
    )
}
