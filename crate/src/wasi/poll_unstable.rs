//! `poll_oneoff` of the preview before WASI 0.1, for guests with a clock of our own.

use super::errnos::errno;
use super::memory_files::Preview1;
use super::poll::{check_count, write_events};
use super::preview1::{P0, slowly};
use super::state::RunState;
use wasmtime::{Caller, Linker};
use wasmtime_wasi::p0;
use wasmtime_wasi::p1::types::{Error, Event, Size, Subscription, SubscriptionU};
use wiggle::{GuestMemory, GuestPtr};

/// Takes the place of wasmtime-wasi's function for the preview before WASI 0.1, which only knows its own clock.
pub(super) fn add_to_linker(linker: &mut Linker<RunState>) -> wasmtime::Result<()> {
    linker.func_wrap_async(
        P0,
        "poll_oneoff",
        |mut caller: Caller<'_, RunState>,
         (subscriptions, events, count, occurred): (i32, i32, i32, i32)| {
            Box::new(async move {
                let (mut wasi, mut memory) = slowly(&mut caller)?;
                if wasi.clock.is_none() {
                    let wasi = wasi.p0();
                    return errno(
                        p0::wasi_unstable::poll_oneoff(
                            wasi,
                            &mut memory,
                            subscriptions,
                            events,
                            count,
                            occurred,
                        )
                        .await,
                    );
                }
                let subscriptions = GuestPtr::new(subscriptions as u32);
                let events = GuestPtr::new(events as u32);
                let number =
                    poll_p0(&mut wasi, &mut memory, subscriptions, events, count as u32).await;
                match number {
                    Ok(number) => {
                        memory.write(GuestPtr::new(occurred as u32), number)?;
                        Ok(0)
                    }
                    Err(error) => Ok(error.downcast()? as i32),
                }
            })
        },
    )?;
    Ok(())
}

async fn poll_p0(
    wasi: &mut Preview1<'_>,
    memory: &mut GuestMemory<'_>,
    subscriptions: GuestPtr<p0::types::Subscription>,
    events: GuestPtr<Event>,
    count: Size,
) -> Result<Size, Error> {
    use p0::types::SubscriptionU as U;
    check_count(count)?;
    let all = subscriptions.as_array(count);
    let all = all.iter().map(|at| {
        let p0::types::Subscription { userdata, u } = memory.read(at?)?;
        let u = match u {
            U::Clock(of) => SubscriptionU::Clock(of.into()),
            U::FdRead(of) => SubscriptionU::FdRead(of.into()),
            U::FdWrite(of) => SubscriptionU::FdWrite(of.into()),
        };
        Ok(Subscription { userdata, u })
    });
    let all = all.collect::<Result<Vec<_>, Error>>()?;
    // Events are the same in both.
    write_events(memory, events, wasi.poll(all).await?)
}
