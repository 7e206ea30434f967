//! Output of a guest that goes into the stdin of another one, past the host.

use super::input_pipe::{InputPipe, join};
use super::sender::Sender;
use bytes::Bytes;
use std::collections::VecDeque;
use std::mem::take;
use std::sync::Arc;

/// Where the output of a guest goes instead of to the host.
pub(super) struct Relay {
    to: Arc<InputPipe>,
    sender: Sender,
    /// What was sent up to here is with the host, which passes it on. What comes later has to wait for that.
    after: u64,
    held: VecDeque<Bytes>,
}

impl Relay {
    /// For what comes after so many bytes.
    pub(super) fn new(sender: Sender, to: Arc<InputPipe>, after: u64) -> Self {
        Self {
            to,
            sender,
            after,
            held: VecDeque::new(),
        }
    }

    /// Passes `bytes` on, or keeps them for as long as not everything before has been `taken`.
    pub(super) fn send(&mut self, bytes: Bytes, taken: u64) {
        if taken >= self.after {
            self.to.push_from(bytes, &self.sender);
            return;
        }
        if !{ self.held.back_mut() }.is_some_and(|last| join(last, &bytes)) {
            self.held.push_back(bytes);
        }
    }

    /// Passes on what was kept if everything before has been `taken`.
    pub(super) fn catch_up(&mut self, taken: u64) {
        if taken >= self.after {
            for bytes in take(&mut self.held) {
                self.to.push_from(bytes, &self.sender);
            }
        }
    }

    /// What was not passed on.
    pub(super) fn held(&mut self) -> VecDeque<Bytes> {
        take(&mut self.held)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::lock::lock;
    use crate::stdio::OutputPipe;
    use std::sync::Mutex;

    const WINDOW: u64 = 8;

    /// A pipe to a host that keeps what it gets.
    fn output() -> (Arc<OutputPipe>, Arc<Mutex<Vec<u8>>>) {
        let host = Arc::<Mutex<Vec<u8>>>::default();
        let kept = host.clone();
        let send = move |bytes: Bytes| lock(&kept).extend_from_slice(&bytes);
        (OutputPipe::with_window(WINDOW, false, false, send), host)
    }

    fn stdin() -> Arc<InputPipe> {
        InputPipe::with_room(WINDOW, |_| {})
    }

    fn read(pipe: &InputPipe, size: usize) -> Vec<u8> {
        pipe.read(size).expect("no end").to_vec()
    }

    #[test]
    fn what_the_host_has_comes_first() {
        let ((output, host), stdin) = (output(), stdin());
        output.send(Bytes::from_static(b"ab"));
        output.relay(stdin.clone());
        output.send(Bytes::from_static(b"cd"));
        assert_eq!(read(&stdin, 8), b"");
        // The host passes it on.
        stdin.push(Bytes::from_static(b"ab"));
        output.take(1);
        assert_eq!(read(&stdin, 8), b"ab");
        assert_eq!(read(&stdin, 8), b"");
        output.take(1);
        assert_eq!(read(&stdin, 8), b"cd");
        output.send(Bytes::from_static(b"ef"));
        assert_eq!(read(&stdin, 1), b"e");
        assert_eq!(*lock(&host), b"ab");
    }

    #[test]
    fn what_was_not_passed_on_goes_to_the_host_at_the_end() {
        let ((output, host), stdin) = (output(), stdin());
        output.send(Bytes::from_static(b"a"));
        output.relay(stdin.clone());
        output.send(Bytes::from_static(b"b"));
        output.end_relay();
        output.send(Bytes::from_static(b"c"));
        assert_eq!(*lock(&host), b"abc");
        assert_eq!(read(&stdin, 8), b"");
    }

    #[test]
    fn what_is_read_makes_room_and_so_does_the_end_of_the_reader() {
        let ((output, _), stdin) = (output(), stdin());
        output.relay(stdin.clone());
        output.send(Bytes::from_static(b"12345678"));
        assert!(matches!(output.room(None), Ok(0)));
        assert_eq!(read(&stdin, 3), b"123");
        assert!(matches!(output.room(None), Ok(3)));
        drop(stdin);
        output.end_relay();
        assert!(matches!(output.room(None), Ok(8)));
    }

    #[test]
    fn small_pieces_of_one_guest_are_read_together() {
        let ((one, _), (other, _), stdin) = (output(), output(), stdin());
        one.relay(stdin.clone());
        other.relay(stdin.clone());
        for (output, bytes) in [(&one, "a"), (&one, "b"), (&other, "c")] {
            output.send(bytes.into());
        }
        stdin.push(Bytes::from_static(b"d"));
        for expected in [&b"ab"[..], b"c", b"d"] {
            assert_eq!(read(&stdin, 8), expected);
        }
        assert!(matches!(one.room(None), Ok(8)));
        assert!(matches!(other.room(None), Ok(8)));
    }

    #[test]
    fn small_pieces_are_kept_together() {
        let ((output, host), stdin) = (output(), stdin());
        output.send(Bytes::from_static(b"a"));
        output.relay(stdin.clone());
        for byte in *b"bcd" {
            output.send(Bytes::copy_from_slice(&[byte]));
        }
        output.take(1);
        for byte in *b"efg" {
            output.send(Bytes::copy_from_slice(&[byte]));
        }
        assert_eq!(read(&stdin, 2), b"bc");
        assert_eq!(read(&stdin, 8), b"defg");
        assert_eq!(*lock(&host), b"a");
        assert!(matches!(output.room(None), Ok(8)));
    }

    #[test]
    fn a_guest_may_be_its_own_reader() {
        let ((output, _), stdin) = (output(), stdin());
        output.relay(stdin.clone());
        for _ in 0..3 {
            output.send(Bytes::from_static(b"12345678"));
            assert_eq!(read(&stdin, 8), b"12345678");
        }
    }

    #[test]
    fn a_stdin_that_is_asked_for_takes_nothing_else() {
        let (output, host) = output();
        output.relay(InputPipe::new(false, || {}));
        output.send(Bytes::from_static(b"a"));
        assert_eq!(*lock(&host), b"a");
    }
}
