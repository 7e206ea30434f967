//! A worker: a port onto a runtime of one thread, served over a socket.

use super::frame::{Frame, Kind};
use super::link::{from_number, when_hung_up};
use super::program;
use crate::error::{Error, ErrorCode, Result};
use crate::lock::lock;
use crate::platform;
use crate::port::{Delivery, Operation, Port};
use crate::program::Cache;
use crate::runtime::{Runtime, RuntimeOptions};
use serde::{Deserialize, Serialize};
use std::io::{Read, Write};
use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, Weak};
use std::time::{Duration, Instant};

/// The settings of a worker, which are in its first frame.
#[derive(Serialize, Deserialize)]
pub(super) struct Setup {
    pub(super) max_concurrent_runs: usize,
    pub(super) cache: Option<PathBuf>,
}

/// Serves the process at the other end of a socket until that end is closed. Call this in a process of its
/// own, which should end when this returns. The process kills itself when the other end is closed, whatever
/// it does then.
///
/// # Errors
///
/// When the number is not that of a socket, or the other end sends something unexpected.
pub fn serve(socket: i32) -> Result<()> {
    let failed = |error| Error::new(ErrorCode::Internal, format!("a worker's socket: {error}"));
    let mut input = from_number(socket).map_err(failed)?;
    let output = input.try_clone().map_err(failed)?;
    when_hung_up(&input, platform::end_process).map_err(failed)?;
    let frame = Frame::read(&mut input).map_err(failed)?;
    let setup: Setup = serde_json::from_slice(&frame.bytes).map_err(Error::internal)?;
    let worker = Worker::start(setup, output)?;
    worker.say_hello();
    while worker.handle_frame(&mut input)? {}
    Ok(())
}

struct Worker<W> {
    port: Arc<Port>,
    output: Mutex<Output<W>>,
    /// The number of runs received.
    received: AtomicU64,
}

/// A busy worker sends its records at most this often: each time wakes three threads.
const INTERVAL: Duration = Duration::from_millis(2);

struct Output<W> {
    to: W,
    /// The number of started runs that was sent last, and when.
    started: u64,
    sent: Instant,
}

impl<W: Write> Output<W> {
    fn send(&mut self, kind: Kind, delivery: Delivery, started: u64) {
        self.started = self.started.max(started);
        self.sent = Instant::now();
        let mut frame = Frame::new(kind, delivery.records, delivery.bytes);
        frame.started = self.started;
        // If the other end is closed, the next read reports that.
        let _ = frame.write(&mut self.to);
    }
}

impl<W: Write + Send + 'static> Worker<W> {
    fn start(setup: Setup, to: W) -> Result<Arc<Self>> {
        let runtime = Runtime::new(RuntimeOptions {
            threads: 1,
            max_concurrent_runs: setup.max_concurrent_runs,
            cache: setup.cache.map_or_else(Cache::none, Cache::at),
        })?;
        Ok(Arc::new_cyclic(|this: &Weak<Self>| {
            let this = this.clone();
            let started = this.clone();
            runtime.on_started(move || {
                if let Some(this) = started.upgrade() {
                    this.send();
                }
            });
            let wake = move || {
                if let Some(this) = this.upgrade() {
                    this.send_in_time();
                }
            };
            Self {
                port: Port::new(Arc::new(runtime), wake),
                output: Mutex::new(Output {
                    to,
                    started: 0,
                    sent: Instant::now(),
                }),
                received: AtomicU64::new(0),
            }
        }))
    }

    /// Says that the worker is set up. It gets no runs before.
    fn say_hello(&self) {
        self.output().send(Kind::Delivery, Delivery::default(), 0);
    }

    /// Sends the records that wait. While there are runs to start, more records will probably follow soon, so
    /// they are sent together.
    fn send_in_time(self: Arc<Self>) {
        let is_early = self.output().sent.elapsed() < INTERVAL;
        let runtime = self.port.runtime();
        let waits = is_early && runtime.queued() > 0;
        let Some(handle) = waits.then(|| runtime.handle().ok()).flatten() else {
            self.send();
            return;
        };
        // Until these records are sent, later ones do not call `wake`, so this is the only task that waits.
        handle.spawn(async move {
            tokio::time::sleep(INTERVAL).await;
            self.send();
        });
    }

    /// Sends the records that wait, and how many runs have started.
    fn send(&self) {
        self.send_to(&mut self.output());
    }

    /// Says, after their records, that all recalled runs have been returned.
    fn send_recalled(&self) {
        let mut output = self.output();
        self.send_to(&mut output);
        let started = output.started;
        output.send(Kind::Recalled, Delivery::default(), started);
    }

    fn send_to(&self, output: &mut Output<W>) {
        loop {
            let received = self.received.load(Ordering::Acquire);
            let started = received.saturating_sub(self.port.runtime().queued());
            // A record that comes after this calls `wake` again, and then waits for `output`.
            let delivery = self.port.take();
            if delivery.records.is_empty() && started <= output.started {
                return;
            }
            output.send(Kind::Delivery, delivery, started);
        }
    }

    fn output(&self) -> MutexGuard<'_, Output<W>> {
        lock(&self.output)
    }

    /// Handles the next frame; returns false when there is none.
    fn handle_frame(&self, input: &mut impl Read) -> Result<bool> {
        let Ok(frame) = Frame::read(input) else {
            return Ok(false);
        };
        match frame.kind {
            Kind::Operations => {
                let runs = Operation::count_runs(&frame.numbers);
                // Counted before they are queued: the count may be too high for a moment, but never too low.
                self.received.fetch_add(runs, Ordering::AcqRel);
                self.port.submit(&frame.numbers, &frame.bytes)?;
                if Operation::is_urgent(&frame.numbers) {
                    self.send();
                }
                if Operation::recalls(&frame.numbers) {
                    self.send_recalled();
                }
            }
            Kind::Program => {
                let handle = frame.numbers.first().copied().unwrap_or_default();
                let request = program::decode(&frame.bytes)?;
                self.port.load_or_remember(handle as u64, request);
            }
            Kind::Close => {
                self.port.runtime().close_and_wait();
                self.send();
                return Ok(false);
            }
            Kind::Setup | Kind::Delivery | Kind::Recalled => {
                return Err(Error::internal("a worker was sent an unexpected frame"));
            }
        }
        Ok(true)
    }
}
