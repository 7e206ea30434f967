//! A worker: a port onto a runtime of one thread, with a socket at its other end.

use super::frame::{Frame, Kind};
use super::link::{from_descriptor, when_hung_up};
use super::program;
use crate::cache::Cache;
use crate::error::{Error, ErrorCode, Result};
use crate::runtime::{Runtime, RuntimeOptions};
use crate::transport::{Delivery, Port};
use serde::{Deserialize, Serialize};
use std::io::{Read, Write};
use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::{Duration, Instant};

/// What a worker is told first.
#[derive(Serialize, Deserialize)]
pub(super) struct Setup {
    pub(super) max_concurrent_runs: usize,
    pub(super) cache: Option<PathBuf>,
}

/// Serves the one at the other end of a socket for as long as there is one; to be called in a process
/// of its own, which should end when this returns. It is killed when the other end is closed, whatever
/// it does then.
///
/// # Errors
///
/// When the descriptor is no socket, or the other end does not speak as it should.
pub fn serve(descriptor: i32) -> Result<()> {
    let failed = |error| Error::new(ErrorCode::Internal, format!("a worker's socket: {error}"));
    let mut input = from_descriptor(descriptor).map_err(failed)?;
    let output = input.try_clone().map_err(failed)?;
    when_hung_up(&input, end_process).map_err(failed)?;
    let frame = Frame::read(&mut input).map_err(failed)?;
    let setup: Setup = serde_json::from_slice(&frame.bytes).map_err(Error::internal)?;
    let worker = Worker::start(setup, output)?;
    worker.say_hello();
    while worker.obey(&mut input)? {}
    Ok(())
}

struct Worker<W> {
    port: Arc<Port>,
    output: Mutex<Output<W>>,
    /// Runs that came.
    received: AtomicU64,
}

/// A busy worker tells of runs that ended so often at the most: each time wakes three threads.
const TELL: Duration = Duration::from_millis(2);

struct Output<W> {
    to: W,
    /// What the other end was told last, and when.
    started: u64,
    told: Instant,
}

impl<W: Write> Output<W> {
    fn send(&mut self, delivery: Delivery, started: u64) {
        self.started = self.started.max(started);
        self.told = Instant::now();
        let mut frame = Frame::new(Kind::Delivery, delivery.records, delivery.bytes);
        frame.started = self.started;
        // Where the other end has gone, the next read says so.
        let _ = frame.write(&mut self.to);
    }
}

#[cfg(unix)]
fn end_process() {
    use rustix::process::{Signal, getpid, kill_process};
    // Nothing is left to be done, and threads of ours may be in the middle of anything.
    let _ = kill_process(getpid(), Signal::KILL);
}

#[cfg(not(unix))]
fn end_process() {
    std::process::abort();
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
                    this.tell();
                }
            });
            let news = move || {
                if let Some(this) = this.upgrade() {
                    this.tell_in_time();
                }
            };
            Self {
                port: Port::new(Arc::new(runtime), news),
                output: Mutex::new(Output {
                    to,
                    started: 0,
                    told: Instant::now(),
                }),
                received: AtomicU64::new(0),
            }
        }))
    }

    /// Says that it is there: it gets no runs before.
    fn say_hello(&self) {
        self.output().send(Delivery::default(), 0);
    }

    /// There is news. While there is more to start, more follows soon, most likely.
    fn tell_in_time(self: Arc<Self>) {
        let is_early = self.output().told.elapsed() < TELL;
        let runtime = self.port.runtime();
        if !is_early || runtime.queued() == 0 {
            self.tell();
            return;
        }
        // Nobody is woken by later news before these are told, so this is the only one that waits.
        let handle = runtime.handle().clone();
        handle.spawn(async move {
            tokio::time::sleep(TELL).await;
            self.tell();
        });
    }

    /// Sends what there is, and how far the queue has come.
    fn tell(&self) {
        let mut output = self.output();
        loop {
            let received = self.received.load(Ordering::Acquire);
            let started = received.saturating_sub(self.port.runtime().queued());
            // Whatever comes after this wakes somebody who then waits for `output`.
            let delivery = self.port.take();
            if delivery.records.is_empty() && started <= output.started {
                return;
            }
            output.send(delivery, started);
        }
    }

    fn output(&self) -> MutexGuard<'_, Output<W>> {
        self.output.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Does what the next frame says; answers false when there is no more.
    fn obey(&self, input: &mut impl Read) -> Result<bool> {
        let Ok(frame) = Frame::read(input) else {
            return Ok(false);
        };
        match frame.kind {
            Kind::Operations => {
                let runs = Port::count_runs(&frame.numbers);
                // Before they are queued: too many for a moment, never too few for ever.
                self.received.fetch_add(runs, Ordering::AcqRel);
                self.port.submit(&frame.numbers, frame.bytes)?;
            }
            Kind::Program => {
                let handle = frame.numbers.first().copied().unwrap_or_default();
                let request = program::decode(&frame.bytes)?;
                self.port.load_or_remember(handle as u64, request);
            }
            Kind::Close => {
                self.port.runtime().close_and_wait();
                self.tell();
                return Ok(false);
            }
            Kind::Setup | Kind::Delivery => {
                return Err(Error::internal("a worker was sent an unexpected frame"));
            }
        }
        Ok(true)
    }
}
