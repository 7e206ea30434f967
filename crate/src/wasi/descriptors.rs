//! The file descriptors of a guest, as it sees them, and how to have them as they were in another run.

use super::errnos::errno;
use wasmtime_wasi::p1::WasiP1Ctx;
use wasmtime_wasi::p1::wasi_snapshot_preview1 as p1;
use wasmtime_wasi::p1::wasi_snapshot_preview1::WasiSnapshotPreview1;
use wiggle::GuestMemory;

const SUCCESS: i32 = 0;
const BADF: i32 = 8;

const STDIO: usize = 3;
const RIGHT_FD_READ: u64 = 1 << 1;
const RIGHT_FD_WRITE: u64 = 1 << 6;
const RIGHT_FD_READDIR: i64 = 1 << 14;
const OPEN_DIRECTORY: i32 = 1 << 1;
/// wasmtime-wasi counts the bytes that a call copies.
const HOSTCALL_FUEL: usize = 1 << 10;

/// No run holds more descriptors open than this, so no descriptor has a number beyond it.
pub(crate) const MAX_DESCRIPTORS: usize = super::resources::MAX_RESOURCES;

/// Finds out whether a guest with `preopens` granted directories, which has renumbered nothing, has exactly the
/// descriptors that it started with. If so, returns the number of descriptors beyond those that it has opened at
/// a time and closed again: wasmtime-wasi gives out their numbers in another order than it first did.
///
/// # Errors
///
/// What the guest has changed.
pub(crate) async fn used(
    wasi: &mut WasiP1Ctx,
    preopens: usize,
) -> wasmtime::Result<Result<usize, String>> {
    for fd in 0..STDIO {
        let right = match fd {
            0 => RIGHT_FD_READ,
            _ => RIGHT_FD_WRITE,
        };
        match status(wasi, fd).await? {
            Some(status) if status.rights == right => {}
            Some(_) => return Ok(Err(format!("it has opened a file as file descriptor {fd}"))),
            None => return Ok(Err(format!("it has closed file descriptor {fd}"))),
        }
    }
    let first = STDIO + preopens;
    for fd in STDIO..first {
        let mut memory = [0; 8];
        let mut memory = GuestMemory::Unshared(&mut memory);
        if errno(p1::fd_prestat_get(wasi, &mut memory, fd as i32, 0))? != SUCCESS {
            let what = "the descriptor of a granted directory";
            return Ok(Err(format!("it has closed {what} ({fd})")));
        }
    }
    for fd in first..first + MAX_DESCRIPTORS {
        if status(wasi, fd).await?.is_some() {
            let what = format!("it has a file or directory open (file descriptor {fd})");
            return Ok(Err(what));
        }
    }
    if preopens == 0 {
        return Ok(Ok(0));
    }
    Ok(Ok(match open(wasi).await? {
        // The highest of the free numbers comes first.
        Some(fd) if fd > first => fd - first + 1,
        _ => 0,
    }))
}

/// Opens and closes descriptors, so that their numbers are given out as in a run that has [`used`] this number
/// of them.
pub(crate) async fn use_up(wasi: &mut WasiP1Ctx, number: usize) -> wasmtime::Result<()> {
    let mut opened = Vec::new();
    for _ in 0..number.min(MAX_DESCRIPTORS) {
        opened.extend(open(wasi).await?);
    }
    for fd in opened {
        let mut memory = GuestMemory::Unshared(&mut []);
        errno(p1::fd_close(wasi, &mut memory, fd as i32).await)?;
    }
    Ok(())
}

struct Status {
    rights: u64,
}

/// `None` for a descriptor that is closed.
async fn status(wasi: &mut WasiP1Ctx, fd: usize) -> wasmtime::Result<Option<Status>> {
    let mut bytes = [0; 24];
    let mut memory = GuestMemory::Unshared(&mut bytes);
    if errno(p1::fd_fdstat_get(wasi, &mut memory, fd as i32, 0).await)? == BADF {
        return Ok(None);
    }
    let mut rights = [0; 8];
    rights.copy_from_slice(&bytes[8..16]);
    let rights = u64::from_le_bytes(rights);
    Ok(Some(Status { rights }))
}

/// Opens the first granted directory once more.
async fn open(wasi: &mut WasiP1Ctx) -> wasmtime::Result<Option<usize>> {
    let mut bytes = *b"\0\0\0\0.";
    let mut memory = GuestMemory::Unshared(&mut bytes);
    wasi.set_hostcall_fuel(HOSTCALL_FUEL);
    let opened = p1::path_open(
        wasi,
        &mut memory,
        STDIO as i32,
        0,
        4,
        1,
        OPEN_DIRECTORY,
        RIGHT_FD_READDIR,
        0,
        0,
        0,
    );
    let opened = errno(opened.await)?;
    let fd = u32::from_le_bytes([bytes[0], bytes[1], bytes[2], bytes[3]]);
    Ok((opened == SUCCESS).then_some(fd as usize))
}
