//! Writes of several buffers to what wasmtime-wasi has.
//!
//! wasmtime-wasi writes the first buffer that is not empty and says so. Such a short write is within the rules, but there
//! are programs that take it for a whole one.

use wasmtime_wasi::p1::WasiP1Ctx;
use wasmtime_wasi::p1::types::{CiovecArray, Error, Fd, Filesize, Size};
use wasmtime_wasi::p1::wasi_snapshot_preview1::WasiSnapshotPreview1;
use wiggle::GuestMemory;

/// Buffers that one call writes. Guests go on with the rest, as on Linux.
pub(super) const MAX_BUFFERS: usize = 1024;

/// Writes buffer after buffer, until one is not written whole or one host call cannot carry more: to the descriptor's own
/// position, or from `offset` on.
pub(super) async fn write(
    wasi: &mut WasiP1Ctx,
    memory: &mut GuestMemory<'_>,
    fd: Fd,
    iovs: CiovecArray,
    offset: Option<Filesize>,
) -> Result<Size, Error> {
    let mut total = write_first(wasi, memory, fd, iovs, offset).await?;
    let mut left = None;
    for index in 0..iovs.len() {
        let length = match iovs.get(index) {
            Some(iov) => memory.read(iov)?.buf_len,
            None => break,
        };
        match &mut left {
            _ if length == 0 => {}
            // The buffer that has been written.
            None if total < length => break,
            None => left = Some(1..MAX_BUFFERS),
            Some(left) => {
                let (Some(_), Some(iov)) = (left.next(), iovs.get_range(index..index + 1)) else {
                    break;
                };
                let at = offset.map(|offset| offset.saturating_add(total.into()));
                match write_first(wasi, memory, fd, iov, at).await {
                    Ok(written) => {
                        total += written;
                        if written < length {
                            break;
                        }
                    }
                    // An errno: what was written before is not lost. Everything else ends the run.
                    Err(error) => match error.downcast() {
                        Ok(_) => break,
                        Err(end) => return Err(Error::trap(end)),
                    },
                }
            }
        }
    }
    Ok(total)
}

/// Writes the first buffer that is not empty, and counts its bytes among those that one host call carries.
async fn write_first(
    wasi: &mut WasiP1Ctx,
    memory: &mut GuestMemory<'_>,
    fd: Fd,
    iovs: CiovecArray,
    offset: Option<Filesize>,
) -> Result<Size, Error> {
    match offset {
        None => wasi.fd_write(memory, fd, iovs).await,
        Some(offset) => wasi.fd_pwrite(memory, fd, iovs, offset).await,
    }
}
