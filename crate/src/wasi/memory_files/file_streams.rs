//! How many streams a guest of WASI 0.3 has to files in memory, and how much they carry at a time.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

/// As many as the streams that wasmtime-wasi's table has room for beside files in WASI 0.2. In WASI 0.3 no table has them.
const MOST: usize = 256;
/// After so many bytes the guest gives its thread to others, and its limits are looked at: a stream from one file to
/// another never waits.
const TURN: usize = 1 << 20;
/// What a piece costs at least.
const PIECE: usize = 4096;

/// The streams of one run.
#[derive(Default)]
pub(super) struct FileStreams {
    open: AtomicUsize,
    /// Bytes since the guest gave its thread to others.
    carried: AtomicUsize,
}

/// One of them.
pub(super) struct FileStream(Arc<FileStreams>);

impl FileStreams {
    /// Another one, if there is room.
    pub(super) fn open(self: &Arc<Self>) -> Option<FileStream> {
        let stream = FileStream(self.clone());
        (self.open.fetch_add(1, Ordering::Relaxed) < MOST).then_some(stream)
    }
}

impl FileStream {
    pub(super) fn carried(&self, bytes: usize) {
        let bytes = bytes.max(PIECE);
        self.0.carried.fetch_add(bytes, Ordering::Relaxed);
    }

    /// Whether the guest has had its turn; the next one begins.
    pub(super) fn had_its_turn(&self) -> bool {
        let had = self.0.carried.load(Ordering::Relaxed) >= TURN;
        if had {
            self.0.carried.store(0, Ordering::Relaxed);
        }
        had
    }
}

impl Drop for FileStream {
    fn drop(&mut self) {
        self.0.open.fetch_sub(1, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_run_has_so_many_streams_at_a_time() {
        let streams = Arc::<FileStreams>::default();
        let all: Vec<_> = (0..MOST).map_while(|_| streams.open()).collect();
        assert_eq!(all.len(), MOST);
        assert!(streams.open().is_none());
        drop(all);
        assert!(streams.open().is_some());
    }

    #[test]
    fn the_turn_of_a_guest_is_that_of_all_its_streams() {
        let streams = Arc::<FileStreams>::default();
        let [one, other] = [(); 2].map(|()| streams.open().expect("room"));
        one.carried(TURN / 2);
        assert!(!other.had_its_turn());
        other.carried(TURN / 2);
        assert!(one.had_its_turn());
        assert!(!other.had_its_turn());
        for _ in 0..TURN / PIECE {
            one.carried(0);
        }
        assert!(other.had_its_turn());
    }
}
