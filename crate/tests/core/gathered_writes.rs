//! One call of WASI 0.1 writes all the buffers that it is given, wherever they go.

use crate::host::{Text, block_on, channel_output, runtime};
use bytes::Bytes;
use std::fs;
use std::sync::Arc;
use tempfile::tempdir;
use wasiexec::{
    GivenFile, GivenTree, LoadOptions, Outcome, Output, Patterns, Preopen, Program, RunOptions,
};

const PREVIEWS: [&str; 2] = ["wasi_snapshot_preview1", "wasi_unstable"];
/// "ab", nothing, "cde" and "f".
const WRITTEN: &[u8] = b"abcdef";

/// Carries out `body`, which exits with the number of bytes that were written, or traps for an errno.
fn guest(preview: &str, body: &str) -> Arc<Program> {
    let text = format!(
        r#"(module
          (import "{preview}" "fd_write" (func $write (param i32 i32 i32 i32) (result i32)))
          (import "{preview}" "fd_pwrite" (func $pwrite (param i32 i32 i32 i64 i32) (result i32)))
          (import "{preview}" "path_open"
            (func $open (param i32 i32 i32 i32 i32 i64 i64 i32 i32) (result i32)))
          (import "{preview}" "clock_time_get" (func $clock (param i32 i64 i32) (result i32)))
          (import "{preview}" "proc_exit" (func $exit (param i32)))
          (memory (export "memory") 2)
          (data (i32.const 0) "\40\00\00\00\02\00\00\00" "\00\00\00\00\00\00\00\00"
            "\42\00\00\00\03\00\00\00" "\45\00\00\00\01\00\00\00")
          (data (i32.const 64) "abcdefout")
          (func $check (param i32) (if (local.get 0) (then unreachable)))
          (func (export "_start") (local $fd i32) (local $total i32)
            {body}
            (call $exit (local.get $total))))"#
    );
    let program = runtime().load(text.into_bytes(), LoadOptions::named("gathered"));
    program.expect("a program")
}

fn run(program: &Arc<Program>, options: RunOptions) -> Outcome {
    block_on(runtime().run(program, options)).expect("an outcome")
}

/// Writes to stdout; after a call that makes the WASI context if `touched`.
fn to_stdout(touched: bool) -> String {
    let touch = match touched {
        true => "(call $check (call $clock (i32.const 0) (i64.const 0) (i32.const 128)))",
        false => "",
    };
    format!(
        "{touch} (call $check (call $write (i32.const 1) (i32.const 0) (i32.const 4) (i32.const 32)))
        (local.set $total (i32.load (i32.const 32)))"
    )
}

#[test]
fn to_every_kind_of_output() {
    for preview in PREVIEWS {
        for touched in [false, true] {
            let program = guest(preview, &to_stdout(touched));
            let captured = run(&program, RunOptions::default());
            assert_eq!(captured.exit_code(), Some(6), "{preview} {touched}");
            assert_eq!(captured.stdout, WRITTEN);
            let ignored = RunOptions {
                stdout: Output::Ignore,
                ..RunOptions::default()
            };
            assert_eq!(run(&program, ignored).exit_code(), Some(6));
            let (pipe, stdout, chunks) = channel_output(false);
            let passed = run(
                &program,
                RunOptions {
                    stdout,
                    ..RunOptions::default()
                },
            );
            assert_eq!(passed.exit_code(), Some(6));
            drop(pipe);
            let chunks: Vec<u8> = chunks.try_iter().flatten().collect();
            assert_eq!(chunks, WRITTEN);
        }
    }
}

/// Makes the file, writes to it, and then from its second byte on.
const TO_FILE: &str = r#"
  (call $check (call $open (i32.const 3) (i32.const 0) (i32.const 70) (i32.const 3) (i32.const 1)
    (i64.const 64) (i64.const 0) (i32.const 0) (i32.const 36)))
  (local.set $fd (i32.load (i32.const 36)))
  (call $check (call $write (local.get $fd) (i32.const 0) (i32.const 4) (i32.const 32)))
  (local.set $total (i32.load (i32.const 32)))
  (call $check
    (call $pwrite (local.get $fd) (i32.const 0) (i32.const 4) (i64.const 1) (i32.const 32)))
  (local.set $total (i32.add (local.get $total) (i32.load (i32.const 32))))"#;

#[test]
fn to_every_kind_of_file() {
    for preview in PREVIEWS {
        let program = guest(preview, TO_FILE);
        let folder = tempdir().expect("a folder");
        let granted = Preopen {
            guest_path: "/".into(),
            host_path: folder.path().to_owned(),
            write: true,
        };
        let options = RunOptions {
            preopens: [granted].into_iter().collect(),
            ..RunOptions::default()
        };
        assert_eq!(run(&program, options).exit_code(), Some(12), "{preview}");
        let written = fs::read(folder.path().join("out")).expect("a file");
        assert_eq!(written, b"aabcdef");
    }
    // Guests of the preview before have no files in memory.
    let given = [GivenFile {
        path: "in".into(),
        contents: Some(Bytes::new()),
    }];
    let options = RunOptions {
        files: Some(Arc::new(GivenTree::new(given).expect("a tree"))),
        collect: Some(Arc::new(Patterns::new(["out"]).expect("patterns"))),
        ..RunOptions::default()
    };
    let outcome = run(&guest(PREVIEWS[0], TO_FILE), options);
    assert_eq!(outcome.exit_code(), Some(12));
    let files = outcome.files.expect("files");
    assert_eq!(files.get("out"), Some(&b"aabcdef"[..]));
}

/// Writes 3,000 buffers of a byte each, and goes on where a call has stopped.
const MANY: &str = r#"
  (local.set $fd (i32.const 3000))
  (loop $each
    (local.set $fd (i32.sub (local.get $fd) (i32.const 1)))
    (i32.store (i32.add (i32.const 1024) (i32.mul (local.get $fd) (i32.const 8))) (i32.const 64))
    (i32.store (i32.add (i32.const 1028) (i32.mul (local.get $fd) (i32.const 8))) (i32.const 1))
    (br_if $each (local.get $fd)))
  (loop $rest
    (call $check (call $write (i32.const 1)
      (i32.add (i32.const 1024) (i32.mul (local.get $total) (i32.const 8)))
      (i32.sub (i32.const 3000) (local.get $total)) (i32.const 32)))
    (local.set $total (i32.add (local.get $total) (i32.load (i32.const 32))))
    (local.set $fd (i32.add (local.get $fd) (i32.const 1)))
    (br_if $rest (i32.lt_u (local.get $total) (i32.const 3000))))
  ;; how many calls that took
  (local.set $total (local.get $fd))"#;

#[test]
fn more_than_1024_buffers_take_more_than_one_call() {
    for preview in PREVIEWS {
        let outcome = run(&guest(preview, MANY), RunOptions::default());
        assert_eq!(outcome.exit_code(), Some(3), "{preview}");
        assert_eq!(outcome.stdout, vec![b'a'; 3000]);
    }
}

/// The second buffer is beyond the memory of the guest.
#[test]
fn a_bad_pointer_traps_and_what_was_before_it_is_printed() {
    for preview in PREVIEWS {
        let body = format!(
            "(i32.store (i32.const 16) (i32.const -1)) {}",
            to_stdout(false)
        );
        let outcome = run(&guest(preview, &body), RunOptions::default());
        assert_eq!(outcome.exit_code(), None, "{preview}: {outcome:?}");
        assert_eq!(outcome.stdout, b"ab");
    }
}
