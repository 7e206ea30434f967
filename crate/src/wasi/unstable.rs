//! The preview before WASI 0.1, which has the functions of WASI 0.1. Four of them have other types.

use super::errnos::errno;
use super::memory_files::Preview1;
use super::poll::{check_count, write_events};
use super::preview1::{P0, P1, slowly};
use super::state::RunState;
use wasmtime::{Caller, Linker};
use wasmtime_wasi::p0;
use wasmtime_wasi::p1::types::{Error, Event, Fd, Lookupflags, Size, Subscription, SubscriptionU};
use wasmtime_wasi::p1::wasi_snapshot_preview1::{self as p1, WasiSnapshotPreview1};
use wiggle::{GuestMemory, GuestPtr, GuestType};

const SUCCESS: i32 = 0;

/// The functions that are the same.
const SAME: [&str; 41] = [
    "args_get",
    "args_sizes_get",
    "clock_res_get",
    "clock_time_get",
    "environ_get",
    "environ_sizes_get",
    "fd_advise",
    "fd_allocate",
    "fd_close",
    "fd_datasync",
    "fd_fdstat_get",
    "fd_fdstat_set_flags",
    "fd_fdstat_set_rights",
    "fd_filestat_set_size",
    "fd_filestat_set_times",
    "fd_pread",
    "fd_prestat_dir_name",
    "fd_prestat_get",
    "fd_pwrite",
    "fd_read",
    "fd_readdir",
    "fd_renumber",
    "fd_sync",
    "fd_tell",
    "fd_write",
    "path_create_directory",
    "path_filestat_set_times",
    "path_link",
    "path_open",
    "path_readlink",
    "path_remove_directory",
    "path_rename",
    "path_symlink",
    "path_unlink_file",
    "proc_exit",
    "proc_raise",
    "random_get",
    "sched_yield",
    "sock_recv",
    "sock_send",
    "sock_shutdown",
];

/// Adds the functions. Those of WASI 0.1 are there.
pub(super) fn add_to_linker(linker: &mut Linker<RunState>) -> wasmtime::Result<()> {
    for name in SAME {
        linker.alias(P1, name, P0, name)?;
    }
    macro_rules! wrap {
        ($function:ident($($argument:ident: $ty:ty),*)) => {
            linker.func_wrap_async(
                P0,
                stringify!($function),
                |mut caller: Caller<'_, RunState>, ($($argument,)*): ($($ty,)*)| {
                    Box::new(async move {
                        let (mut wasi, mut memory) = slowly(&mut caller)?;
                        errno($function(&mut wasi, &mut memory, $($argument),*).await)
                    })
                },
            )?;
        };
    }
    wrap!(fd_filestat_get(fd: i32, stat: i32));
    wrap!(fd_seek(fd: i32, offset: i64, whence: i32, position: i32));
    wrap!(path_filestat_get(fd: i32, flags: i32, path: i32, length: i32, stat: i32));
    wrap!(poll_oneoff(subscriptions: i32, events: i32, count: i32, occurred: i32));
    Ok(())
}

async fn fd_filestat_get(
    wasi: &mut Preview1<'_>,
    memory: &mut GuestMemory<'_>,
    fd: i32,
    stat: i32,
) -> wasmtime::Result<i32> {
    let found = wasi.fd_filestat_get(memory, Fd::from(fd as u32)).await;
    put(memory, stat, found.map(p0::types::Filestat::from))
}

async fn path_filestat_get(
    wasi: &mut Preview1<'_>,
    memory: &mut GuestMemory<'_>,
    fd: i32,
    flags: i32,
    path: i32,
    length: i32,
    stat: i32,
) -> wasmtime::Result<i32> {
    let flags = Lookupflags::try_from(flags as u32)?;
    let path = GuestPtr::new((path as u32, length as u32));
    let fd = Fd::from(fd as u32);
    let found = wasi.path_filestat_get(memory, fd, flags, path).await;
    put(memory, stat, found.map(p0::types::Filestat::from))
}

/// Writes a result of wasmtime-wasi's, or returns its errno.
fn put<T: GuestType>(
    memory: &mut GuestMemory<'_>,
    at: i32,
    result: Result<T, Error>,
) -> wasmtime::Result<i32> {
    match result {
        Ok(value) => {
            memory.write(GuestPtr::new(at as u32), value)?;
            Ok(SUCCESS)
        }
        Err(error) => Ok(error.downcast()? as i32),
    }
}

async fn fd_seek(
    wasi: &mut Preview1<'_>,
    memory: &mut GuestMemory<'_>,
    fd: i32,
    offset: i64,
    whence: i32,
    position: i32,
) -> wasmtime::Result<i32> {
    // Here they are in the order of the current place, the end, the start.
    let whence = match whence {
        0 => 1,
        1 => 2,
        2 => 0,
        wrong => wrong,
    };
    p1::fd_seek(wasi, memory, fd, offset, whence, position).await
}

pub(super) async fn poll_oneoff(
    wasi: &mut Preview1<'_>,
    memory: &mut GuestMemory<'_>,
    subscriptions: i32,
    events: i32,
    count: i32,
    occurred: i32,
) -> wasmtime::Result<i32> {
    let subscriptions = GuestPtr::new(subscriptions as u32);
    let events = GuestPtr::new(events as u32);
    let number = poll(wasi, memory, subscriptions, events, count as u32).await;
    put(memory, occurred, number)
}

async fn poll(
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
