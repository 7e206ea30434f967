use crate::host::{
    PATIENCE, Started, Text, args, channel_output, load_in, options, run_in, runtime,
    single_threaded, start,
};
use std::sync::{Arc, mpsc};
use std::time::Duration;
use wasiexec::{
    CallControl, Cause, Ending, Input, InputPipe, LimitKind, Limits, RunOptions, Runtime,
    RuntimeOptions,
};

/// Starts a guest that prints "ready" on stderr. Returns when the guest has done so.
fn start_ready(runtime: &Runtime, name: &str, limits: Limits) -> Started {
    let (_, stderr, said) = channel_output(false);
    let options = RunOptions {
        stderr,
        limits,
        ..RunOptions::default()
    };
    let started = start(runtime, name, options);
    assert_eq!(
        &said.recv_timeout(PATIENCE).expect("a sign of life")[..],
        b"ready\n"
    );
    started
}

fn hour() -> Limits {
    Limits {
        timeout: Some(Duration::from_secs(3600)),
        ..Limits::default()
    }
}

#[test]
fn a_run_that_is_aborted_before_its_start_never_runs() {
    let control = Arc::<CallControl>::default();
    assert!(control.stop(Cause::Abort));
    let (_, stdout, printed) = channel_output(false);
    let options = RunOptions {
        stdout,
        ..RunOptions::default()
    };
    let program = load_in(runtime(), "hello");
    let outcome = runtime().start(&program, options, control);
    let outcome = crate::host::block_on(outcome)
        .expect("an answer")
        .expect("an outcome");
    assert_eq!(outcome.ending, Ending::Abort);
    assert_eq!(outcome.usage.wall, Duration::ZERO);
    assert!(printed.recv().is_err(), "it printed");
}

#[test]
fn an_abort_ends_a_loop_and_keeps_its_output() {
    let run = start_ready(runtime(), "signal-then-loop", hour());
    assert!(run.control.stop(Cause::Abort));
    runtime().sweep();
    let outcome = run.outcome();
    assert_eq!(
        (outcome.ending.clone(), outcome.stdout()),
        (Ending::Abort, "before\n")
    );
}

#[test]
fn an_abort_of_a_loop_needs_no_sweep() {
    let run = start_ready(runtime(), "signal-then-loop", hour());
    assert!(run.control.stop(Cause::Abort));
    assert_eq!(run.outcome().ending, Ending::Abort);
}

#[test]
fn an_abort_ends_a_sleep_and_keeps_its_output() {
    let runtime = single_threaded();
    let mut run = start_ready(&runtime, "signal-then-sleep", hour());
    // The only thread is free for this run, so the other one sleeps.
    assert_eq!(
        run_in(&runtime, "return", RunOptions::default()).exit_code(),
        Some(0)
    );
    assert!(run.is_going_on());
    assert!(run.control.stop(Cause::Abort));
    let outcome = run.outcome();
    assert_eq!(
        (outcome.ending.clone(), outcome.stdout()),
        (Ending::Abort, "before\n")
    );
}

#[test]
fn an_abort_ends_a_wait_for_stdin() {
    let (ask, asked) = mpsc::channel();
    let pipe = InputPipe::new(false, move || ask.send(()).expect("a listener"));
    let options = RunOptions {
        stdin: Input::Pipe(pipe),
        ..RunOptions::default()
    };
    let run = start(runtime(), "read-stdin", options);
    asked.recv_timeout(PATIENCE).expect("the guest waits");
    assert!(run.control.stop(Cause::Abort));
    assert_eq!(run.outcome().ending, Ending::Abort);
}

#[test]
fn an_abort_ends_a_wait_for_a_full_output() {
    let (_pipe, stdout, chunks) = channel_output(true);
    let options = RunOptions {
        stdout,
        ..RunOptions::default()
    };
    let run = start(runtime(), "flood", options);
    chunks.recv_timeout(PATIENCE).expect("a chunk");
    assert!(run.control.stop(Cause::Abort));
    assert_eq!(run.outcome().ending, Ending::Abort);
}

#[test]
fn an_abort_after_the_end_has_no_effect() {
    let program = load_in(runtime(), "exit-argv");
    let control = Arc::<CallControl>::default();
    let outcome = runtime().start(&program, args(&["3"]), control.clone());
    let outcome = crate::host::block_on(outcome)
        .expect("an answer")
        .expect("an outcome");
    assert!(
        !control.stop(Cause::Abort),
        "the guest's own end came first"
    );
    runtime().sweep();
    assert_eq!(control.cause(), Some(Cause::Guest));
    assert_eq!(outcome.exit_code(), Some(3));
}

#[test]
fn the_first_cause_wins() {
    let run = start_ready(runtime(), "signal-then-loop", hour());
    assert!(run.control.stop(Cause::Limit(LimitKind::Output)));
    assert!(!run.control.stop(Cause::Abort));
    assert!(!run.control.stop(Cause::Guest));
    assert_eq!(run.outcome().ending, Ending::Limit(LimitKind::Output));

    let cpu = Limits {
        cpu: Some(Duration::from_millis(50)),
        ..hour()
    };
    let options = RunOptions {
        limits: cpu,
        ..RunOptions::default()
    };
    let run = start(runtime(), "loop", options);
    let control = run.control.clone();
    assert_eq!(run.outcome().ending, Ending::Limit(LimitKind::Cpu));
    assert!(!control.stop(Cause::Abort));
    assert_eq!(control.cause(), Some(Cause::Limit(LimitKind::Cpu)));
}

#[test]
fn one_thread_stops_many() {
    let names = ["signal-then-loop", "signal-then-sleep"];
    let runs: Vec<_> = (0..40)
        .map(|i| start_ready(runtime(), names[i % 2], hour()))
        .collect();
    for run in &runs {
        assert!(run.control.stop(Cause::Abort));
    }
    runtime().sweep();
    for run in runs {
        let outcome = run.outcome();
        assert_eq!(
            (outcome.ending.clone(), outcome.stdout()),
            (Ending::Abort, "before\n")
        );
    }
}

#[test]
fn one_of_two_is_stopped_and_the_other_goes_on() {
    let stopped = start_ready(runtime(), "signal-then-sleep", hour());
    let mut other = start_ready(runtime(), "signal-then-sleep", hour());
    assert!(stopped.control.stop(Cause::Abort));
    assert_eq!(stopped.outcome().ending, Ending::Abort);
    assert!(other.is_going_on());
    assert_eq!(other.control.cause(), None);
    other.control.stop(Cause::Abort);
    assert_eq!(other.outcome().ending, Ending::Abort);
}

#[test]
fn a_run_that_is_aborted_in_the_queue_never_starts() {
    let options = RuntimeOptions {
        max_concurrent_runs: 1,
        ..options()
    };
    let runtime = Runtime::new(options).expect("a runtime");
    let mut first = start_ready(&runtime, "signal-then-sleep", hour());
    let second = start(&runtime, "hello", RunOptions::default());
    let third = start(&runtime, "hello", RunOptions::default());
    assert!(second.control.stop(Cause::Abort));
    runtime.sweep();
    let outcome = second.outcome();
    assert_eq!(
        (outcome.ending.clone(), outcome.stdout()),
        (Ending::Abort, "")
    );
    assert!(first.is_going_on());
    first.control.stop(Cause::Abort);
    assert_eq!(first.outcome().ending, Ending::Abort);
    assert_eq!(third.outcome().stdout(), "hello\n");
}

#[test]
fn no_exit_code_looks_like_a_stop() {
    for code in [124, 134, 137, 0xEFFF_FFFF] {
        let limits = Limits {
            cpu: Some(Duration::from_secs(3600)),
            fuel: Some(1 << 40),
            ..hour()
        };
        let options = RunOptions {
            limits,
            ..args(&[&code.to_string()])
        };
        let run = start(runtime(), "exit-argv", options);
        let control = run.control.clone();
        assert_eq!(run.outcome().ending, Ending::Exit { code });
        assert_eq!(control.cause(), Some(Cause::Guest));
    }
}
