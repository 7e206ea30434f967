//! What runs of a snapshot have besides the guest's own state.

use super::{assert_same, load_snapshot, load_wasm, run_with, seen, snapshot_of, stdin_of, take};
use crate::host::{PATIENCE, Text, args, block_on, channel_output, runtime};
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::Duration;
use wasiexec::{
    Cache, Clock, Ending, ErrorCode, LimitKind, Limits, LoadOptions, OnOutput, Output, OutputPipe,
    Preopen, Program, RunOptions, Runtime, RuntimeOptions, SnapshotOptions,
};

/// Functions for guests that use files, clocks and random numbers.
pub const PRELUDE: &str = r#"
  (import "wasi_snapshot_preview1" "fd_read" (func $fd_read (param i32 i32 i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "fd_write" (func $fd_write (param i32 i32 i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "fd_close" (func $fd_close (param i32) (result i32)))
  (import "wasi_snapshot_preview1" "fd_renumber" (func $fd_renumber (param i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "path_open" (func $path_open (param i32 i32 i32 i32 i32 i64 i64 i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "clock_time_get" (func $clock_time_get (param i32 i64 i32) (result i32)))
  (import "wasi_snapshot_preview1" "random_get" (func $random_get (param i32 i32) (result i32)))
  (memory (export "memory") 1)
  (data (i32.const 200) "a")
  (func $read
    (i64.store (i32.const 0) (i64.const 0x1_0000_0064))
    (drop (call $fd_read (i32.const 0) (i32.const 0) (i32.const 1) (i32.const 8))))
  ;; prints a letter
  (func $say (param $fd i32) (param $letter i32)
    (i32.store8 (i32.const 300) (local.get $letter))
    (i64.store (i32.const 0) (i64.const 0x1_0000_012c))
    (drop (call $fd_write (local.get $fd) (i32.const 0) (i32.const 1) (i32.const 8))))
  ;; prints the digits of a number below 100
  (func $number (param i32)
    (call $say (i32.const 1) (i32.add (i32.const 48) (i32.div_u (local.get 0) (i32.const 10))))
    (call $say (i32.const 1) (i32.add (i32.const 48) (i32.rem_u (local.get 0) (i32.const 10)))))
  ;; opens the file "a"; returns its descriptor, or 50 more than the errno
  (func $open (result i32) (local $errno i32)
    (local.set $errno (call $path_open (i32.const 3) (i32.const 0) (i32.const 200) (i32.const 1) (i32.const 0)
      (i64.const 2) (i64.const 0) (i32.const 0) (i32.const 104)))
    (select (i32.load (i32.const 104)) (i32.add (i32.const 50) (local.get $errno)) (i32.eqz (local.get $errno))))
  (func $close (param i32) (if (call $fd_close (local.get 0)) (then unreachable)))
"#;

pub fn guest(body: &str) -> Arc<Program> {
    load_wasm(format!("(module {PRELUDE} (func (export \"_start\") {body}))").as_bytes())
}

const TALKATIVE: &str =
    "(call $say (i32.const 1) (i32.const 97)) (call $say (i32.const 2) (i32.const 98))
  (call $say (i32.const 2) (i32.const 99)) (call $say (i32.const 1) (i32.const 100))
  (call $read) (call $say (i32.const 1) (i32.const 101))";

fn run(program: &Arc<Program>, options: RunOptions) -> wasiexec::Result<wasiexec::Outcome> {
    block_on(runtime().run(program, options))
}

#[test]
fn output_before_the_snapshot_is_printed_first() {
    let program = guest(TALKATIVE);
    assert_same(&program, &SnapshotOptions::default(), &[b""]);
    let snapshot = snapshot_of(&program, &SnapshotOptions::default());
    let outcome = run_with(&snapshot, b"");
    assert_eq!((outcome.stdout(), outcome.stderr()), ("ade", "bc"));

    // Both streams lead to one sink, which keeps the order.
    let all = Arc::new(Mutex::new(Vec::new()));
    let sink = all.clone();
    let pipe = OutputPipe::new(false, false, move |bytes| {
        sink.lock().expect("a lock").extend(bytes)
    });
    let options = RunOptions {
        stdout: Output::Pipe(pipe.clone()),
        stderr: Output::Pipe(pipe),
        ..RunOptions::default()
    };
    run(&snapshot, options).expect("an outcome");
    assert_eq!(
        all.lock().expect("a lock").escape_ascii().to_string(),
        "abcde"
    );

    let ignored = RunOptions {
        stdout: Output::Ignore,
        ..RunOptions::default()
    };
    let outcome = run(&snapshot, ignored).expect("an outcome");
    assert_eq!((outcome.stdout(), outcome.stderr()), ("", "bc"));
}

#[test]
fn output_before_the_snapshot_counts_for_the_cap() {
    let program = guest(TALKATIVE);
    let snapshot = snapshot_of(&program, &SnapshotOptions::default());
    for cap in 0..6 {
        for on_output in [OnOutput::Stop, OnOutput::Truncate] {
            for piped in [false, true] {
                let outcome = |program| {
                    let (pipe, output, chunks) = channel_output(false);
                    let mut options = RunOptions::default();
                    options.limits.output_bytes = Some(cap);
                    options.limits.on_output = on_output;
                    if piped {
                        options.stdout = output;
                    }
                    let outcome = run(program, options).expect("an outcome");
                    drop(pipe);
                    let truncated = outcome.usage.output_truncated;
                    let sent: Vec<u8> = chunks.try_iter().flatten().collect();
                    (seen(outcome), truncated, sent)
                };
                assert_eq!(
                    outcome(&snapshot),
                    outcome(&program),
                    "{cap} {on_output:?} {piped}"
                );
            }
        }
    }
}

#[test]
fn much_output_waits_for_its_reader() {
    let wat = format!(
        "(module {PRELUDE} (func (export \"_start\") (local i32)
          (memory.fill (i32.const 1000) (i32.const 120) (i32.const 50000))
          (loop $next
            (i64.store (i32.const 0) (i64.const {}))
            (drop (call $fd_write (i32.const 1) (i32.const 0) (i32.const 1) (i32.const 8)))
            (br_if $next (i32.lt_u (local.tee 0 (i32.add (local.get 0) (i32.const 1))) (i32.const 10))))
          call $read))",
        (50_000_u64 << 32) | 1000
    );
    let snapshot = snapshot_of(&load_wasm(wat.as_bytes()), &SnapshotOptions::default());
    for flush_waits in [false, true] {
        let (window, stdout, chunks) = channel_output(flush_waits);
        let options = RunOptions {
            stdout,
            ..RunOptions::default()
        };
        let run = runtime().start(&snapshot, options, Arc::default());
        let mut received = 0;
        while received < 500_000 {
            let chunk = chunks.recv_timeout(PATIENCE).expect("a chunk");
            received += chunk.len();
            window.take(chunk.len() as u64);
        }
        assert!(block_on(run).expect("an answer").is_ok());
        assert_eq!(received, 500_000);
    }
}

#[test]
fn a_reader_that_is_gone_does_not_stop_the_guest() {
    let program = guest(TALKATIVE);
    let snapshot = snapshot_of(&program, &SnapshotOptions::default());
    let (pipe, stdout, _) = channel_output(false);
    pipe.close();
    let options = RunOptions {
        stdout,
        ..RunOptions::default()
    };
    let outcome = run(&snapshot, options).expect("an outcome");
    assert_eq!((outcome.exit_code(), outcome.stderr()), (Some(0), "bc"));
}

#[test]
fn arguments_and_environment_are_inside() {
    let program = crate::host::load_real("rust");
    let options = SnapshotOptions {
        args: args(&["cat", "secret"]).args,
        env: [("NAME".to_owned(), "value".to_owned())].into(),
        ..SnapshotOptions::default()
    };
    let snapshot = snapshot_of(&program, &options);
    let given = [
        args(&["other"]),
        RunOptions {
            env: [("A".to_owned(), "b".to_owned())].into(),
            ..RunOptions::default()
        },
    ];
    for (given, names) in given.into_iter().zip(["args", "env"]) {
        let error = run(&snapshot, given).expect_err("an error");
        assert_eq!(error.code(), ErrorCode::InvalidOption);
        assert!(error.message().contains(names), "{error}");
        assert!(!error.message().contains("value"), "{error}");
    }
}

fn preopen(guest_path: &str, host_path: &Path) -> Preopen {
    Preopen {
        guest_path: guest_path.into(),
        host_path: host_path.into(),
        write: false,
    }
}

/// A folder with a file "a" that has this content.
pub fn folder(content: &str) -> tempfile::TempDir {
    let folder = tempfile::tempdir().expect("a folder");
    std::fs::write(folder.path().join("a"), content).expect("a file");
    folder
}

pub fn granted(folder: &Path) -> SnapshotOptions {
    SnapshotOptions {
        preopens: [preopen("/data", folder)].into(),
        ..SnapshotOptions::default()
    }
}

/// Prints the first byte of the file.
const PRINT_FILE: &str = "(local i32) (local.set 0 (call $open))
  (i64.store (i32.const 0) (i64.const 0x1_0000_0064))
  (drop (call $fd_read (local.get 0) (i32.const 0) (i32.const 1) (i32.const 8)))
  (call $close (local.get 0))
  (call $say (i32.const 1) (i32.load8_u (i32.const 100)))";

#[test]
fn directories_are_opened_anew() {
    let (first, second) = (folder("x"), folder("y"));
    let wat = format!(
        "(module {PRELUDE} (func $file {PRINT_FILE}) (func (export \"_start\") call $file call $read call $file))"
    );
    let program = load_wasm(wat.as_bytes());
    let options = granted(first.path());
    assert_same(&program, &options, &[b""]);

    let taken = take(&program, &options).expect("a snapshot");
    let text = String::from_utf8_lossy(&taken.wasm).into_owned();
    assert!(text.contains("/data"));
    let host = first.path().to_str().expect("text");
    assert!(!text.contains(host), "the file names a path of the host");

    // The program grants what it was loaded with; from the file alone nothing is granted.
    let snapshot = load_snapshot(&taken);
    assert_eq!(run_with(&snapshot, b"").stdout(), "xx");
    let other = |preopens: Vec<Preopen>| RunOptions {
        preopens: preopens.into(),
        ..RunOptions::default()
    };
    let outcome = run(&snapshot, other(vec![preopen("/data", second.path())]));
    assert_eq!(outcome.expect("an outcome").stdout(), "xy");
    let alone = load_wasm(&taken.wasm);
    let wrong = [
        (&alone, RunOptions::default()),
        (&snapshot, other(vec![preopen("/other", second.path())])),
        (
            &snapshot,
            other(vec![
                preopen("/data", second.path()),
                preopen("/more", second.path()),
            ]),
        ),
    ];
    for (program, options) in wrong {
        let error = run(program, options).expect_err("an error");
        assert_eq!(error.code(), ErrorCode::InvalidOption);
        assert!(error.message().contains("\"/data\" (read)"), "{error}");
    }
    let wrong = LoadOptions {
        preopens: [preopen("/other", second.path())].into(),
        ..LoadOptions::named("guest")
    };
    let error = runtime()
        .load(&taken.wasm[..], wrong)
        .err()
        .expect("an error");
    assert_eq!(error.code(), ErrorCode::InvalidOption);
    let error = run(
        &snapshot,
        other(vec![preopen("/data", Path::new("/nowhere/at/all"))]),
    );
    assert_eq!(error.expect_err("an error").code(), ErrorCode::Preopen);
}

#[test]
fn descriptors_get_the_numbers_that_they_would_have_had() {
    let folder = folder("x");
    let wat = format!(
        "(module {PRELUDE} (func $several (param $count i32)
          (call $number (call $open))
          (if (i32.gt_u (local.get $count) (i32.const 1))
            (then (call $several (i32.sub (local.get $count) (i32.const 1)))))
          (call $close (i32.load (i32.const 104))))
        (func $open_three (param $a i32) (param $b i32) (param $c i32)
          (local.set $a (call $open)) (local.set $b (call $open)) (local.set $c (call $open))
          (call $number (local.get $a)) (call $number (local.get $b)) (call $number (local.get $c))
          (call $close (local.get $b)) (call $close (local.get $a)) (call $close (local.get $c)))
        (func (export \"_start\")
          (call $open_three (i32.const 0) (i32.const 0) (i32.const 0))
          (call $read)
          (call $open_three (i32.const 0) (i32.const 0) (i32.const 0))
          (call $open_three (i32.const 0) (i32.const 0) (i32.const 0))))"
    );
    assert_same(&load_wasm(wat.as_bytes()), &granted(folder.path()), &[b""]);
}

const CLOCKS: &str = "(func $clock (param i32)
    (drop (call $clock_time_get (local.get 0) (i64.const 1) (i32.const 304)))
    (i64.store (i32.const 0) (i64.const 0x8_0000_0130))
    (drop (call $fd_write (i32.const 1) (i32.const 0) (i32.const 1) (i32.const 8))))";

fn numbers(bytes: &[u8]) -> Vec<u64> {
    let number = |bytes: &[u8]| u64::from_le_bytes(bytes.try_into().expect("8 bytes"));
    bytes.chunks(8).map(number).collect()
}

#[test]
fn the_monotonic_clock_goes_on_and_the_wall_clock_is_read_anew() {
    let wat = format!(
        "(module {PRELUDE} {CLOCKS} (func (export \"_start\")
          (call $clock (i32.const 1)) (call $clock (i32.const 0)) (call $clock (i32.const 1))
          (call $read)
          (call $clock (i32.const 1)) (call $clock (i32.const 0))))"
    );
    let program = load_wasm(wat.as_bytes());
    let snapshot = snapshot_of(&program, &SnapshotOptions::default());
    std::thread::sleep(Duration::from_millis(5));
    let times = numbers(&run_with(&snapshot, b"").stdout);
    assert!(times[0] <= times[2] && times[2] <= times[3], "{times:?}");
    assert!(times[3] < times[2] + 60_000_000_000, "{times:?}");
    assert!(times[4] >= times[1] + 5_000_000, "{times:?}");

    let fixed = SnapshotOptions {
        clock: Clock::Fixed(Duration::from_secs(7)),
        ..SnapshotOptions::default()
    };
    let snapshot = snapshot_of(&program, &fixed);
    let options = RunOptions {
        clock: Clock::Fixed(Duration::from_secs(9)),
        ..RunOptions::default()
    };
    let times = numbers(&run(&snapshot, options).expect("an outcome").stdout);
    // A reading is a microsecond.
    assert_eq!(times, [0, 7_000_000_000, 1_000, 2_000, 9_000_000_000]);
}

#[test]
fn seeded_random_numbers_go_on_unless_a_run_has_its_own() {
    let wat = format!(
        "(module {PRELUDE} (func $random
          (drop (call $random_get (i32.const 300) (i32.const 8)))
          (i64.store (i32.const 0) (i64.const 0x8_0000_012c))
          (drop (call $fd_write (i32.const 1) (i32.const 0) (i32.const 1) (i32.const 8))))
        (func (export \"_start\") call $random call $random call $read call $random))"
    );
    let program = load_wasm(wat.as_bytes());
    let seeded = SnapshotOptions {
        random_seed: Some(42),
        ..SnapshotOptions::default()
    };
    assert_same(&program, &seeded, &[b""]);
    let numbers_of = |program, seed| {
        let options = RunOptions {
            random_seed: seed,
            ..RunOptions::default()
        };
        numbers(&run(program, options).expect("an outcome").stdout)
    };
    let snapshot = snapshot_of(&program, &seeded);
    let (a, b) = (
        numbers_of(&snapshot, Some(1)),
        numbers_of(&snapshot, Some(2)),
    );
    assert_eq!(a, numbers_of(&snapshot, Some(1)));
    assert_eq!(a[..2], b[..2]);
    assert_ne!(a[2], b[2]);
    let unseeded = snapshot_of(&program, &SnapshotOptions::default());
    let (a, b) = (numbers_of(&unseeded, None), numbers_of(&unseeded, None));
    assert_eq!(a[..2], b[..2]);
    assert_ne!(a[2], b[2]);
}

#[test]
fn a_snapshot_is_cached_and_compiled_ahead_like_any_program() {
    let folder = folder("x");
    let program = guest(TALKATIVE);
    let taken = take(&program, &SnapshotOptions::default()).expect("a snapshot");
    let cache = tempfile::tempdir().expect("a folder");
    let load = |bytes: &[u8], trust| {
        let runtime = Runtime::new(RuntimeOptions {
            threads: 1,
            max_concurrent_runs: 4,
            cache: Cache::at(cache.path().into()),
        });
        let runtime = runtime.expect("a runtime");
        let options = LoadOptions {
            trust_precompiled: trust,
            ..LoadOptions::named("guest")
        };
        let program = runtime.load(bytes, options).expect("a program");
        let outcome = block_on(runtime.run(&program, stdin_of(b"x"))).expect("an outcome");
        assert_eq!((outcome.stdout(), outcome.stderr()), ("ade", "bc"));
        program.serialize().expect("a file")
    };
    let file = load(&taken.wasm, false);
    assert_eq!(std::fs::read_dir(cache.path()).expect("a cache").count(), 1);
    load(&taken.wasm, false);
    load(&file, true);
    drop(folder);
}

#[test]
fn limits_hold_in_runs_of_a_snapshot() {
    let snapshot = |body: &str| snapshot_of(&guest(body), &SnapshotOptions::default());
    let run = |program, limits| {
        let options = RunOptions {
            limits,
            ..RunOptions::default()
        };
        run(program, options).expect("an outcome")
    };
    let endless = snapshot("(call $read) (loop (br 0))");
    let timeout = Limits {
        timeout: Some(Duration::from_millis(50)),
        ..Limits::default()
    };
    assert_eq!(
        run(&endless, timeout).ending,
        Ending::Limit(LimitKind::Timeout)
    );
    let fuel = Limits {
        fuel: Some(10_000_000),
        ..Limits::default()
    };
    assert_eq!(run(&endless, fuel).ending, Ending::Limit(LimitKind::Fuel));
    let large = snapshot("(drop (memory.grow (i32.const 20))) (call $read)");
    let outcome = run(&large, fuel);
    assert_eq!(outcome.exit_code(), Some(0));
    assert_eq!(outcome.usage.fuel, run(&large, fuel).usage.fuel);
    // What the guest had before counts from the start.
    assert_eq!(outcome.usage.memory_peak, 21 << 16);
    let memory = Limits {
        memory_bytes: 20 << 16,
        ..Limits::default()
    };
    assert_eq!(run(&large, memory).ending, Ending::Limit(LimitKind::Memory));
}
