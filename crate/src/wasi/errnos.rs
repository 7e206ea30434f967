//! WASI 0.1 as wasmtime-wasi has it, but with errnos instead of traps for wrong arguments and for resources that the
//! host is out of.
//!
//! wasmtime-wasi traps where an argument is not a value of its type, before it looks at anything else, and
//! where its table is full. Every function that can return an errno is wrapped here and returns the errno
//! for such an error. Bad pointers stay traps: WASI says so.

use super::preview1::{P1, slowly};
use super::resources::{MFILE, out_of_descriptors};
use super::state::RunState;
use wasmtime::component::ResourceTableError;
use wasmtime::{Caller, Linker};
use wasmtime_wasi::p1::wasi_snapshot_preview1 as p1;
use wiggle::GuestError;

const ILSEQ: i32 = 25;
const INVAL: i32 = 28;
const IO: i32 = 29;

type OpenArguments = (i32, i32, i32, i32, i32, i64, i64, i32, i32);

/// Adds wasmtime-wasi's functions with errnos in the place of traps.
pub(super) fn add_to_linker(linker: &mut Linker<RunState>) -> wasmtime::Result<()> {
    macro_rules! wrap {
        (@async $function:ident($($a:ident: $at:ty),*)) => {
            linker.func_wrap_async(
                P1,
                stringify!($function),
                |mut caller: Caller<'_, RunState>, ($($a,)*): ($($at,)*)| {
                    Box::new(async move {
                        let (mut wasi, mut memory) = slowly(&mut caller)?;
                        errno(p1::$function(&mut wasi, &mut memory, $($a),*).await)
                    })
                },
            )?;
        };
        (@sync $function:ident($($b:ident: $bt:ty),*)) => {
            linker.func_wrap(
                P1,
                stringify!($function),
                |mut caller: Caller<'_, RunState>, $($b: $bt),*| {
                    let (mut wasi, mut memory) = slowly(&mut caller)?;
                    errno(p1::$function(&mut wasi, &mut memory, $($b),*))
                },
            )?;
        };
        ($(async fn $async:ident($($a:ident: $at:ty),*);)* $(fn $sync:ident($($b:ident: $bt:ty),*);)*) => {
            $(wrap!(@async $async($($a: $at),*));)*
            $(wrap!(@sync $sync($($b: $bt),*));)*
        };
    }
    // All but `path_open`, which is below, and the functions in [`super::directories`], [`super::quick`] and
    // [`super::linker`].
    wrap! {
        async fn fd_advise(fd: i32, offset: i64, length: i64, advice: i32);
        async fn fd_datasync(fd: i32);
        async fn fd_filestat_get(fd: i32, stat: i32);
        async fn fd_filestat_set_size(fd: i32, size: i64);
        async fn fd_filestat_set_times(fd: i32, accessed: i64, modified: i64, flags: i32);
        async fn fd_pread(fd: i32, iovs: i32, count: i32, offset: i64, read: i32);
        async fn fd_pwrite(fd: i32, iovs: i32, count: i32, offset: i64, written: i32);
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
        async fn poll_oneoff(subscriptions: i32, events: i32, count: i32, occurred: i32);
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
        fn sock_accept(fd: i32, flags: i32, socket: i32);
        fn sock_recv(fd: i32, iovs: i32, count: i32, flags: i32, read: i32, done: i32);
        fn sock_send(fd: i32, iovs: i32, count: i32, flags: i32, written: i32);
        fn sock_shutdown(fd: i32, how: i32);
    }
    linker.func_wrap_async(
        P1,
        "path_open",
        |mut caller: Caller<'_, RunState>,
         (fd, lookup, path, length, how, base, inheriting, flags, opened): OpenArguments| {
            Box::new(async move {
                let (mut wasi, mut memory) = slowly(&mut caller)?;
                if wasi.is_full() {
                    return Ok(MFILE);
                }
                let open = p1::path_open(
                    &mut wasi,
                    &mut memory,
                    fd,
                    lookup,
                    path,
                    length,
                    how,
                    base,
                    inheriting,
                    flags,
                    opened,
                );
                Ok(match errno(open.await)? {
                    IO => out_of_descriptors().unwrap_or(IO),
                    errno => errno,
                })
            })
        },
    )?;
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
