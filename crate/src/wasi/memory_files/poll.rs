//! Waiting for descriptors of both kinds.

use super::descriptors::{Descriptor, Descriptors};
use wasmtime_wasi::p1::WasiP1Ctx;
use wasmtime_wasi::p1::types::{
    Errno, Error, Event, EventFdReadwrite, Eventrwflags, Eventtype, Fd, Size, Subscription,
    SubscriptionU,
};
use wasmtime_wasi::p1::wasi_snapshot_preview1::WasiSnapshotPreview1;
use wiggle::{GuestMemory, GuestPtr, GuestType};

/// More cannot become ready: there are not as many descriptors and clocks.
const MAX_SUBSCRIPTIONS: u32 = 1 << 16;
/// Of the structures in memory.
const ALIGN: usize = 8;

/// Files in memory are always ready. If there are any, only these are reported; otherwise wasmtime-wasi waits, and
/// gets the subscriptions with its own numbers of the descriptors.
pub(super) async fn poll(
    wasi: &mut WasiP1Ctx,
    files: &mut Descriptors,
    memory: &mut GuestMemory<'_>,
    subscriptions: GuestPtr<Subscription>,
    events: GuestPtr<Event>,
    count: Size,
) -> Result<Size, Error> {
    if count == 0 || count > MAX_SUBSCRIPTIONS {
        return Err(Errno::Inval.into());
    }
    let mut all = Vec::new();
    let mut ready = Vec::new();
    for subscription in subscriptions.as_array(count).iter() {
        let mut subscription = memory.read(subscription?)?;
        let (type_, fd) = match &mut subscription.u {
            SubscriptionU::Clock(_) => (Eventtype::Clock, None),
            SubscriptionU::FdRead(of) => (Eventtype::FdRead, Some(&mut of.file_descriptor)),
            SubscriptionU::FdWrite(of) => (Eventtype::FdWrite, Some(&mut of.file_descriptor)),
        };
        if let Some(fd) = fd
            && let Some(flags) = look_at(files, fd, type_)?
        {
            ready.push(Event {
                userdata: subscription.userdata,
                error: Errno::Success,
                type_,
                fd_readwrite: EventFdReadwrite { nbytes: 1, flags },
            });
        }
        all.push(subscription);
    }
    if !ready.is_empty() {
        let number = ready.len() as Size;
        for (event, at) in ready.into_iter().zip(events.as_array(number).iter()) {
            memory.write(at?, event)?;
        }
        return Ok(number);
    }
    // The arrays of the guest, in memory of our own.
    let events_at = count * Subscription::guest_size();
    let size = (events_at + count * Event::guest_size()) as usize;
    let mut bytes = vec![0; size + ALIGN];
    let start = bytes.as_ptr().align_offset(ALIGN);
    let mut own = GuestMemory::Unshared(&mut bytes[start..start + size]);
    for (subscription, at) in all.into_iter().zip(GuestPtr::new(0).as_array(count).iter()) {
        own.write(at?, subscription)?;
    }
    let own_events = GuestPtr::<Event>::new(events_at);
    let number = wasi
        .poll_oneoff(&mut own, GuestPtr::new(0), own_events, count)
        .await?;
    let from = own_events.as_array(number);
    for (from, to) in from.iter().zip(events.as_array(number).iter()) {
        memory.write(to?, own.read(from?)?)?;
    }
    Ok(number)
}

/// Says how a file in memory is ready, and replaces the number of a descriptor of the host by that of wasmtime-wasi.
fn look_at(
    files: &mut Descriptors,
    fd: &mut Fd,
    type_: Eventtype,
) -> Result<Option<Eventrwflags>, Errno> {
    let tree = files.tree.clone();
    match files.get(*fd)? {
        Descriptor::Host(host) => {
            *fd = (*host).into();
            Ok(None)
        }
        Descriptor::Directory(_) => Err(Errno::Badf),
        Descriptor::File(file) => {
            let at_end = file.position >= tree.lock().stat(file.node).size;
            Ok(Some(match type_ {
                Eventtype::FdRead if at_end => Eventrwflags::FD_READWRITE_HANGUP,
                _ => Eventrwflags::empty(),
            }))
        }
    }
}
