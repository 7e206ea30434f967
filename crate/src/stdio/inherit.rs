//! The host process's own stdin, stdout and stderr.
//!
//! Each has one thread of its own, started at first use. A read from a terminal or a write to a full pipe
//! blocks, and a guest that waits for it must still end at its deadline.

#[cfg(any(windows, test))]
mod console_text;
#[cfg(unix)]
mod unix;
#[cfg(windows)]
mod windows;

use super::config::{Output, OutputStreamKind};
use super::input_pipe::InputPipe;
use super::output_pipe::{Lost, OutputPipe};
use bytes::Bytes;
use std::future::poll_fn;
use std::io::{self, ErrorKind, IsTerminal};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, OnceLock};
use std::thread;
#[cfg(unix)]
use unix as raw;
#[cfg(windows)]
use windows as raw;

const CHUNK: usize = 64 * 1024;

/// The pipe that carries the process's stdin; every run that inherits it shares this one.
pub(super) fn stdin() -> Arc<InputPipe> {
    static PIPE: OnceLock<Arc<InputPipe>> = OnceLock::new();
    PIPE.get_or_init(|| {
        let (ask, asked) = channel::<()>();
        let pipe = InputPipe::new(io::stdin().is_terminal(), move || {
            // The thread lives as long as the process.
            let _ = ask.send(());
        });
        let reader = pipe.clone();
        start("wasiexec-stdin", move || read_stdin(&reader, &asked));
        pipe
    })
    .clone()
}

fn cell(kind: OutputStreamKind) -> &'static OnceLock<Arc<OutputPipe>> {
    static STDOUT: OnceLock<Arc<OutputPipe>> = OnceLock::new();
    static STDERR: OnceLock<Arc<OutputPipe>> = OnceLock::new();
    match kind {
        OutputStreamKind::Stdout => &STDOUT,
        OutputStreamKind::Stderr => &STDERR,
    }
}

/// Which of the process's outputs a guest has.
#[derive(Clone, Copy)]
pub(crate) struct Inherited {
    stdout: bool,
    stderr: bool,
}

impl Inherited {
    pub(crate) fn of(stdout: &Output, stderr: &Output) -> Self {
        let is_inherited = |output: &Output| matches!(output, Output::Inherit);
        Self {
            stdout: is_inherited(stdout),
            stderr: is_inherited(stderr),
        }
    }

    pub(crate) fn any(self) -> bool {
        self.stdout || self.stderr
    }

    /// Waits until everything that was printed has arrived, or cannot: a process that ends later loses nothing.
    pub(crate) async fn arrived(self) {
        let kinds = [
            (self.stdout, OutputStreamKind::Stdout),
            (self.stderr, OutputStreamKind::Stderr),
        ];
        for (is_inherited, kind) in kinds {
            if let (true, Some(pipe)) = (is_inherited, cell(kind).get()) {
                let sent = pipe.sent();
                let _ = poll_fn(|context| pipe.poll_room(Some(sent), context)).await;
            }
        }
    }
}

/// The pipe that carries the process's stdout or stderr.
pub(super) fn output(kind: OutputStreamKind) -> Arc<OutputPipe> {
    cell(kind)
        .get_or_init(|| {
            let (sender, receiver): (Sender<Bytes>, _) = channel();
            let terminal = match kind {
                OutputStreamKind::Stdout => io::stdout().is_terminal(),
                OutputStreamKind::Stderr => io::stderr().is_terminal(),
            };
            let pipe = OutputPipe::new(terminal, true, move |bytes| {
                let _ = sender.send(bytes);
            });
            let writer = pipe.clone();
            start("wasiexec-output", move || {
                write_chunks(kind, &writer, &receiver);
            });
            pipe
        })
        .clone()
}

fn start(name: &str, body: impl FnOnce() + Send + 'static) {
    // Without the thread nothing passes the stream; the run's own limits still hold.
    let _ = thread::Builder::new().name(name.to_owned()).spawn(body);
}

fn read_stdin(pipe: &InputPipe, asked: &Receiver<()>) {
    let mut buffer = vec![0; CHUNK];
    while asked.recv().is_ok() {
        match retry(|| raw::read_stdin(&mut buffer), raw::wait_readable) {
            // Ctrl-D ends what is read now. Who reads once more waits for what is typed then.
            Ok(0) if pipe.is_terminal() => pipe.pause(),
            Ok(0) => return pipe.end(),
            Err(error) => {
                return match error.raw_os_error() {
                    Some(code) => pipe.fail(code),
                    None => pipe.end(),
                };
            }
            Ok(length) => pipe.push(Bytes::copy_from_slice(&buffer[..length])),
        }
    }
}

fn write_chunks(kind: OutputStreamKind, pipe: &OutputPipe, chunks: &Receiver<Bytes>) {
    while let Ok(chunk) = chunks.recv() {
        let mut rest = &chunk[..];
        while !rest.is_empty() {
            match retry(|| raw::write(kind, rest), || raw::wait_writable(kind)) {
                Ok(length) => rest = &rest[length..],
                Err(error) => return pipe.lose(lost(&error)),
            }
        }
        pipe.take(chunk.len() as u64);
    }
}

/// A full disk is not a lost reader.
fn lost(error: &io::Error) -> Lost {
    match error.raw_os_error() {
        Some(code) if error.kind() != ErrorKind::BrokenPipe => Lost::Error(code),
        _ => Lost::Reader,
    }
}

/// Repeats an attempt. Node may have made the stream non-blocking: then `wait` waits until it is ready.
fn retry(
    mut attempt: impl FnMut() -> io::Result<usize>,
    mut wait: impl FnMut(),
) -> io::Result<usize> {
    loop {
        match attempt() {
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(error) if error.kind() == ErrorKind::WouldBlock => wait(),
            result => return result,
        }
    }
}
