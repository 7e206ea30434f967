//! Streams of bytes from the host to a guest, with backpressure.

use super::sender::{Sender, Taken};
use super::wakers::Wakers;
use crate::lock::lock;
use bytes::{Bytes, BytesMut};
use std::collections::VecDeque;
use std::hint::spin_loop;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

/// Chunks up to this size are read together, so that a guest that is written to in pieces does not read in pieces.
const SMALL: usize = 4096;

/// Bytes on their way from the host to a guest.
pub struct InputPipe {
    state: Mutex<InputState>,
    /// Whether something may have come since a guest began to wait.
    touched: AtomicBool,
    demand: Demand,
    terminal: bool,
}

/// How the host learns that it may push.
enum Demand {
    /// It is asked for each chunk that a guest waits for.
    Chunks(Box<dyn Fn() + Send + Sync>),
    /// It is told how many more bytes it may push, ahead of the guest, up to a window.
    Room {
        window: u64,
        give: Box<dyn Fn(u64) + Send + Sync>,
    },
}

#[derive(Default)]
struct InputState {
    chunks: VecDeque<Chunk>,
    ended: bool,
    /// The error of the operating system that has ended it.
    failed: Option<i32>,
    /// Whether the next read finds an end, after which more may come.
    paused: bool,
    /// Whether a chunk was asked for that has not come, or whether the first room was given.
    asked: bool,
    /// Bytes that were read since room was given the last time.
    read: u64,
    /// When a guest began to wait, if one waits.
    waits_since: Option<Instant>,
    /// How long the last guest had to wait.
    waited: Option<Duration>,
    /// Whether the last chunk was no line: a guest that sleeps meanwhile reads more at a time.
    is_bulk: bool,
    wakers: Wakers,
}

/// Appends `more` to `last` if both are small: what is kept beside bytes may be a hundred times as much as they are.
/// Returns whether they were.
pub(super) fn join(last: &mut Bytes, more: &Bytes) -> bool {
    let fits = last.len() + more.len() <= SMALL;
    if fits {
        let mut joined = BytesMut::from(std::mem::take(last));
        joined.extend_from_slice(more);
        *last = joined.freeze();
    }
    fits
}

/// Bytes that the guest has not read.
struct Chunk {
    bytes: Bytes,
    /// The guest that sent them, past the host.
    sender: Option<Sender>,
}

impl InputPipe {
    /// A pipe that calls `ask` once for each chunk that a guest waits for.
    pub fn new(terminal: bool, ask: impl Fn() + Send + Sync + 'static) -> Arc<Self> {
        Self::with_demand(terminal, Demand::Chunks(Box::new(ask)))
    }

    /// A pipe that calls `give` with the number of bytes that may be pushed beside those that were given before: with
    /// `window` when a guest first wants to read, and later with what was read.
    pub fn with_room(window: u64, give: impl Fn(u64) + Send + Sync + 'static) -> Arc<Self> {
        let give = Box::new(give);
        Self::with_demand(false, Demand::Room { window, give })
    }

    fn with_demand(terminal: bool, demand: Demand) -> Arc<Self> {
        Arc::new(Self {
            state: Mutex::default(),
            touched: AtomicBool::new(false),
            demand,
            terminal,
        })
    }

    /// Hands over a chunk that was asked for, or for which there is room.
    pub fn push(&self, bytes: Bytes) {
        self.update(|state| state.add(bytes, None));
    }

    /// Hands over bytes of another guest, which has a window of its own for them.
    pub(super) fn push_from(&self, bytes: Bytes, sender: &Sender) {
        self.update(|state| state.add(bytes, Some(sender.clone())));
    }

    /// Whether others than the host may push.
    pub(super) fn takes_relays(&self) -> bool {
        matches!(self.demand, Demand::Room { .. })
    }

    /// Says that one read finds the end, as after Ctrl-D on a terminal.
    pub(super) fn pause(&self) {
        self.update(|state| state.paused = true);
    }

    /// Says that nothing more comes.
    pub fn end(&self) {
        self.update(|state| state.ended = true);
    }

    /// Says that nothing more comes, because of this error of the operating system.
    pub(super) fn fail(&self, code: i32) {
        self.update(|state| {
            state.ended = true;
            state.failed = Some(code);
        });
    }

    /// Why it has ended, if that was an error.
    pub(super) fn failure(&self) -> Option<i32> {
        self.lock().failed
    }

    fn update(&self, change: impl FnOnce(&mut InputState)) {
        let mut state = self.lock();
        change(&mut state);
        if let Demand::Chunks(_) = self.demand {
            state.asked = false;
        }
        if let Some(since) = state.waits_since.take() {
            state.waited = Some(since.elapsed());
        }
        let wakers = state.wakers.take();
        drop(state);
        wakers.wake();
        // Then the guest is polled where it waits.
        self.touched.store(true, Ordering::Release);
    }

    /// If a guest waits which was answered within `patience` the last time, waits for up to so long without sleeping.
    /// Returns whether something may have come.
    pub(crate) fn wait_briefly(&self, patience: Duration) -> bool {
        let since = {
            let state = self.lock();
            let pays = state.waited.is_some_and(|waited| waited < patience);
            state.waits_since.filter(|_| pays && !state.is_bulk)
        };
        // Not longer if the guest waits for something else as well, and goes on and waits again.
        while since.is_some_and(|since| since.elapsed() < patience) {
            if self.touched.swap(false, Ordering::AcqRel) {
                return true;
            }
            spin_loop();
        }
        false
    }

    fn lock(&self) -> MutexGuard<'_, InputState> {
        lock(&self.state)
    }

    pub(super) fn is_terminal(&self) -> bool {
        self.terminal
    }

    pub(crate) fn poll_ready(&self, context: &mut Context<'_>) -> Poll<()> {
        let mut state = self.lock();
        if !state.chunks.is_empty() || state.paused || state.ended {
            return Poll::Ready(());
        }
        state.wakers.add(context);
        if state.waits_since.is_none() {
            state.waits_since = Some(Instant::now());
            self.touched.store(false, Ordering::Release);
        }
        self.ask(state);
        Poll::Pending
    }

    /// Up to `size` bytes; empty when none have arrived yet, `None` at the end.
    pub(crate) fn read(&self, size: usize) -> Option<Bytes> {
        let mut state = self.lock();
        let Some((bytes, sender)) = state.take(size) else {
            let is_end = std::mem::take(&mut state.paused) || state.ended;
            return match (is_end, &self.demand) {
                (true, _) => None,
                (false, Demand::Chunks(_)) => Some(Bytes::new()),
                (false, Demand::Room { .. }) => {
                    // A guest that never waits has to get something, too.
                    self.ask(state);
                    Some(Bytes::new())
                }
            };
        };
        if let Some(sender) = sender {
            drop(state);
            drop(Taken::new(sender, bytes.len()));
        } else if let Demand::Room { window, give } = &self.demand {
            state.read += bytes.len() as u64;
            // Not for every read: the host is woken each time.
            if state.read >= window / 2 {
                let read = std::mem::take(&mut state.read);
                drop(state);
                give(read);
            }
        }
        Some(bytes)
    }

    fn ask(&self, mut state: MutexGuard<'_, InputState>) {
        if std::mem::replace(&mut state.asked, true) {
            return;
        }
        drop(state);
        match &self.demand {
            Demand::Chunks(ask) => ask(),
            Demand::Room { window, give } => give(*window),
        }
    }
}

impl Drop for InputPipe {
    /// The guest has ended: those whose bytes it has not read have room again.
    fn drop(&mut self) {
        let state = self.state.get_mut().unwrap_or_else(PoisonError::into_inner);
        for Chunk { bytes, sender } in state.chunks.drain(..) {
            drop(sender.map(|sender| Taken::new(sender, bytes.len())));
        }
    }
}

impl InputState {
    fn add(&mut self, bytes: Bytes, sender: Option<Sender>) {
        self.is_bulk = bytes.len() > SMALL;
        if bytes.is_empty() {
            return;
        }
        let last = { self.chunks.back_mut() }.filter(|last| last.sender == sender);
        if !last.is_some_and(|last| join(&mut last.bytes, &bytes)) {
            self.chunks.push_back(Chunk { bytes, sender });
        }
    }

    /// Removes up to `size` bytes, with the guest that sent them; `None` if there are none.
    fn take(&mut self, size: usize) -> Option<(Bytes, Option<Sender>)> {
        let first = self.chunks.front_mut()?;
        if first.bytes.len() > size {
            return Some((first.bytes.split_to(size), first.sender.clone()));
        }
        let Chunk { bytes, sender } = self.chunks.pop_front()?;
        Some((bytes, sender))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::task::Waker;
    use std::thread;

    const LONG: Duration = Duration::from_secs(3600);

    fn waits(pipe: &InputPipe) -> bool {
        let context = &mut Context::from_waker(Waker::noop());
        pipe.poll_ready(context).is_pending()
    }

    #[test]
    fn a_guest_that_was_answered_at_once_is_waited_for_the_next_time() {
        let pipe = InputPipe::with_room(64, |_| {});
        assert!(!pipe.wait_briefly(LONG), "nobody waits");
        assert!(waits(&pipe));
        assert!(!pipe.wait_briefly(LONG), "nobody knows how long it takes");
        pipe.push(Bytes::from_static(b"a"));
        assert!(!waits(&pipe));
        assert!(!pipe.wait_briefly(LONG), "nobody waits");
        assert_eq!(pipe.read(8), Some(Bytes::from_static(b"a")));
        assert!(waits(&pipe));
        assert!(!pipe.wait_briefly(Duration::ZERO), "it took longer");
        thread::scope(|scope| {
            scope.spawn(|| pipe.push(Bytes::from_static(b"b")));
            assert!(pipe.wait_briefly(LONG));
        });
        assert!(!waits(&pipe));
    }
}
