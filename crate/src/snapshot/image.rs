//! The bytes of a memory that are not zero.

use super::refusal::refusal;
use crate::error::Result;
use std::ops::Range;
use tokio::task::yield_now;

const PAGE: usize = 4096;
const ZEROS: [u8; PAGE] = [0; PAGE];
/// More runs than this are joined, with the zeros between them.
const MAX_RUNS: usize = 10_000;
/// What all memories of a snapshot may have together.
const MAX_BYTES: usize = 512 << 20;
/// As much is looked at or copied before other runs and the limits of this one have their turn; takes about a millisecond.
const TURN_BYTES: usize = 4 << 20;

/// Copies everything but pages of zeros. `room` is what is left for the image.
///
/// # Errors
///
/// [`ErrorCode::Snapshot`](crate::ErrorCode::Snapshot) for a memory that does not fit into a module.
pub(super) async fn runs(memory: &[u8], room: &mut Room) -> Result<Vec<(u64, Vec<u8>)>> {
    let mut runs = Vec::new();
    for (page, bytes) in memory.chunks(PAGE).enumerate() {
        let start = page * PAGE;
        if start.is_multiple_of(TURN_BYTES) {
            yield_now().await;
        }
        if *bytes != ZEROS[..bytes.len()] {
            add(&mut runs, start..start + bytes.len(), 0);
        }
    }
    let mut gap = PAGE;
    while runs.len() > MAX_RUNS {
        let mut joined = Vec::new();
        for run in runs {
            add(&mut joined, run, gap);
        }
        runs = joined;
        gap *= 2;
    }
    let bytes = runs.iter().map(Range::len).sum();
    room.take(bytes)?;
    let mut copies = Vec::with_capacity(runs.len());
    let mut copied = 0;
    for run in runs {
        let start = run.start as u64;
        let mut copy = Vec::with_capacity(run.len());
        for bytes in memory[run].chunks(TURN_BYTES) {
            copy.extend_from_slice(bytes);
            copied += bytes.len();
            if copied >= TURN_BYTES {
                copied = 0;
                yield_now().await;
            }
        }
        copies.push((start, copy));
    }
    Ok(copies)
}

/// Adds a run behind all others, or to the last one if there are no more than `gap` bytes between them.
fn add(runs: &mut Vec<Range<usize>>, run: Range<usize>, gap: usize) {
    match runs.last_mut() {
        Some(last) if run.start - last.end <= gap => last.end = run.end,
        _ => runs.push(run),
    }
}

/// What is left for the memories of a snapshot.
pub(super) struct Room(usize);

impl Default for Room {
    fn default() -> Self {
        Self(MAX_BYTES)
    }
}

impl Room {
    fn take(&mut self, bytes: usize) -> Result<()> {
        let left = self.0.checked_sub(bytes);
        self.0 = left.ok_or_else(|| {
            refusal(format_args!(
                "the program uses more than {} MiB of its memory",
                MAX_BYTES >> 20
            ))
        })?;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn restored(memory: &[u8]) -> (usize, Vec<u8>) {
        let runtime = tokio::runtime::Builder::new_current_thread().build();
        let mut room = Room::default();
        let runs = runs(memory, &mut room);
        let runs = runtime.expect("a runtime").block_on(runs).expect("room");
        let mut restored = vec![0; memory.len()];
        for (start, bytes) in &runs {
            restored[*start as usize..][..bytes.len()].copy_from_slice(bytes);
        }
        (runs.len(), restored)
    }

    #[test]
    fn zeros_are_left_out() {
        let mut memory = vec![0; 10 * PAGE + 5];
        assert_eq!(restored(&memory).0, 0);
        for at in [0, PAGE - 1, PAGE, 3 * PAGE, 10 * PAGE + 4] {
            memory[at] = 1;
        }
        let (runs, restored) = restored(&memory);
        assert_eq!(runs, 3);
        assert!(restored == memory);
    }

    #[test]
    fn many_runs_are_joined() {
        let mut memory = vec![0; 5 * MAX_RUNS * PAGE];
        for page in (0..5 * MAX_RUNS).step_by(2).chain([4]) {
            memory[page * PAGE + 7] = 7;
        }
        let (runs, restored) = restored(&memory);
        assert!(runs <= MAX_RUNS, "{runs}");
        assert!(restored == memory);
    }
}
