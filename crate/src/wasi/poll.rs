//! `poll_oneoff` of guests with a clock or files of our own.
//!
//! wasmtime-wasi waits by the time that passes. A [`VirtualClock`] decides itself what a wait ends with, so wasmtime-wasi
//! gets one subscription of a clock instead of the guest's: for the first of their deadlines.

use super::virtual_clock::VirtualClock;
use wasmtime_wasi::p1::WasiP1Ctx;
use wasmtime_wasi::p1::types::{
    Clockid, Errno, Error, Event, EventFdReadwrite, Eventrwflags, Eventtype, Size, Subclockflags,
    Subscription, SubscriptionClock, SubscriptionU,
};
use wasmtime_wasi::p1::wasi_snapshot_preview1::WasiSnapshotPreview1;
use wiggle::{GuestMemory, GuestPtr, GuestType};

/// More cannot become ready: there are not as many descriptors and clocks.
const MAX_SUBSCRIPTIONS: u32 = 1 << 16;
/// Of the structures in memory.
const ALIGN: usize = 8;
/// The number of our own subscription; the others have their index.
const TIMER: u64 = u64::MAX;

/// # Errors
///
/// [`Errno::Inval`] for none, and for more than can become ready.
pub(super) fn check_count(count: Size) -> Result<(), Errno> {
    match count {
        1..=MAX_SUBSCRIPTIONS => Ok(()),
        _ => Err(Errno::Inval),
    }
}

/// # Errors
///
/// [`Errno::Inval`] for none, and for more than can become ready.
pub(super) fn read_subscriptions(
    memory: &GuestMemory<'_>,
    subscriptions: GuestPtr<Subscription>,
    count: Size,
) -> Result<Vec<Subscription>, Error> {
    check_count(count)?;
    let all = subscriptions.as_array(count);
    all.iter().map(|at| Ok(memory.read(at?)?)).collect()
}

/// Writes them and returns how many they are.
pub(super) fn write_events(
    memory: &mut GuestMemory<'_>,
    to: GuestPtr<Event>,
    events: Vec<Event>,
) -> Result<Size, Error> {
    let number = events.len() as Size;
    for (event, at) in events.into_iter().zip(to.as_array(number).iter()) {
        memory.write(at?, event)?;
    }
    Ok(number)
}

/// Waits until something is ready. Descriptors are those of wasmtime-wasi.
pub(super) async fn poll(
    wasi: &mut WasiP1Ctx,
    clock: Option<&VirtualClock>,
    subscriptions: Vec<Subscription>,
) -> Result<Vec<Event>, Error> {
    match clock {
        Some(clock) => poll_by(clock, wasi, subscriptions).await,
        None => poll_host(wasi, subscriptions).await,
    }
}

async fn poll_by(
    clock: &VirtualClock,
    wasi: &mut WasiP1Ctx,
    subscriptions: Vec<Subscription>,
) -> Result<Vec<Event>, Error> {
    let now = clock.read();
    let deadlines = subscriptions.iter().map(|of| match &of.u {
        SubscriptionU::Clock(of) => deadline(clock, now, of).map(Some),
        SubscriptionU::FdRead(_) | SubscriptionU::FdWrite(_) => Ok(None),
    });
    let deadlines: Vec<_> = deadlines.collect::<Result<_, _>>()?;
    let first = deadlines.iter().flatten().min().copied();

    let numbered = subscriptions.iter().zip(0..);
    let mut waits: Vec<_> = numbered
        .filter(|(of, _)| !matches!(of.u, SubscriptionU::Clock(_)))
        .map(|(of, userdata)| Subscription {
            userdata,
            u: of.u.clone(),
        })
        .collect();
    waits.extend(first.map(|first| timer(first.saturating_sub(now))));
    let mut ready = poll_host(wasi, waits).await?;
    ready.retain(|event| event.userdata != TIMER);

    let now = match first {
        // Nothing was ready before that.
        Some(first) if ready.is_empty() => {
            clock.advance_to(first);
            first.max(now)
        }
        // Whether the time was over by then depends on the machine.
        Some(_) | None => now,
    };
    let mut ready = ready.into_iter().peekable();
    let events = subscriptions.iter().zip(deadlines).zip(0..);
    let events = events.filter_map(|((of, deadline), number)| {
        let userdata = of.userdata;
        match deadline {
            Some(deadline) => (deadline <= now).then(|| clock_event(userdata)),
            None => ready
                .next_if(|event| event.userdata == number)
                .map(|event| Event { userdata, ..event }),
        }
    });
    Ok(events.collect())
}

/// # Errors
///
/// [`Errno::Inval`] for clocks that nobody can wait for.
fn deadline(clock: &VirtualClock, now: u64, of: &SubscriptionClock) -> Result<u64, Errno> {
    let is_absolute = of.flags.contains(Subclockflags::SUBSCRIPTION_CLOCK_ABSTIME);
    match of.id {
        Clockid::Monotonic if is_absolute => Ok(of.timeout),
        Clockid::Realtime if is_absolute => {
            Ok(now.saturating_add(of.timeout.saturating_sub(clock.wall())))
        }
        Clockid::Monotonic | Clockid::Realtime => Ok(now.saturating_add(of.timeout)),
        Clockid::ProcessCputimeId | Clockid::ThreadCputimeId => Err(Errno::Inval),
    }
}

fn timer(timeout: u64) -> Subscription {
    let clock = SubscriptionClock {
        id: Clockid::Monotonic,
        timeout,
        precision: 0,
        flags: Subclockflags::empty(),
    };
    Subscription {
        userdata: TIMER,
        u: SubscriptionU::Clock(clock),
    }
}

fn clock_event(userdata: u64) -> Event {
    Event {
        userdata,
        error: Errno::Success,
        type_: Eventtype::Clock,
        fd_readwrite: EventFdReadwrite {
            nbytes: 0,
            flags: Eventrwflags::empty(),
        },
    }
}

/// wasmtime-wasi waits.
async fn poll_host(
    wasi: &mut WasiP1Ctx,
    subscriptions: Vec<Subscription>,
) -> Result<Vec<Event>, Error> {
    let count = subscriptions.len() as Size;
    // The arrays of a guest, in memory of our own.
    let events_at = count * Subscription::guest_size();
    let size = (events_at + count * Event::guest_size()) as usize;
    let mut bytes = vec![0; size + ALIGN];
    let start = bytes.as_ptr().align_offset(ALIGN);
    let mut own = GuestMemory::Unshared(&mut bytes[start..start + size]);
    let slots = GuestPtr::new(0).as_array(count);
    for (subscription, at) in subscriptions.into_iter().zip(slots.iter()) {
        own.write(at?, subscription)?;
    }
    let events = GuestPtr::<Event>::new(events_at);
    let number = wasi
        .poll_oneoff(&mut own, GuestPtr::new(0), events, count)
        .await?;
    let events = events.as_array(number);
    events.iter().map(|at| Ok(own.read(at?)?)).collect()
}
