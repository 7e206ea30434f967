//! WASI 0.1 and the preview before it as wasmtime-wasi has them, but with errnos instead of traps for wrong
//! arguments and for resources that the host is out of.
//!
//! wasmtime-wasi traps where an argument is not a value of its type, before it looks at anything else, and
//! where its table is full. Every function that can return an errno is wrapped here and returns the errno
//! for such an error. Bad pointers stay traps: WASI says so.

use super::preview1::{P0, P1, slowly};
use super::resources::{MFILE, out_of_descriptors};
use super::state::RunState;
use wasmtime::component::ResourceTableError;
use wasmtime::{Caller, Linker};
use wasmtime_wasi::p0::wasi_unstable as p0;
use wasmtime_wasi::p1::wasi_snapshot_preview1 as p1;
use wiggle::GuestError;

const ILSEQ: i32 = 25;
const INVAL: i32 = 28;
const IO: i32 = 29;

type OpenArguments = (i32, i32, i32, i32, i32, i64, i64, i32, i32);

/// The context for the functions of a preview. Guests of the one before WASI 0.1 have no files in memory.
macro_rules! context {
    (p0, $wasi:ident) => {
        $wasi.p0()
    };
    (p1, $wasi:ident) => {
        &mut $wasi
    };
}
pub(super) use context;

/// Adds wasmtime-wasi's functions with errnos in the place of traps.
pub(super) fn add_to_linker(linker: &mut Linker<RunState>) -> wasmtime::Result<()> {
    macro_rules! wrap {
        (@async $name:ident, $module:ident, $function:ident($($a:ident: $at:ty),*)) => {
            linker.func_wrap_async(
                $name,
                stringify!($function),
                |mut caller: Caller<'_, RunState>, ($($a,)*): ($($at,)*)| {
                    Box::new(async move {
                        let (mut wasi, mut memory) = slowly(&mut caller)?;
                        let wasi = context!($module, wasi);
                        errno($module::$function(wasi, &mut memory, $($a),*).await)
                    })
                },
            )?;
        };
        (@sync $name:ident, $module:ident, $function:ident($($b:ident: $bt:ty),*)) => {
            linker.func_wrap(
                $name,
                stringify!($function),
                |mut caller: Caller<'_, RunState>, $($b: $bt),*| {
                    let (mut wasi, mut memory) = slowly(&mut caller)?;
                    errno($module::$function(context!($module, wasi), &mut memory, $($b),*))
                },
            )?;
        };
        (@open $name:ident, $module:ident) => {
            linker.func_wrap_async(
                $name,
                "path_open",
                |mut caller: Caller<'_, RunState>,
                 (fd, lookup, path, length, how, base, inheriting, flags, opened): OpenArguments| {
                    Box::new(async move {
                        let (mut wasi, mut memory) = slowly(&mut caller)?;
                        if wasi.is_full() {
                            return Ok(MFILE);
                        }
                        let open = $module::path_open(
                            context!($module, wasi), &mut memory, fd, lookup, path, length, how, base, inheriting, flags, opened,
                        );
                        Ok(match errno(open.await)? {
                            IO => out_of_descriptors().unwrap_or(IO),
                            errno => errno,
                        })
                    })
                },
            )?;
        };
        ($(async fn $async:ident($($a:ident: $at:ty),*);)* $(fn $sync:ident($($b:ident: $bt:ty),*);)*) => {
            $(
                wrap!(@async P0, p0, $async($($a: $at),*));
                wrap!(@async P1, p1, $async($($a: $at),*));
            )*
            $(
                wrap!(@sync P0, p0, $sync($($b: $bt),*));
                wrap!(@sync P1, p1, $sync($($b: $bt),*));
            )*
        };
    }
    // What both previews have, except `proc_exit`, which returns nothing, what is below and the functions in
    // [`super::directories`].
    wrap! {
        async fn fd_advise(fd: i32, offset: i64, length: i64, advice: i32);
        async fn fd_datasync(fd: i32);
        async fn fd_filestat_get(fd: i32, stat: i32);
        async fn fd_filestat_set_size(fd: i32, size: i64);
        async fn fd_pread(fd: i32, iovs: i32, count: i32, offset: i64, read: i32);
        async fn fd_read(fd: i32, iovs: i32, count: i32, read: i32);
        async fn fd_seek(fd: i32, offset: i64, whence: i32, position: i32);
        async fn fd_sync(fd: i32);
        async fn path_create_directory(fd: i32, path: i32, length: i32);
        async fn path_filestat_get(fd: i32, flags: i32, path: i32, length: i32, stat: i32);
        async fn path_filestat_set_times(
            fd: i32, flags: i32, path: i32, length: i32, accessed: i64, modified: i64, times: i32
        );
        async fn path_link(
            fd: i32, flags: i32, path: i32, length: i32, to_fd: i32, to: i32, to_length: i32
        );
        async fn path_readlink(fd: i32, path: i32, length: i32, buffer: i32, size: i32, used: i32);
        async fn path_remove_directory(fd: i32, path: i32, length: i32);
        async fn path_rename(fd: i32, path: i32, length: i32, to_fd: i32, to: i32, to_length: i32);
        async fn path_symlink(target: i32, target_length: i32, fd: i32, path: i32, length: i32);
        async fn path_unlink_file(fd: i32, path: i32, length: i32);
        fn clock_res_get(clock: i32, resolution: i32);
        fn clock_time_get(clock: i32, precision: i64, time: i32);
        fn fd_allocate(fd: i32, offset: i64, length: i64);
        fn fd_fdstat_set_flags(fd: i32, flags: i32);
        fn fd_fdstat_set_rights(fd: i32, base: i64, inheriting: i64);
        fn fd_prestat_dir_name(fd: i32, path: i32, length: i32);
        fn fd_tell(fd: i32, position: i32);
        fn proc_raise(signal: i32);
        fn random_get(buffer: i32, length: i32);
        fn sched_yield();
    }
    // Those of WASI 0.1 are in [`super::quick`].
    wrap!(@async P0, p0, fd_fdstat_get(fd: i32, stat: i32));
    wrap!(@sync P0, p0, args_get(pointers: i32, bytes: i32));
    wrap!(@sync P0, p0, args_sizes_get(count: i32, bytes: i32));
    wrap!(@sync P0, p0, environ_get(pointers: i32, bytes: i32));
    wrap!(@sync P0, p0, environ_sizes_get(count: i32, bytes: i32));
    wrap!(@sync P0, p0, fd_prestat_get(fd: i32, prestat: i32));
    // That of the preview before is in [`super::poll_unstable`].
    wrap!(@async P1, p1, poll_oneoff(subscriptions: i32, events: i32, count: i32, occurred: i32));
    // Those of the preview before are the same functions: see [`super::sockets`].
    wrap!(@sync P1, p1, sock_accept(fd: i32, flags: i32, socket: i32));
    wrap!(@sync P1, p1, sock_recv(fd: i32, iovs: i32, count: i32, flags: i32, read: i32, done: i32));
    wrap!(@sync P1, p1, sock_send(fd: i32, iovs: i32, count: i32, flags: i32, written: i32));
    wrap!(@sync P1, p1, sock_shutdown(fd: i32, how: i32));
    // Both are one function, so that directories are the same for both: see [`super::directory_times`].
    wrap!(@async P0, p1, fd_filestat_set_times(fd: i32, accessed: i64, modified: i64, flags: i32));
    wrap!(@async P1, p1, fd_filestat_set_times(fd: i32, accessed: i64, modified: i64, flags: i32));
    // The same, so that all buffers are written for both: see [`super::gather`] and, for WASI 0.1, [`super::quick`].
    wrap!(@async P0, p1, fd_write(fd: i32, iovs: i32, count: i32, written: i32));
    wrap!(@async P0, p1, fd_pwrite(fd: i32, iovs: i32, count: i32, offset: i64, written: i32));
    wrap!(@async P1, p1, fd_pwrite(fd: i32, iovs: i32, count: i32, offset: i64, written: i32));
    wrap!(@open P0, p0);
    wrap!(@open P1, p1);
    Ok(())
}

/// Turns an error into its errno, if there is one for it.
pub(super) fn errno(result: wasmtime::Result<i32>) -> wasmtime::Result<i32> {
    let error = match result {
        Ok(errno) => return Ok(errno),
        Err(error) => error,
    };
    let known = match error.downcast_ref::<GuestError>() {
        Some(error) => of_guest(error),
        None => of_table(&error),
    };
    known.ok_or(error)
}

/// The errno for a wrong argument. wasmtime-wasi has the same for wrong values that a function finds in
/// memory.
fn of_guest(error: &GuestError) -> Option<i32> {
    match error {
        // `TryFromIntError`: the argument is too large for its type.
        GuestError::InvalidFlagValue(_)
        | GuestError::InvalidEnumValue(_)
        | GuestError::TryFromIntError(_) => Some(INVAL),
        GuestError::InvalidUtf8(_) => Some(ILSEQ),
        GuestError::InFunc { err, .. } => of_guest(err),
        // Bad pointers.
        _ => None,
    }
}

fn of_table(error: &wasmtime::Error) -> Option<i32> {
    match error.downcast_ref()? {
        ResourceTableError::Full => Some(MFILE),
        _ => None,
    }
}
