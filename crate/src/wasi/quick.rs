//! The calls of WASI 0.1 that nearly every short program makes, carried out without a WASI context.
//!
//! This module carries out a call if its arguments are valid and the run has not made a call that needs
//! wasmtime-wasi. All other calls go to wasmtime-wasi. A guest sees the same result either way.

use super::context::{Untouched, Wasi};
use super::errnos::errno;
use super::gather::MAX_BUFFERS;
use super::memory_files::Preview1;
use super::preview1::{P1, memory, slowly};
use super::state::RunState;
use crate::stdio::{Input, Output, OutputStreamKind};
use std::iter::once;
use wasmtime::{Caller, Linker};
use wasmtime_wasi::p1::wasi_snapshot_preview1 as slow;
use wiggle::GuestMemory;

const SUCCESS: i32 = 0;
const BADF: i32 = 8;

const FILETYPE_UNKNOWN: u8 = 0;
const RIGHT_FD_READ: u64 = 1 << 1;
const RIGHT_FD_WRITE: u64 = 1 << 6;

/// The size of a `ciovec` in memory: two words.
const CIOVEC: usize = 8;
/// Longer writes are left to wasmtime-wasi, which counts the bytes that a host call copies.
const MAX_WRITE: usize = 16 << 20;
/// Calls that touch bytes from this address on are left to wasmtime-wasi, too.
const MAX_REACH: usize = u32::MAX as usize;

/// Adds the functions.
pub(super) fn add_to_linker(linker: &mut Linker<RunState>) -> wasmtime::Result<()> {
    linker.func_wrap_async(
        P1,
        "fd_write",
        |mut caller: Caller<'_, RunState>, (fd, iovs, count, written): (i32, i32, i32, i32)| {
            match quickly(&mut caller, |wasi, memory| {
                fd_write(wasi, memory, fd, iovs, count, written)
            }) {
                Some(answer) => Box::new(std::future::ready(answer)) as Answer<'_>,
                None => Box::new(async move {
                    let (mut wasi, mut memory) = slowly(&mut caller)?;
                    errno(slow::fd_write(&mut wasi, &mut memory, fd, iovs, count, written).await)
                }),
            }
        },
    )?;
    linker.func_wrap_async(
        P1,
        "fd_fdstat_get",
        |mut caller: Caller<'_, RunState>, (fd, stat): (i32, i32)| match quickly(
            &mut caller,
            |wasi, memory| fd_fdstat_get(wasi, memory, fd, stat),
        ) {
            Some(answer) => Box::new(std::future::ready(answer)) as Answer<'_>,
            None => Box::new(async move {
                let (mut wasi, mut memory) = slowly(&mut caller)?;
                errno(slow::fd_fdstat_get(&mut wasi, &mut memory, fd, stat).await)
            }),
        },
    )?;
    // A run with granted directories or files has a context from the start, so there are none here.
    answer(
        linker,
        "fd_prestat_get",
        |_, _, _, _| Some(Ok(BADF)),
        |wasi, memory, first, second| slow::fd_prestat_get(wasi, memory, first, second),
    )?;
    answer(
        linker,
        "args_sizes_get",
        |wasi, memory, count, bytes| put_sizes(memory, count, bytes, args(wasi)),
        |wasi, memory, first, second| slow::args_sizes_get(wasi, memory, first, second),
    )?;
    answer(
        linker,
        "args_get",
        |wasi, memory, pointers, bytes| put_strings(memory, pointers, bytes, args(wasi)),
        |wasi, memory, first, second| slow::args_get(wasi, memory, first, second),
    )?;
    answer(
        linker,
        "environ_sizes_get",
        |wasi, memory, count, bytes| put_sizes(memory, count, bytes, env(wasi)),
        |wasi, memory, first, second| slow::environ_sizes_get(wasi, memory, first, second),
    )?;
    answer(
        linker,
        "environ_get",
        |wasi, memory, pointers, bytes| put_strings(memory, pointers, bytes, env(wasi)),
        |wasi, memory, first, second| slow::environ_get(wasi, memory, first, second),
    )
}

/// Replaces a function that takes two numbers and does not wait.
fn answer(
    linker: &mut Linker<RunState>,
    name: &str,
    quick: fn(&Untouched, &mut [u8], i32, i32) -> Quick,
    slow: fn(&mut Preview1<'_>, &mut GuestMemory<'_>, i32, i32) -> wasmtime::Result<i32>,
) -> wasmtime::Result<()> {
    linker.func_wrap(
        P1,
        name,
        move |mut caller: Caller<'_, RunState>, first: i32, second: i32| {
            let answer = quickly(&mut caller, |wasi, memory| {
                quick(wasi, memory, first, second)
            });
            if let Some(answer) = answer {
                return answer;
            }
            let (mut wasi, mut memory) = slowly(&mut caller)?;
            errno(slow(&mut wasi, &mut memory, first, second))
        },
    )?;
    Ok(())
}

type Answer<'a> = Box<dyn Future<Output = wasmtime::Result<i32>> + Send + 'a>;

/// An errno, or an error that ends the run. `None` if wasmtime-wasi has to carry out the call; nothing has
/// been done then.
type Quick = Option<wasmtime::Result<i32>>;

fn quickly(
    caller: &mut Caller<'_, RunState>,
    answer: impl FnOnce(&Untouched, &mut [u8]) -> Quick,
) -> Quick {
    let memory = memory(caller)?;
    let (memory, state) = memory.data_and_store_mut(caller);
    // wasmtime-wasi treats a range that ends at 2^32 in its own way.
    let reach = memory.len().min(MAX_REACH);
    match state.wasi() {
        Wasi::Untouched(wasi) => answer(wasi, &mut memory[..reach]),
        Wasi::Context(_) => None,
    }
}

/// Writes all buffers, as [`gather`](super::gather) does.
fn fd_write(
    wasi: &Untouched,
    memory: &mut [u8],
    fd: i32,
    iovs: i32,
    count: i32,
    written: i32,
) -> Quick {
    let options = wasi.options();
    let (kind, output) = match fd {
        1 => (OutputStreamKind::Stdout, &options.stdout),
        2 => (OutputStreamKind::Stderr, &options.stderr),
        _ => return None,
    };
    let count = count as u32 as usize;
    if count > MAX_BUFFERS {
        return None;
    }
    let size = count * CIOVEC;
    let iovs = aligned(memory, iovs, 4, size)?;
    let buffers = memory[iovs..iovs + size]
        .chunks_exact(CIOVEC)
        .map(|iov| (word(iov, 0), word(iov, 4) as usize))
        .filter(|(_, length)| *length > 0);
    let mut total = 0;
    for (start, length) in buffers.clone() {
        aligned(memory, start as i32, 1, length)?;
        total += length;
        if size + total > MAX_WRITE {
            return None;
        }
    }
    let written = aligned(memory, written, 4, 4)?;
    match output {
        Output::Capture => {
            for (start, length) in buffers {
                let start = start as usize;
                if let Err(stopped) = wasi.capture.write(kind, &memory[start..start + length]) {
                    return Some(Err(stopped.into()));
                }
            }
        }
        Output::Ignore => {}
        Output::Inherit | Output::Pipe(_) => return None,
    }
    put_word(memory, written, total as u32);
    Some(Ok(SUCCESS))
}

/// The status of a standard stream that is not a terminal.
fn fd_fdstat_get(wasi: &Untouched, memory: &mut [u8], fd: i32, stat: i32) -> Quick {
    let options = wasi.options();
    let rights = match (fd, &options.stdin, &options.stdout, &options.stderr) {
        (0, Input::Empty | Input::Bytes(_), _, _) => RIGHT_FD_READ,
        (1, _, Output::Capture | Output::Ignore, _)
        | (2, _, _, Output::Capture | Output::Ignore) => RIGHT_FD_WRITE,
        _ => return None,
    };
    let stat = aligned(memory, stat, 8, 24)?;
    memory[stat] = FILETYPE_UNKNOWN;
    memory[stat + 2..stat + 4].fill(0);
    memory[stat + 8..stat + 16].copy_from_slice(&rights.to_le_bytes());
    memory[stat + 16..stat + 24].copy_from_slice(&rights.to_le_bytes());
    Some(Ok(SUCCESS))
}

/// The arguments, each in pieces. A NUL follows the last piece of each in memory.
fn args(wasi: &Untouched) -> impl Iterator<Item = [&str; 3]> + Clone {
    once(wasi.name())
        .chain(wasi.args().iter().map(String::as_str))
        .map(|arg| [arg, "", ""])
}

fn env(wasi: &Untouched) -> impl Iterator<Item = [&str; 3]> + Clone {
    let pairs = wasi.env().iter();
    pairs.map(|(name, value)| [name.as_str(), "=", value.as_str()])
}

fn bytes_of(pieces: [&str; 3]) -> usize {
    pieces.iter().map(|piece| piece.len()).sum::<usize>() + 1
}

fn put_sizes<'a>(
    memory: &mut [u8],
    count: i32,
    bytes: i32,
    strings: impl Iterator<Item = [&'a str; 3]> + Clone,
) -> Quick {
    let (count, bytes) = (aligned(memory, count, 4, 4)?, aligned(memory, bytes, 4, 4)?);
    let number = u32::try_from(strings.clone().count()).ok()?;
    let size = u32::try_from(strings.map(bytes_of).sum::<usize>()).ok()?;
    // In wasmtime-wasi's order, which a guest sees where both pointers are the same.
    put_word(memory, bytes, size);
    put_word(memory, count, number);
    Some(Ok(SUCCESS))
}

fn put_strings<'a>(
    memory: &mut [u8],
    pointers: i32,
    bytes: i32,
    strings: impl Iterator<Item = [&'a str; 3]> + Clone,
) -> Quick {
    let size = strings.clone().map(bytes_of).sum::<usize>();
    let mut at = aligned(memory, bytes, 1, size)?;
    let mut pointer = aligned(memory, pointers, 4, strings.clone().count() * 4)?;
    for pieces in strings {
        put_word(memory, pointer, at as u32);
        pointer += 4;
        for piece in pieces.into_iter().chain(once("\0")) {
            memory[at..at + piece.len()].copy_from_slice(piece.as_bytes());
            at += piece.len();
        }
    }
    Some(Ok(SUCCESS))
}

/// Where `size` bytes begin; `None` unless all of them are in memory and the pointer is aligned.
fn aligned(memory: &[u8], pointer: i32, align: usize, size: usize) -> Option<usize> {
    let start = pointer as u32 as usize;
    let fits = start.checked_add(size)? <= memory.len();
    (fits && start.is_multiple_of(align)).then_some(start)
}

fn word(bytes: &[u8], at: usize) -> u32 {
    u32::from_le_bytes([bytes[at], bytes[at + 1], bytes[at + 2], bytes[at + 3]])
}

fn put_word(memory: &mut [u8], at: usize, word: u32) {
    memory[at..at + 4].copy_from_slice(&word.to_le_bytes());
}
