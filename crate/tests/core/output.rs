use crate::host::{Text, args, limits, run, run_plain};
use wasiexec::{Ending, LimitKind, Limits, OnOutput, Outcome, RunOptions};

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
