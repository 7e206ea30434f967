//! Snapshots that cannot be had.

use super::runs::{PRELUDE, folder, granted, guest};
use super::{load_snapshot, load_wasm, run_with, take};
use crate::host::{Text, block_on, idle, load, load_in, load_real, runtime};
use std::sync::Arc;
use std::time::Duration;
use wasiexec::{
    CallControl, Cause, Ending, Error, ErrorCode, LimitKind, Limits, Outcome, Program,
    SnapshotOptions, SnapshotUntil,
};

fn error(program: &Arc<Program>, options: &SnapshotOptions) -> Error {
    let error = take(program, options).expect_err("no snapshot");
    assert!(error.outcome.is_none(), "{error:?}");
    error.error
}

/// Checks that the reason is named.
fn refused(program: &Arc<Program>, options: &SnapshotOptions, reason: &str) {
    let error = error(program, options);
    assert_eq!(error.code(), ErrorCode::Snapshot, "{error}");
    assert!(error.message().contains(reason), "{error}");
}

fn refused_guest(wat: &str, reason: &str) {
    let wat = format!("(module {PRELUDE} {wat})");
    refused(
        &load_wasm(wat.as_bytes()),
        &SnapshotOptions::default(),
        reason,
    );
}

fn ended(program: &Arc<Program>, limits: Limits) -> Outcome {
    let options = SnapshotOptions {
        limits,
        ..SnapshotOptions::default()
    };
    let error = take(program, &options).expect_err("no snapshot");
    assert_eq!(error.error.code(), ErrorCode::Snapshot);
    assert!(error.error.message().contains("ended before"), "{error}");
    *error.outcome.expect("an outcome")
}

#[test]
fn a_program_that_ends_before_it_reads_tells_how() {
    let outcome = ended(&load("print-both"), Limits::default());
    assert_eq!(outcome.exit_code(), Some(2));
    assert_eq!((outcome.stdout(), outcome.stderr()), ("out\n", "err\n"));
    let outcome = ended(&load_real("as"), Limits::default());
    assert_eq!(outcome.exit_code(), Some(0));
    let outcome = ended(&load("trap-unreachable"), Limits::default());
    let Ending::Trap(trap) = outcome.ending else {
        panic!("{:?}", outcome.ending);
    };
    assert!(trap.frames.iter().any(|frame| frame.function.is_some()));
}

#[test]
fn limits_hold_until_the_snapshot() {
    let timeout = Limits {
        timeout: Some(Duration::from_millis(50)),
        ..Limits::default()
    };
    assert_eq!(
        ended(&load("loop"), timeout).ending,
        Ending::Limit(LimitKind::Timeout)
    );
    assert_eq!(
        ended(&load("sleep-hour"), timeout).ending,
        Ending::Limit(LimitKind::Timeout)
    );
    let fuel = Limits {
        fuel: Some(100_000),
        ..Limits::default()
    };
    assert_eq!(
        ended(&load("loop"), fuel).ending,
        Ending::Limit(LimitKind::Fuel)
    );
    let output = Limits {
        output_bytes: Some(1000),
        ..Limits::default()
    };
    let outcome = ended(&load("flood"), output);
    assert_eq!(outcome.ending, Ending::Limit(LimitKind::Output));
    assert_eq!(outcome.stdout.len(), 1000);
    let memory = Limits {
        memory_bytes: 1,
        ..Limits::default()
    };
    assert_eq!(
        ended(&load("cat"), memory).ending,
        Ending::Limit(LimitKind::Memory)
    );
}

/// Reading a state takes a second where the memory is large, in which limits hold and other runs have their turns.
#[test]
fn limits_hold_while_the_state_is_read() {
    let program = guest("(drop (memory.grow (i32.const 60000))) (call $read)");
    let limits = Limits {
        timeout: Some(Duration::from_millis(30)),
        ..Limits::default()
    };
    let outcome = ended(&program, limits);
    assert_eq!(outcome.ending, Ending::Limit(LimitKind::Timeout));
}

#[test]
fn taking_one_can_be_given_up() {
    let program = load("loop");
    let control = Arc::<CallControl>::default();
    let stop = control.clone();
    let abort = std::thread::spawn(move || {
        std::thread::sleep(Duration::from_millis(100));
        stop.stop(Cause::Abort);
        runtime().sweep();
    });
    let taken = runtime().snapshot(&program, SnapshotOptions::default(), control);
    let error = block_on(taken).expect_err("no snapshot");
    abort.join().expect("a thread");
    assert_eq!(error.outcome.expect("an outcome").ending, Ending::Abort);

    let control = Arc::<CallControl>::default();
    control.stop(Cause::Abort);
    let program = load("cat");
    let taken = runtime().snapshot(&program, SnapshotOptions::default(), control);
    let error = block_on(taken).expect_err("no snapshot");
    assert_eq!(error.outcome.expect("an outcome").ending, Ending::Abort);
}

#[test]
fn a_closed_runtime_takes_none() {
    let runtime = idle();
    let program = load_in(&runtime, "cat");
    runtime.close_and_wait();
    let taken = runtime.snapshot(&program, SnapshotOptions::default(), Arc::default());
    let error = block_on(taken).expect_err("no snapshot");
    assert_eq!(error.error.code(), ErrorCode::RuntimeClosed);
}

#[test]
fn components_and_programs_that_do_not_run_are_refused() {
    refused(
        &load("component-hello"),
        &SnapshotOptions::default(),
        "component",
    );
    let error = |name: &str| error(&load(name), &SnapshotOptions::default()).code();
    assert_eq!(error("unresolved-import"), ErrorCode::UnresolvedImport);
    assert_eq!(error("no-start"), ErrorCode::NoEntryPoint);
    assert_eq!(error("reactor"), ErrorCode::NoEntryPoint);
}

fn until(name: &str) -> SnapshotOptions {
    SnapshotOptions {
        until: SnapshotUntil::Call { name: name.into() },
        ..SnapshotOptions::default()
    }
}

#[test]
fn a_snapshot_can_be_taken_after_a_call() {
    let wat = format!(
        r#"(module {PRELUDE} (global $g (mut i32) (i32.const 1)) (table 2 funcref)
        (func (export "_initialize") (global.set $g (i32.add (global.get $g) (i32.const 1))))
        (func (export "prepare") (result i32 i64)
          (global.set $g (i32.mul (global.get $g) (i32.const 20)))
          (table.set (i32.const 1) (ref.func $say)) (call $say (i32.const 2) (i32.const 112))
          (i32.const 1) (i64.const 2))
        (func (export "takes") (param i32)) (func (export "traps") unreachable) (func (export "reads") call $read)
        (func (export "leaves") (global.set $g (i32.const 7)))
        (elem declare func $say)
        (func (export "_start")
          (call $number (global.get $g))
          (call $number (ref.is_null (table.get (i32.const 1))))
          (call $read) (call $say (i32.const 1) (i32.load8_u (i32.const 100)))))"#
    );
    let program = load_wasm(wat.as_bytes());
    let taken = take(&program, &until("prepare")).expect("a snapshot");
    let outcome = run_with(&load_snapshot(&taken), b"x");
    assert_eq!((outcome.stdout(), outcome.stderr()), ("4000x", "p"));
    let taken = take(&program, &until("leaves")).expect("a snapshot");
    assert_eq!(run_with(&load_snapshot(&taken), b"x").stdout(), "0701x");
    for name in ["takes", "absent", "memory"] {
        assert_eq!(
            error(&program, &until(name)).code(),
            ErrorCode::InvalidOption
        );
    }
    refused(&program, &until("reads"), "before \"reads\" has returned");
    let error = take(&program, &until("traps")).expect_err("no snapshot");
    let ending = error.outcome.expect("an outcome").ending;
    assert!(matches!(ending, Ending::Trap(_)), "{ending:?}");
}

#[test]
fn descriptors_must_be_those_of_the_start() {
    let folder = folder("x");
    let options = granted(folder.path());
    for (body, reason) in [
        (
            "(drop (call $open)) (call $read)",
            "open (file descriptor 4)",
        ),
        (
            "(call $close (i32.const 3)) (call $read)",
            "closed the descriptor",
        ),
        (
            "(call $close (i32.const 2)) (call $read)",
            "closed file descriptor 2",
        ),
        (
            "(call $close (i32.const 2)) (drop (call $open)) (call $read)",
            "opened a file as file descriptor 2",
        ),
        (
            "(drop (call $open)) (drop (call $fd_renumber (i32.const 4) (i32.const 0))) (call $read)",
            "renumbered",
        ),
    ] {
        refused(&guest(body), &options, reason);
    }
}

#[test]
fn references_that_no_module_can_begin_with_are_refused() {
    for (wat, reason) in [
        (
            r#"(type $s (struct (field i32))) (global $g (mut anyref) (ref.null any))
            (func (export "_start") (global.set $g (struct.new $s (i32.const 1))) call $read)"#,
            "global 0 holds a reference to a garbage-collected object",
        ),
        (
            r#"(type $s (struct (field i32)))
            (func (export "_start") (local anyref) (local.set 0 (struct.new $s (i32.const 1))) call $read)"#,
            "holds a reference to a garbage-collected object",
        ),
        (
            r#"(type $s (struct (field i32)))
            (func (export "_start") (struct.new $s (i32.const 1)) call $read drop)"#,
            "an operand of function",
        ),
        (
            r#"(type $s (struct (field i32))) (table 3 anyref)
            (func (export "_start") (table.set (i32.const 2) (struct.new $s (i32.const 1))) call $read)"#,
            "table 0 holds",
        ),
        (
            r#"(table 3 externref)
            (func (export "_start")
              (table.set (i32.const 2) (extern.convert_any (ref.i31 (i32.const 1)))) call $read)"#,
            "table 0 holds",
        ),
        (
            r#"(tag $e)
            (func (export "_start") (block $h (result exnref)
              (try_table (catch_all_ref $h) (throw $e)) unreachable) call $read drop)"#,
            "an exception",
        ),
        (
            r#"(func (export "_start") (local $f (ref func)) call $read
              (local.set $f (ref.func $say)) (drop (ref.is_null (local.get $f))))
            (elem declare func $say)"#,
            "a local that cannot be null",
        ),
    ] {
        refused_guest(wat, reason);
    }
}

#[test]
fn null_references_are_fine() {
    let wat = format!(
        r#"(module {PRELUDE} (type $s (struct (field i32))) (tag $e)
        (table 3 externref) (table 2 (ref null $s)) (global (mut exnref) (ref.null exn))
        (func (export "_start") (local externref anyref exnref (ref null $s) nullfuncref)
          (ref.null extern) (ref.null $s) (ref.null exn)
          (block (param (ref null $s) exnref) call $read drop drop) drop
          (call $say (i32.const 1) (i32.const 97))))"#
    );
    super::assert_same(
        &load_wasm(wat.as_bytes()),
        &SnapshotOptions::default(),
        &[b""],
    );
}

#[test]
fn more_operands_than_a_type_can_have_are_refused() {
    let operands = |number| {
        let (push, drop) = ("i32.const 7 ".repeat(number), "drop ".repeat(number));
        format!(r#"(func (export "_start") {push} call $read {drop})"#)
    };
    refused_guest(&operands(1001), "more than 1000 operands");
    let wat = format!("(module {PRELUDE} {})", operands(1000));
    super::assert_same(
        &load_wasm(wat.as_bytes()),
        &SnapshotOptions::default(),
        &[b""],
    );
}

#[test]
fn passive_segments_with_objects_are_refused() {
    refused_guest(
        r#"(type $s (struct (field (mut i32)))) (elem anyref (struct.new $s (i32.const 1)))
        (func (export "_start") call $read)"#,
        "an element segment holds garbage-collected objects",
    );
}
