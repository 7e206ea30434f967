use crate::host::{
    PATIENCE, Text, args, block_on, channel_output, limits, named, run, run_plain, runtime, source,
    start,
};
use bytes::Bytes;
use std::sync::Arc;
use std::sync::mpsc::Receiver;
use wasiexec::{
    Ending, LimitKind, Limits, OnBrokenPipe, OnOutput, Outcome, Output, Program, RunOptions,
};

const OUTPUT: Ending = Ending::Limit(LimitKind::Output);

fn cap(bytes: u64) -> Limits {
    Limits {
        output_bytes: Some(bytes),
        ..Limits::default()
    }
}

fn truncate_at(bytes: u64) -> Limits {
    Limits {
        on_output: OnOutput::Truncate,
        ..cap(bytes)
    }
}

/// Prints `bytes` bytes of "x".
fn print(bytes: usize, limits: Limits) -> Outcome {
    let options = RunOptions {
        limits,
        ..args(&[&bytes.to_string()])
    };
    run("flood-argv", options)
}

#[test]
fn a_flood_stops_at_exactly_the_cap() {
    let pattern: Vec<u8> = b"0123456789abcdef"
        .iter()
        .copied()
        .cycle()
        .take(100_001)
        .collect();
    let outcome = run("flood", limits(cap(100_001)));
    assert_eq!(outcome.ending, OUTPUT);
    assert!(outcome.stdout == pattern, "{} bytes", outcome.stdout.len());
    let outcome = run("flood-stderr", limits(cap(100_001)));
    assert_eq!(outcome.ending, OUTPUT);
    assert!(outcome.stderr == pattern, "{} bytes", outcome.stderr.len());
}

#[test]
fn the_default_cap_is_16_mib() {
    let outcome = run_plain("flood");
    assert_eq!(outcome.ending, OUTPUT);
    assert_eq!(outcome.stdout.len(), 16 << 20);
}

#[test]
fn output_of_exactly_the_cap_is_no_stop() {
    for limits in [cap(100_000), truncate_at(100_000)] {
        let outcome = print(100_000, limits);
        assert_eq!(outcome.exit_code(), Some(0));
        assert_eq!(outcome.stdout.len(), 100_000);
        assert!(!outcome.usage.output_truncated);
    }
}

#[test]
fn one_byte_more_than_the_cap_is_a_stop() {
    let outcome = print(100_001, cap(100_000));
    assert_eq!(outcome.ending, OUTPUT);
    assert_eq!(outcome.stdout.len(), 100_000);
}

#[test]
fn truncated_output_has_exactly_the_cap_and_the_guest_goes_on() {
    let outcome = print(300_000, truncate_at(100_000));
    assert_eq!(outcome.exit_code(), Some(0));
    assert_eq!(outcome.stdout, vec![b'x'; 100_000]);
    assert!(outcome.usage.output_truncated);
}

#[test]
fn stdout_and_stderr_share_the_cap() {
    let outcome = run("print-both", limits(cap(6)));
    assert_eq!(outcome.ending, OUTPUT);
    assert_eq!((outcome.stdout(), outcome.stderr()), ("out\n", "er"));
    let outcome = run("print-both", limits(truncate_at(6)));
    assert_eq!(outcome.exit_code(), Some(2));
    assert_eq!((outcome.stdout(), outcome.stderr()), ("out\n", "er"));
    assert!(outcome.usage.output_truncated);
}

#[test]
fn a_cap_of_zero_lets_nothing_out() {
    let outcome = run("hello", limits(cap(0)));
    assert_eq!((outcome.ending.clone(), outcome.stdout()), (OUTPUT, ""));
    let outcome = run("hello", limits(truncate_at(0)));
    assert_eq!((outcome.exit_code(), outcome.stdout()), (Some(0), ""));
    assert!(outcome.usage.output_truncated);
}

#[test]
fn a_cap_of_zero_is_no_stop_for_a_silent_guest() {
    let outcome = run(
        "exit-argv",
        RunOptions {
            limits: cap(0),
            ..args(&["5"])
        },
    );
    assert_eq!(outcome.exit_code(), Some(5));
}

#[test]
fn components_stop_at_the_cap() {
    for name in ["component-hello", "component-p3-hello"] {
        let outcome = run(name, limits(cap(3)));
        assert_eq!(
            (outcome.ending.clone(), outcome.stdout()),
            (OUTPUT, "hel"),
            "{name}"
        );
        let outcome = run(name, limits(truncate_at(3)));
        assert_eq!(
            (outcome.exit_code(), outcome.stdout()),
            (Some(0), "hel"),
            "{name}"
        );
        assert!(outcome.usage.output_truncated, "{name}");
    }
}

const WRITE_ONCE: [&str; 3] = [
    "write-once",
    "component-write-once",
    "component-p3-write-once",
];
const WRITTEN_ONCE: usize = 8 << 20;

/// A guest whose text has other numbers than in its file.
fn load_changed(name: &str, changes: &[(&str, &str)]) -> Arc<Program> {
    let mut text = String::from_utf8(source(name)).expect("text");
    for (from, to) in changes {
        assert!(text.contains(from), "{name} has {from}");
        text = text.replace(from, to);
    }
    let program = runtime().load(text.into_bytes(), named(name));
    program.expect("a program")
}

fn run_program(program: &Arc<Program>, options: RunOptions) -> Outcome {
    block_on(runtime().run(program, options)).expect("an outcome")
}

#[test]
fn a_write_is_never_short() {
    for name in WRITE_ONCE {
        let outcome = run_plain(name);
        assert_eq!(outcome.exit_code(), Some(0), "{name}");
        assert_eq!(outcome.stdout.len(), WRITTEN_ONCE, "{name}");
        assert!(outcome.stdout.iter().all(|byte| *byte == b'x'), "{name}");
        let options = RunOptions {
            stdout: Output::Ignore,
            ..RunOptions::default()
        };
        let outcome = run(name, options);
        assert_eq!(outcome.exit_code(), Some(0), "{name}");
        assert!(outcome.stdout.is_empty(), "{name}");
        for flush_waits in [false, true] {
            let (outcome, received) = passed_on(name, RunOptions::default(), flush_waits);
            assert_eq!(outcome.exit_code(), Some(0), "{name}");
            assert_eq!(received, WRITTEN_ONCE, "{name}");
        }
    }
}

/// The guest writes again and again without looking at what is permitted.
#[test]
fn a_guest_that_does_not_wait_for_its_reader_traps() {
    let again = "(br $again)\n      (call $drop (local.get $stream))";
    let program = load_changed(
        "component-write-once",
        &[
            (
                "(call $write (local.get $stream)",
                "(loop $again (call $write (local.get $stream)",
            ),
            ("(call $drop (local.get $stream))", &format!("{again})")),
        ],
    );
    let (pipe, stdout, chunks) = channel_output(false);
    let options = RunOptions {
        stdout,
        ..RunOptions::default()
    };
    let outcome = run_program(&program, options);
    assert!(matches!(outcome.ending, Ending::Trap(_)), "{outcome:?}");
    drop(pipe);
    let received: usize = chunks.iter().map(|chunk| chunk.len()).sum();
    assert_eq!(received, 128 << 20);
}

#[test]
fn one_large_write_stops_at_exactly_the_cap() {
    for name in WRITE_ONCE {
        let outcome = run(name, limits(cap(100_001)));
        assert_eq!(outcome.ending, OUTPUT, "{name}");
        assert_eq!(outcome.stdout, vec![b'x'; 100_001], "{name}");
        let outcome = run(name, limits(truncate_at(100_001)));
        assert_eq!(outcome.exit_code(), Some(0), "{name}");
        assert_eq!(outcome.stdout, vec![b'x'; 100_001], "{name}");
        assert!(outcome.usage.output_truncated, "{name}");
    }
}

/// 200 MiB are more than a host call may copy. A guest that asks what is permitted is not ended for that.
#[test]
fn a_write_of_more_than_a_host_call_may_copy_stops_at_the_cap() {
    for name in ["component-write-once", "component-p3-write-once"] {
        let changes = [("8388608", "209715200"), (" 129)", " 3201)")];
        let program = load_changed(name, &changes);
        let outcome = run_program(&program, RunOptions::default());
        assert_eq!(outcome.ending, OUTPUT, "{name}");
        assert_eq!(outcome.stdout.len(), 16 << 20, "{name}");
    }
}

#[test]
fn zeroes_stop_at_the_cap_and_more_than_permitted_trap() {
    const NAME: &str = "component-write-zeroes";
    let outcome = run(NAME, limits(cap(100_001)));
    assert_eq!(outcome.ending, OUTPUT);
    assert_eq!(outcome.stdout, vec![0; 100_001]);
    let outcome = run(NAME, limits(truncate_at(100_001)));
    assert_eq!(outcome.exit_code(), Some(0));
    assert_eq!(outcome.stdout, vec![0; 100_001]);
    let ignore = RunOptions {
        stdout: Output::Ignore,
        ..RunOptions::default()
    };
    assert_eq!(run(NAME, ignore.clone()).exit_code(), Some(0));
    let more = load_changed(
        NAME,
        &[("$more i64 (i64.const 0)", "$more i64 (i64.const 1)")],
    );
    for options in [limits(truncate_at(1)), ignore] {
        let outcome = run_program(&more, options);
        assert!(matches!(outcome.ending, Ending::Trap(_)), "{outcome:?}");
        assert!(outcome.stdout.is_empty());
    }
    let (pipe, stdout, chunks) = channel_output(false);
    let passed = RunOptions {
        stdout,
        ..RunOptions::default()
    };
    let outcome = run_program(&more, passed.clone());
    assert!(matches!(outcome.ending, Ending::Trap(_)), "{outcome:?}");
    let few = RunOptions {
        limits: truncate_at(100_001),
        ..passed
    };
    assert_eq!(run(NAME, few).exit_code(), Some(0));
    drop(pipe);
    let zeroes: Vec<u8> = chunks.try_iter().flatten().collect();
    assert_eq!(zeroes, vec![0; 100_001]);
}

/// The ending of a guest that prints 300,000 bytes, or endlessly, and how many bytes arrive.
fn passed(name: &str, limits: Limits, flush_waits: bool) -> (Outcome, usize) {
    let options = RunOptions {
        limits,
        ..args(&["300000"])
    };
    passed_on(name, options, flush_waits)
}

fn passed_on(name: &str, options: RunOptions, flush_waits: bool) -> (Outcome, usize) {
    let (pipe, stdout, chunks) = channel_output(flush_waits);
    let options = RunOptions { stdout, ..options };
    let run = start(runtime(), name, options);
    // The run holds the pipe, so the chunks end with the run.
    let window = Arc::downgrade(&pipe);
    drop(pipe);
    let reader = std::thread::spawn(move || {
        let mut received = 0;
        for chunk in chunks {
            received += chunk.len();
            if let Some(pipe) = window.upgrade() {
                pipe.take(chunk.len() as u64);
            }
        }
        received
    });
    let outcome = run.outcome();
    (outcome, reader.join().expect("a reader"))
}

#[test]
fn output_that_is_passed_on_stops_at_exactly_the_cap_when_one_is_given() {
    for flush_waits in [false, true] {
        for name in ["flood-argv", "flood"] {
            let (outcome, received) = passed(name, cap(100_001), flush_waits);
            assert_eq!((outcome.ending, received), (OUTPUT, 100_001), "{name}");
        }
        let (outcome, received) = passed("flood-argv", cap(300_000), flush_waits);
        assert_eq!((outcome.exit_code(), received), (Some(0), 300_000));
        let (outcome, received) = passed("flood-argv", truncate_at(1_000), flush_waits);
        assert_eq!((outcome.exit_code(), received), (Some(0), 1_000));
        assert!(outcome.usage.output_truncated);
    }
}

#[test]
fn output_that_is_passed_on_has_no_cap_by_default() {
    let length = Limits::DEFAULT_OUTPUT_BYTES as usize + 1;
    let (outcome, received) = passed_on("flood-argv", args(&[&length.to_string()]), false);
    assert_eq!((outcome.exit_code(), received), (Some(0), length));
}

#[test]
fn what_is_passed_on_and_what_is_captured_share_the_cap() {
    let (_, stderr, chunks) = channel_output(false);
    // "out\n" and "err\n".
    for (bytes, ending, printed) in [
        (8, Ending::Exit { code: 2 }, "err\n"),
        (6, OUTPUT, "er"),
        (4, OUTPUT, ""),
    ] {
        let options = RunOptions {
            stderr: stderr.clone(),
            ..limits(cap(bytes))
        };
        let outcome = run("print-both", options);
        assert_eq!(
            (&outcome.ending, outcome.stdout()),
            (&ending, "out\n"),
            "{bytes}"
        );
        let passed: Vec<u8> = chunks.try_iter().flatten().collect();
        assert_eq!(String::from_utf8_lossy(&passed), printed, "{bytes}");
    }
}

#[test]
fn components_stop_at_the_cap_of_what_is_passed_on() {
    for name in ["component-hello", "component-p3-hello"] {
        for flush_waits in [false, true] {
            let (outcome, received) = passed(name, cap(3), flush_waits);
            assert_eq!((outcome.ending, received), (OUTPUT, 3), "{name}");
        }
    }
}

fn without_reader(name: &str, on_broken_pipe: OnBrokenPipe) -> (Outcome, Receiver<Bytes>) {
    let (pipe, stdout, chunks) = channel_output(false);
    pipe.close();
    let options = RunOptions {
        stdout,
        on_broken_pipe,
        ..args(&["300000"])
    };
    (run(name, options), chunks)
}

#[test]
fn a_lost_reader_ends_the_run_or_is_the_guests_to_notice() {
    for name in ["hello", "flood", "component-hello", "component-p3-hello"] {
        let (outcome, chunks) = without_reader(name, OnBrokenPipe::Stop);
        assert_eq!(outcome.ending, Ending::BrokenPipe, "{name}");
        assert!(chunks.try_recv().is_err(), "{name}");
    }
    let (outcome, _) = without_reader("hello", OnBrokenPipe::Fail);
    assert!(outcome.exit_code().is_some(), "{outcome:?}");
}

#[test]
fn a_reader_that_goes_while_the_guest_waits_for_it_ends_the_run() {
    let (pipe, stdout, chunks) = channel_output(true);
    let options = RunOptions {
        stdout,
        on_broken_pipe: OnBrokenPipe::Stop,
        ..RunOptions::default()
    };
    let run = start(runtime(), "flood", options);
    chunks.recv_timeout(PATIENCE).expect("a chunk");
    pipe.close();
    assert_eq!(run.outcome().ending, Ending::BrokenPipe);
}
