//! Reads and writes through the standard library, which handles consoles.

use super::super::config::OutputStreamKind;
use std::io::{self, Read, Write};

pub(super) fn read_stdin(buffer: &mut [u8]) -> io::Result<usize> {
    io::stdin().read(buffer)
}

pub(super) fn write(kind: OutputStreamKind, bytes: &[u8]) -> io::Result<usize> {
    match kind {
        OutputStreamKind::Stdout => write_flushed(&mut io::stdout(), bytes),
        OutputStreamKind::Stderr => write_flushed(&mut io::stderr(), bytes),
    }
}

fn write_flushed(stream: &mut impl Write, bytes: &[u8]) -> io::Result<usize> {
    let length = stream.write(bytes)?;
    stream.flush()?;
    Ok(length)
}

pub(super) fn wait_readable() {}

pub(super) fn wait_writable(_: OutputStreamKind) {}
