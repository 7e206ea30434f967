//! Programs made at random, from their start and from a snapshot.
//!
//! `SNAPSHOT_CASES` says how many there are, `SNAPSHOT_SEED` from which number on.

mod program;

use super::{load_snapshot, load_wasm, run_with, seen, take};
use crate::random::each_seed;
use program::generate;
use std::sync::atomic::{AtomicU64, Ordering};
use wasiexec::{ErrorCode, SnapshotOptions};

const CASES: u64 = 200;
const INPUTS: [&[u8]; 3] = [b"", b"\x01\x02\x03", b"abcdefghijklmnopqrstuvwxyz"];

#[test]
fn generated_programs_go_on_where_they_read() {
    let (taken, early) = (AtomicU64::new(0), AtomicU64::new(0));
    let cases = each_seed("SNAPSHOT", CASES, |seed| {
        let count = if check(seed) { &taken } else { &early };
        count.fetch_add(1, Ordering::Relaxed);
    });
    let (taken, early) = (taken.into_inner(), early.into_inner());
    assert!(
        taken > early || cases < 100,
        "{taken} taken, {early} ended before"
    );
}

/// Programs that once had no snapshot or another ending.
const FOUND: [u64; 1] = [805_789];

#[test]
fn programs_that_were_once_wrong_go_on_where_they_read() {
    for seed in FOUND {
        assert!(check(seed), "seed {seed}");
    }
}

/// Returns whether there was a snapshot.
fn check(seed: u64) -> bool {
    let wat = generate(seed);
    let program = load_wasm(wat.as_bytes());
    let snapshot = match take(&program, &SnapshotOptions::default()) {
        Ok(snapshot) => load_snapshot(&snapshot),
        Err(error) => {
            assert_eq!(
                error.error.code(),
                ErrorCode::Snapshot,
                "seed {seed}: {error}"
            );
            let outcome = error
                .outcome
                .unwrap_or_else(|| panic!("seed {seed}: {}:\n{wat}", error.error));
            assert_eq!(seen(*outcome), seen(run_with(&program, b"")), "seed {seed}");
            return false;
        }
    };
    for input in INPUTS {
        let from_start = seen(run_with(&program, input));
        let from_snapshot = seen(run_with(&snapshot, input));
        assert_eq!(
            from_snapshot, from_start,
            "seed {seed}, stdin {input:?}:\n{wat}"
        );
    }
    true
}
