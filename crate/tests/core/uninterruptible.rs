use crate::host::{
    PATIENCE, Started, Text, args, block_on, channel_output, fault, limits, load_in, options, run,
    run_in, runtime, single_threaded, source, start_program,
};
use std::sync::Arc;
use std::time::Duration;
use wasiexec::{
    Cause, Ending, ErrorCode, Input, InputPipe, LimitKind, Limits, LoadOptions, OnMemory, Outcome,
    Program, RunOptions, Runtime, RuntimeOptions,
};

/// Rounds that take one or two seconds, in millions. Everything else here is over long before.
const LONG: &str = "1500";

fn load(runtime: &Runtime, name: &str) -> Arc<Program> {
    let options = LoadOptions {
        interruptible: false,
        ..LoadOptions::named(name)
    };
    runtime.load(source(name), options).expect("a program")
}

fn run_uninterruptible(name: &str, options: RunOptions) -> Outcome {
    let program = load(runtime(), name);
    block_on(runtime().run(&program, options)).expect("an outcome")
}

fn start(runtime: &Runtime, name: &str, options: RunOptions) -> Started {
    start_program(runtime, &load(runtime, name), options)
}

/// Starts a guest that prints "ready" on stderr. Returns when the guest has done so.
fn start_ready(runtime: &Runtime, name: &str, options: RunOptions) -> Started {
    let (_, stderr, said) = channel_output(false);
    let started = start(runtime, name, RunOptions { stderr, ..options });
    said.recv_timeout(PATIENCE).expect("a sign of life");
    started
}

/// A guest that has begun and computes for some time.
fn start_long(runtime: &Runtime) -> Started {
    start_ready(runtime, "signal-then-loop-argv", args(&[LONG]))
}

/// An ending without offsets, which depend by a byte or so on the surrounding code.
fn observed(ending: &Ending) -> (Ending, Vec<Option<String>>) {
    match ending.clone() {
        Ending::Trap(mut trap) => {
            let frames = std::mem::take(&mut trap.frames);
            let functions = frames.into_iter().map(|frame| frame.function).collect();
            (Ending::Trap(trap), functions)
        }
        other => (other, Vec::new()),
    }
}

#[test]
fn endings_are_those_of_an_interruptible_program() {
    let names = [
        "return",
        "hello",
        "print-both",
        "exit-in-start-function",
        "exit-deep-recursion",
        "exit-then-unreachable",
        "trap-unreachable",
        "trap-out-of-bounds",
        "trap-stack-overflow",
        "trap-uncaught-exception",
        "grow-table",
        "big-table",
        "two-memories",
        "flood",
        "component-hello",
        "component-exit-with-code-3",
        "component-return-err",
        "component-trap",
        "component-p3-hello",
        "component-p3-return-err",
        "component-p3-trap",
    ];
    let caps = || {
        limits(Limits {
            memory_bytes: 64 << 20,
            output_bytes: Some(10_000),
            ..Limits::default()
        })
    };
    for name in names {
        let interruptible = run(name, caps());
        let outcome = run_uninterruptible(name, caps());
        assert_eq!(
            observed(&outcome.ending),
            observed(&interruptible.ending),
            "{name}"
        );
        assert_eq!(outcome.stdout, interruptible.stdout, "{name}");
        assert_eq!(outcome.stderr, interruptible.stderr, "{name}");
        let (usage, expected) = (outcome.usage, interruptible.usage);
        assert_eq!(usage.memory_peak, expected.memory_peak, "{name}");
        assert_eq!(usage.memory_denied, expected.memory_denied, "{name}");
        assert_eq!(usage.fuel, None, "{name}");
        assert!(usage.wall > Duration::ZERO, "{name}");
    }
}

#[test]
fn a_memory_limit_ends_the_run() {
    let cap = Limits {
        memory_bytes: 10 << 16,
        on_memory: OnMemory::Stop,
        ..Limits::default()
    };
    let outcome = run_uninterruptible("grow-until-denied", limits(cap));
    assert_eq!(outcome.ending, Ending::Limit(LimitKind::Memory));
    assert_eq!(outcome.usage.memory_peak, 10 << 16);
}

#[test]
fn time_limits_are_refused_by_name() {
    let timeout = Limits {
        timeout: Some(Duration::from_secs(3600)),
        ..Limits::default()
    };
    let cpu = Limits {
        cpu: Some(Duration::from_secs(3600)),
        ..Limits::default()
    };
    // Also with a fuel limit, which would make the program interruptible: one rule for all.
    let with_fuel = Limits {
        fuel: Some(1 << 40),
        ..timeout
    };
    let cases = [
        (timeout, "timeoutMs"),
        (cpu, "cpuMs"),
        (with_fuel, "timeoutMs"),
    ];
    for name in ["hello", "component-hello"] {
        let program = load(runtime(), name);
        for (limit, option) in cases {
            let refused = block_on(runtime().run(&program, limits(limit)));
            let error = refused.expect_err("no time limits");
            assert_eq!(error.code(), ErrorCode::InvalidOption);
            let expected = format!(
                "`limits.{option}` needs a program that can be interrupted, but {name:?} was loaded \
                 with `interruptible: false`; load it without that option to limit its time"
            );
            assert_eq!(error.message(), expected);
        }
        let outcome = block_on(runtime().run(&program, RunOptions::default()));
        assert_eq!(outcome.expect("an outcome").stdout(), "hello\n");
    }
}

#[test]
fn a_program_that_cannot_start_says_why() {
    let program = load(runtime(), "unresolved-import");
    let refused = block_on(runtime().run(&program, RunOptions::default()));
    let expected = fault("unresolved-import");
    assert_eq!(
        refused.expect_err("it ran").to_string(),
        expected.to_string()
    );
}

#[test]
fn fuel_is_counted_as_ever_and_ends_a_loop() {
    let fuel = |fuel| Limits {
        fuel: Some(fuel),
        ..Limits::default()
    };
    for name in ["loop", "component-loop", "component-p3-loop"] {
        let outcome = run_uninterruptible(name, limits(fuel(1_000_000)));
        assert_eq!(outcome.ending, Ending::Limit(LimitKind::Fuel), "{name}");
        assert_eq!(outcome.usage.fuel, Some(1_000_000), "{name}");
    }
    let rounds = || RunOptions {
        limits: fuel(1 << 40),
        ..args(&["1"])
    };
    let expected = run("loop-argv", rounds()).usage.fuel;
    assert!(expected.is_some());
    let outcome = run_uninterruptible("loop-argv", rounds());
    assert_eq!(outcome.usage.fuel, expected);
}

#[test]
fn fuel_ahead_of_time_goes_with_it() {
    let options = LoadOptions {
        interruptible: false,
        fuel: true,
        ..LoadOptions::named("hello")
    };
    let program = runtime().load(source("hello"), options).expect("a program");
    for fuel in [None, Some(1 << 40)] {
        let limit = Limits {
            fuel,
            ..Limits::default()
        };
        let outcome = block_on(runtime().run(&program, limits(limit))).expect("an outcome");
        assert_eq!(outcome.stdout(), "hello\n");
        assert_eq!(outcome.usage.fuel.is_some(), fuel.is_some());
    }
}

#[test]
fn a_run_with_fuel_can_be_aborted() {
    let fuel = Limits {
        fuel: Some(u64::MAX),
        ..Limits::default()
    };
    let run = start_ready(runtime(), "signal-then-loop", limits(fuel));
    assert!(run.control.stop(Cause::Abort));
    assert_eq!(run.outcome().ending, Ending::Abort);
}

#[test]
fn both_ways_of_a_program_are_loaded_side_by_side() {
    let runtime = runtime();
    let one = load_in(runtime, "hello");
    let other = load(runtime, "hello");
    assert!(!Arc::ptr_eq(&one, &other));
    assert!(Arc::ptr_eq(&one, &load_in(runtime, "hello")));
    assert!(Arc::ptr_eq(&other, &load(runtime, "hello")));
}

#[test]
fn an_abort_ends_a_sleep_and_keeps_its_output() {
    let run = start_ready(runtime(), "signal-then-sleep", RunOptions::default());
    assert!(run.control.stop(Cause::Abort));
    let outcome = run.outcome();
    assert_eq!(
        (outcome.ending.clone(), outcome.stdout()),
        (Ending::Abort, "before\n")
    );
}

#[test]
fn an_abort_ends_a_wait_for_stdin() {
    let (ask, asked) = std::sync::mpsc::channel();
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
fn an_abort_while_it_computes_is_its_ending_later() {
    let mut run = start_long(runtime());
    assert!(run.control.stop(Cause::Abort));
    runtime().sweep();
    assert!(run.is_going_on());
    let outcome = run.outcome();
    // The guest went on to its end.
    assert_eq!(
        (outcome.ending.clone(), outcome.stdout()),
        (Ending::Abort, "done\n")
    );
}

#[test]
fn the_scheduler_goes_on_beside_it() {
    // One thread: other runs end or are stopped meanwhile, although the guest never yields.
    let runtime = single_threaded();
    let mut long = start_long(&runtime);
    let outcome = run_in(&runtime, "hello", RunOptions::default());
    assert_eq!(outcome.stdout(), "hello\n");
    let timeout = Limits {
        timeout: Some(Duration::from_millis(20)),
        ..Limits::default()
    };
    for name in ["loop", "sleep-hour"] {
        let outcome = run_in(&runtime, name, limits(timeout));
        assert_eq!(outcome.ending, Ending::Limit(LimitKind::Timeout), "{name}");
    }
    assert!(long.is_going_on());
    assert_eq!(long.outcome().stdout(), "done\n");
}

#[test]
fn as_many_compute_at_a_time_as_there_are_threads() {
    let runtime = single_threaded();
    let mut first = start_long(&runtime);
    // This run waits for its turn, and can be aborted meanwhile.
    let second = start(&runtime, "hello", RunOptions::default());
    let third = start(&runtime, "hello", RunOptions::default());
    run_in(&runtime, "return", RunOptions::default());
    assert!(second.control.stop(Cause::Abort));
    let outcome = second.outcome();
    assert_eq!(
        (outcome.ending.clone(), outcome.stdout()),
        (Ending::Abort, "")
    );
    assert_eq!(outcome.usage.wall, Duration::ZERO, "it never started");
    assert!(first.is_going_on());
    assert_eq!(first.outcome().stdout(), "done\n");
    assert_eq!(third.outcome().stdout(), "hello\n");
}

#[test]
fn sleeping_ones_take_no_turns() {
    let runtime = single_threaded();
    let hour = || start(&runtime, "sleep-hour", RunOptions::default());
    let sleeping: Vec<_> = (0..10).map(|_| hour()).collect();
    let program = load(&runtime, "hello");
    let outcome = block_on(runtime.run(&program, RunOptions::default()));
    assert_eq!(outcome.expect("an outcome").stdout(), "hello\n");
    block_on(runtime.close());
    for run in sleeping {
        assert_eq!(run.outcome().ending, Ending::Abort);
    }
}

#[test]
fn thousands_of_them_end() {
    let options = RuntimeOptions {
        max_concurrent_runs: 100,
        ..options()
    };
    let runtime = Runtime::new(options).expect("a runtime");
    let programs = ["hello", "component-hello"].map(|name| load(&runtime, name));
    let runs: Vec<_> = (0..2_000)
        .map(|i| start_program(&runtime, &programs[i % 2], RunOptions::default()))
        .collect();
    for run in runs {
        assert_eq!(run.outcome().stdout(), "hello\n");
    }
}

#[test]
fn closing_waits_for_its_end() {
    let runtime = single_threaded();
    let run = start_long(&runtime);
    block_on(runtime.close());
    assert_eq!(runtime.stats().counts.running, 0);
    assert_eq!(run.outcome().ending, Ending::Abort);
}
