//! Streams of bytes from a guest to the host, with backpressure.

use super::input_pipe::InputPipe;
use super::relay::Relay;
use super::sender::{Sender, Window};
use super::wakers::Wakers;
use crate::lock::lock;
use bytes::Bytes;
use std::sync::{Arc, Mutex, MutexGuard};
use std::task::{Context, Poll};

/// With this many bytes on their way to the host, a guest waits.
const WINDOW: u64 = 64 * 1024;

/// What is kept of a piece beside its bytes, at the most, until the host takes it.
const RECORD: u64 = 128;

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
    /// Where output goes instead of to the host.
    relay: Option<Relay>,
    wakers: Wakers,
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
        self.update(|state| state.has_taken(bytes));
    }

    /// From now on, output goes into another guest's stdin, after what the host has not taken. The host has to pass
    /// that on before it says that it has taken it.
    pub fn relay(self: &Arc<Self>, to: Arc<InputPipe>) {
        if to.takes_relays() {
            self.set_relay(|sent| Some(Relay::new(Sender::new(self), to, sent)));
        }
    }

    /// From now on, output goes to the host again.
    pub fn end_relay(&self) {
        self.set_relay(|_| None);
    }

    fn set_relay(&self, relay: impl FnOnce(u64) -> Option<Relay>) {
        let mut state = self.lock();
        let mut before = state.relay.take();
        { before.iter_mut().flat_map(Relay::held) }.for_each(&self.send);
        state.relay = relay(state.sent);
        drop(state);
        // Not under the lock: the other stdin may end with it, and this pipe then has room again.
        drop(before);
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
        let wakers = state.wakers.take();
        drop(state);
        wakers.wake();
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
                state.wakers.add(context);
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
            self.pass(&mut state, bytes.split_to(self.piece));
        }
        self.pass(&mut state, bytes);
        if let Some(least) = state.least {
            state.window = state.window.saturating_sub(RECORD).max(least);
        }
        state.sent
    }

    fn pass(&self, state: &mut OutputState, bytes: Bytes) {
        match &mut state.relay {
            Some(relay) => relay.send(bytes, state.taken),
            None => (self.send)(bytes),
        }
    }

    /// How many bytes were sent so far.
    pub(super) fn sent(&self) -> u64 {
        self.lock().sent
    }

    pub(super) fn flush_waits(&self) -> bool {
        self.flush_waits
    }
}

impl Window for OutputPipe {
    fn take_relayed(&self, bytes: u64) {
        let mut state = self.lock();
        state.has_taken(bytes);
        // To wake the guest for every read would cost two more switches of threads each.
        if state.on_the_way() > state.window / 2 {
            return;
        }
        let wakers = state.wakers.take();
        drop(state);
        wakers.wake();
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
        let room = self.window.saturating_sub(self.on_the_way());
        Ok(usize::try_from(room).unwrap_or(usize::MAX))
    }

    fn on_the_way(&self) -> u64 {
        self.sent - self.taken
    }

    fn has_taken(&mut self, bytes: u64) {
        self.taken += bytes;
        if let Some(relay) = &mut self.relay {
            relay.catch_up(self.taken);
        }
    }
}
