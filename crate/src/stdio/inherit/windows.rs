//! Reads and writes through the standard library, which knows consoles.

use super::super::config::OutputStreamKind;
use super::console_text::take_text;
use std::cell::RefCell;
use std::io::{self, IsTerminal, Read, Write};

pub(super) fn read_stdin(buffer: &mut [u8]) -> io::Result<usize> {
    io::stdin().read(buffer)
}

pub(super) fn write(kind: OutputStreamKind, bytes: &[u8]) -> io::Result<usize> {
    match kind {
        OutputStreamKind::Stdout => write_to(&mut io::stdout(), bytes),
        OutputStreamKind::Stderr => write_to(&mut io::stderr(), bytes),
    }
}

fn write_to(stream: &mut (impl Write + IsTerminal), bytes: &[u8]) -> io::Result<usize> {
    thread_local! {
        /// The beginning of a character; each stream has a thread of its own.
        static HELD: RefCell<Vec<u8>> = const { RefCell::new(Vec::new()) };
    }
    let length = if stream.is_terminal() {
        // The standard library refuses bytes that are not UTF-8 there.
        let text = HELD.with_borrow_mut(|held| take_text(held, bytes));
        stream.write_all(text.as_bytes())?;
        bytes.len()
    } else {
        stream.write(bytes)?
    };
    stream.flush()?;
    Ok(length)
}

pub(super) fn wait_readable() {}

pub(super) fn wait_writable(_: OutputStreamKind) {}
