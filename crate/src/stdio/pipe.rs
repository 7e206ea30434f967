//! Streams between a guest and the host, with backpressure in both directions.

use crate::lock::lock;
use bytes::{Bytes, BytesMut};
use std::collections::VecDeque;
use std::hint::spin_loop;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard};
use std::task::{Context, Poll, Waker};
use std::time::{Duration, Instant};

/// With this many bytes on their way to the host, a guest waits.
const WINDOW: u64 = 64 * 1024;

/// What is kept of a piece beside its bytes, at the most, until the host takes it.
const RECORD: u64 = 128;

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
    chunks: VecDeque<Bytes>,
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
    wakers: Vec<Waker>,
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
        self.update(|state| {
            state.is_bulk = bytes.len() > SMALL;
            if !bytes.is_empty() {
                state.chunks.push_back(bytes);
            }
        });
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
        let wakers = std::mem::take(&mut state.wakers);
        drop(state);
        wakers.into_iter().for_each(Waker::wake);
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
        wait(&mut state.wakers, context);
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
        let Some(bytes) = state.take(size) else {
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
        if let Demand::Room { window, give } = &self.demand {
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

impl InputState {
    /// Removes up to `size` bytes; `None` if there are none.
    fn take(&mut self, size: usize) -> Option<Bytes> {
        let first = self.chunks.front_mut()?;
        if first.len() > size {
            return Some(first.split_to(size));
        }
        let first = self.chunks.pop_front()?;
        let fits = |chunks: &VecDeque<Bytes>, length: usize| {
            { chunks.front() }.is_some_and(|next| length + next.len() <= size.min(SMALL))
        };
        if !fits(&self.chunks, first.len()) {
            return Some(first);
        }
        let mut bytes = BytesMut::from(first);
        while fits(&self.chunks, bytes.len())
            && let Some(next) = self.chunks.pop_front()
        {
            bytes.extend_from_slice(&next);
        }
        Some(bytes.freeze())
    }
}

/// Why output can no longer arrive.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Lost {
    /// Nobody reads.
    Reader,
    /// The host could not pass output on, with this error of the operating system.
    Error(i32),
}

/// Bytes on their way from a guest to the host; the guest waits while the window is full. What it writes at a time may be
/// longer than the window.
pub struct OutputPipe {
    state: Mutex<OutputState>,
    send: Box<dyn Fn(Bytes) + Send + Sync>,
    /// The most that is sent at a time.
    piece: usize,
    terminal: bool,
    flush_waits: bool,
}

/// A pipe whose window is wider until this is dropped.
pub struct Widened {
    pipe: Arc<OutputPipe>,
    window: u64,
}

impl Drop for Widened {
    fn drop(&mut self) {
        let mut state = self.pipe.lock();
        state.window = self.window;
        state.least = None;
    }
}

#[derive(Default)]
struct OutputState {
    /// With this many bytes on their way, the guest waits.
    window: u64,
    /// The window before it was widened. Each piece makes the wider one smaller, as far as this.
    least: Option<u64>,
    sent: u64,
    taken: u64,
    lost: Option<Lost>,
    wakers: Vec<Waker>,
}

impl OutputPipe {
    /// A pipe that hands each chunk to `send`, which must not block.
    ///
    /// With `flush_waits`, a guest's flush lasts until the host has taken everything sent before.
    pub fn new(
        terminal: bool,
        flush_waits: bool,
        send: impl Fn(Bytes) + Send + Sync + 'static,
    ) -> Arc<Self> {
        Self::with_window(WINDOW, terminal, flush_waits, send)
    }

    /// A pipe on which no guest ever waits, because `send` keeps everything.
    pub(crate) fn without_window(send: impl Fn(Bytes) + Send + Sync + 'static) -> Arc<Self> {
        Self::with_window(u64::MAX, false, false, send)
    }

    pub(crate) fn with_window(
        window: u64,
        terminal: bool,
        flush_waits: bool,
        send: impl Fn(Bytes) + Send + Sync + 'static,
    ) -> Arc<Self> {
        Arc::new(Self {
            state: Mutex::new(OutputState {
                window,
                ..OutputState::default()
            }),
            send: Box::new(send),
            piece: usize::try_from(window).unwrap_or(usize::MAX),
            terminal,
            flush_waits,
        })
    }

    /// Lets the guest go on with up to `window` bytes on their way, while the host can take none.
    pub(crate) fn widen(self: &Arc<Self>, window: u64) -> Widened {
        let mut before = window;
        self.update(|state| {
            std::mem::swap(&mut state.window, &mut before);
            state.least = Some(before);
        });
        Widened {
            pipe: self.clone(),
            window: before,
        }
    }

    /// Says that the host has taken `bytes` more bytes.
    pub fn take(&self, bytes: u64) {
        self.update(|state| state.taken += bytes);
    }

    /// Says that nobody reads any more; the guest's next write fails as on a broken pipe.
    pub fn close(&self) {
        self.lose(Lost::Reader);
    }

    pub(super) fn lose(&self, lost: Lost) {
        self.update(|state| state.lost = Some(lost));
    }

    fn update(&self, change: impl FnOnce(&mut OutputState)) {
        let mut state = self.lock();
        change(&mut state);
        let wakers = std::mem::take(&mut state.wakers);
        drop(state);
        wakers.into_iter().for_each(Waker::wake);
    }

    fn lock(&self) -> MutexGuard<'_, OutputState> {
        lock(&self.state)
    }

    pub(super) fn is_terminal(&self) -> bool {
        self.terminal
    }

    /// How many bytes may be sent now. With `after`, none until the host has taken everything up to there.
    pub(super) fn room(&self, after: Option<u64>) -> Result<usize, Lost> {
        self.lock().room(after)
    }

    pub(crate) fn poll_room(
        &self,
        after: Option<u64>,
        context: &mut Context<'_>,
    ) -> Poll<Result<usize, Lost>> {
        let mut state = self.lock();
        match state.room(after) {
            Ok(0) => {
                wait(&mut state.wakers, context);
                Poll::Pending
            }
            room => Poll::Ready(room),
        }
    }

    /// Sends `bytes` in pieces, and returns the position of the last byte among all bytes sent.
    pub(crate) fn send(&self, mut bytes: Bytes) -> u64 {
        let mut state = self.lock();
        state.sent += bytes.len() as u64;
        // Under the lock, so that the writers of one pipe keep their order.
        while bytes.len() > self.piece {
            (self.send)(bytes.split_to(self.piece));
        }
        (self.send)(bytes);
        if let Some(least) = state.least {
            state.window = state.window.saturating_sub(RECORD).max(least);
        }
        state.sent
    }

    /// How many bytes were sent so far.
    pub(super) fn sent(&self) -> u64 {
        self.lock().sent
    }

    pub(super) fn flush_waits(&self) -> bool {
        self.flush_waits
    }
}

impl OutputState {
    fn room(&self, after: Option<u64>) -> Result<usize, Lost> {
        if let Some(lost) = self.lost {
            return Err(lost);
        }
        if after.is_some_and(|mark| self.taken < mark) {
            return Ok(0);
        }
        let on_the_way = self.sent - self.taken;
        Ok(usize::try_from(self.window.saturating_sub(on_the_way)).unwrap_or(usize::MAX))
    }
}

/// Adds a waker once, even if the guest polls again and again.
fn wait(wakers: &mut Vec<Waker>, context: &Context<'_>) {
    if !wakers.iter().any(|waker| waker.will_wake(context.waker())) {
        wakers.push(context.waker().clone());
    }
}

#[cfg(test)]
mod tests {
    use super::*;
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
