//! Which files in memory are ready.

use super::descriptors::{Descriptor, Descriptors};
use wasmtime_wasi::p1::types::{
    Errno, Event, EventFdReadwrite, Eventrwflags, Eventtype, Fd, Subscription, SubscriptionU,
};

/// Files in memory are always ready. If there are any, only these are reported; otherwise somebody has to wait, and
/// the subscriptions get wasmtime-wasi's own numbers of the descriptors.
pub(super) fn ready(
    files: &mut Descriptors,
    subscriptions: &mut [Subscription],
) -> Result<Vec<Event>, Errno> {
    let mut ready = Vec::new();
    for subscription in subscriptions {
        let (type_, fd) = match &mut subscription.u {
            SubscriptionU::Clock(_) => continue,
            SubscriptionU::FdRead(of) => (Eventtype::FdRead, &mut of.file_descriptor),
            SubscriptionU::FdWrite(of) => (Eventtype::FdWrite, &mut of.file_descriptor),
        };
        if let Some(flags) = look_at(files, fd, type_)? {
            ready.push(Event {
                userdata: subscription.userdata,
                error: Errno::Success,
                type_,
                fd_readwrite: EventFdReadwrite { nbytes: 1, flags },
            });
        }
    }
    Ok(ready)
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
