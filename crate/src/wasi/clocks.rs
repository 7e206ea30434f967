//! The monotonic clock of components.

use super::virtual_clock::VirtualClock;
use std::time::Duration;
use tokio::task::yield_now;
use wasmtime::Result;
use wasmtime::component::{Accessor, HasData, Resource};
use wasmtime_wasi::async_trait;
use wasmtime_wasi::clocks::WasiClocksCtxView;
use wasmtime_wasi::p2::bindings::clocks::monotonic_clock as p2;
use wasmtime_wasi::p2::{DynPollable, Pollable, subscribe};
use wasmtime_wasi::p3::bindings::clocks::monotonic_clock as p3;

/// Stands for [`GuestClock`] in linkers.
pub(super) struct Clocks;

impl HasData for Clocks {
    type Data<'a> = GuestClock<'a>;
}

/// The monotonic clock of one guest.
pub(super) struct GuestClock<'a> {
    pub(super) wasi: WasiClocksCtxView<'a>,
    /// Set if it does not follow the time that passes.
    pub(super) own: Option<VirtualClock>,
}

impl GuestClock<'_> {
    fn timer(&mut self, clock: VirtualClock, deadline: u64) -> Result<Resource<DynPollable>> {
        let timer = self.wasi.table.push(Timer {
            clock,
            deadline,
            yielded: false,
        })?;
        subscribe(self.wasi.table, timer)
    }
}

impl p2::Host for GuestClock<'_> {
    fn now(&mut self) -> Result<p2::Instant> {
        p2::Host::now(&mut self.wasi)
    }

    fn resolution(&mut self) -> Result<p2::Duration> {
        p2::Host::resolution(&mut self.wasi)
    }

    fn subscribe_instant(&mut self, when: p2::Instant) -> Result<Resource<DynPollable>> {
        match self.own.clone() {
            Some(clock) => self.timer(clock, when),
            None => p2::Host::subscribe_instant(&mut self.wasi, when),
        }
    }

    fn subscribe_duration(&mut self, duration: p2::Duration) -> Result<Resource<DynPollable>> {
        match self.own.clone() {
            Some(clock) => {
                let deadline = clock.read().saturating_add(duration);
                self.timer(clock, deadline)
            }
            None => p2::Host::subscribe_duration(&mut self.wasi, duration),
        }
    }
}

/// Ready from its deadline on.
struct Timer {
    clock: VirtualClock,
    deadline: u64,
    yielded: bool,
}

#[async_trait]
impl Pollable for Timer {
    async fn ready(&mut self) {
        // A guest that does nothing but ask gets there, too.
        self.clock.read();
        if !self.clock.is_past(self.deadline) {
            self.clock.wait_until(self.deadline).await;
        } else if !self.yielded {
            // As in wasmtime-wasi: a guest that only asks must not keep the host from its other work.
            self.yielded = true;
            yield_now().await;
        }
    }
}

impl p3::Host for GuestClock<'_> {
    fn now(&mut self) -> Result<p3::Mark> {
        p3::Host::now(&mut self.wasi)
    }

    fn get_resolution(&mut self) -> Result<p3::Duration> {
        p3::Host::get_resolution(&mut self.wasi)
    }
}

impl<T> p3::HostWithStore<T> for Clocks {
    async fn wait_until(store: &Accessor<T, Self>, when: p3::Mark) -> Result<()> {
        let (own, now) = look(store)?;
        wait(own, now, when).await;
        Ok(())
    }

    async fn wait_for(store: &Accessor<T, Self>, duration: p3::Duration) -> Result<()> {
        let (own, now) = look(store)?;
        wait(own, now, now.saturating_add(duration)).await;
        Ok(())
    }
}

fn look<T>(store: &Accessor<T, Clocks>) -> Result<(Option<VirtualClock>, u64)> {
    store.with(|mut view| {
        let mut clock = view.get();
        let now = p3::Host::now(&mut clock)?;
        Ok((clock.own, now))
    })
}

async fn wait(own: Option<VirtualClock>, now: u64, deadline: u64) {
    match own {
        Some(clock) => clock.wait_until(deadline).await,
        None if deadline > now => tokio::time::sleep(Duration::from_nanos(deadline - now)).await,
        None => {}
    }
}
