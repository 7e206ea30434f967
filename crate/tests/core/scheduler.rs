use crate::host::{
    PATIENCE, Started, Text, args, block_on, channel_output, limits, load_in, options, run_in,
    single_threaded, start,
};
use std::process::Command;
use std::sync::Arc;
use std::time::{Duration, Instant};
use wasiexec::{
    Allocation, CallControl, Ending, ErrorCode, LimitKind, Limits, LoadOptions, RunOptions,
    Runtime, RuntimeOptions, TrapCode,
};

fn runtime(max_concurrent_runs: usize) -> Runtime {
    let options = RuntimeOptions {
        max_concurrent_runs,
        ..options()
    };
    Runtime::new(options).expect("a runtime")
}

/// Starts a guest that sleeps for an hour. Returns when the guest has printed that it is about to.
fn start_sleeper(runtime: &Runtime) -> Started {
    let (_, stderr, said) = channel_output(false);
    let options = RunOptions {
        stderr,
        ..RunOptions::default()
    };
    let started = start(runtime, "signal-then-sleep", options);
    assert_eq!(
        &said.recv_timeout(PATIENCE).expect("a sign of life")[..],
        b"ready\n"
    );
    started
}

#[test]
fn a_thousand_sleepers_and_a_loop_share_two_threads() {
    let runtime = runtime(1024);
    let program = load_in(&runtime, "sleep-argv");
    let timeout = Limits {
        timeout: Some(Duration::from_millis(300)),
        ..Limits::default()
    };
    let looping = start(&runtime, "loop", limits(timeout));
    let begin = Instant::now();
    let sleeping: Vec<_> = (0..1_000)
        .map(|_| runtime.start(&program, args(&["200"]), Arc::<CallControl>::default()))
        .collect();
    for outcome in sleeping {
        let outcome = block_on(outcome).expect("an answer").expect("an outcome");
        assert_eq!(
            (outcome.exit_code(), outcome.stdout()),
            (Some(0), "slept\n")
        );
        assert!(outcome.usage.wall >= Duration::from_millis(200));
    }
    // Two at a time would take 100 seconds.
    assert!(
        begin.elapsed() < Duration::from_secs(30),
        "{:?}",
        begin.elapsed()
    );
    assert_eq!(looping.outcome().ending, Ending::Limit(LimitKind::Timeout));
    assert_eq!(runtime.stats().allocation, Allocation::Pooling);
}

#[test]
fn loops_on_every_thread_do_not_keep_others_from_running() {
    let runtime = runtime(1024);
    let looping: Vec<_> = (0..4)
        .map(|_| start(&runtime, "loop", RunOptions::default()))
        .collect();
    for _ in 0..10 {
        assert_eq!(
            run_in(&runtime, "hello", RunOptions::default()).stdout(),
            "hello\n"
        );
    }
    for run in &looping {
        assert!(run.control.stop(wasiexec::Cause::Abort));
    }
    for run in looping {
        assert_eq!(run.outcome().ending, Ending::Abort);
    }
}

#[test]
fn more_runs_than_slots_wait_for_their_turn() {
    let runtime = runtime(2);
    for (name, arguments, printed) in [("sleep-argv", "5", "slept\n"), ("hello", "", "hello\n")] {
        let runs: Vec<_> = (0..50)
            .map(|_| start(&runtime, name, args(&[arguments])))
            .collect();
        for run in runs {
            let outcome = run.outcome();
            assert_eq!((outcome.exit_code(), outcome.stdout()), (Some(0), printed));
        }
    }
    // A run is counted right after its outcome is delivered.
    block_on(runtime.close());
    assert_eq!(runtime.stats().counts.finished, 100);
}

#[test]
fn the_wait_for_a_slot_does_not_count_for_the_timeout() {
    let runtime = runtime(1);
    let first = start(&runtime, "sleep-argv", args(&["1500"]));
    let timeout = Limits {
        timeout: Some(Duration::from_secs(1)),
        ..Limits::default()
    };
    let second = start(&runtime, "hello", limits(timeout));
    let outcome = second.outcome();
    assert_eq!(
        (outcome.exit_code(), outcome.stdout()),
        (Some(0), "hello\n")
    );
    assert_eq!(first.outcome().stdout(), "slept\n");
}

#[test]
fn programs_larger_than_a_slot_run_on_demand() {
    let runtime = runtime(2);
    for (name, code) in [("two-memories", 0), ("three-tables", 9), ("big-table", 0)] {
        let runs: Vec<_> = (0..10)
            .map(|_| start(&runtime, name, RunOptions::default()))
            .collect();
        for run in runs {
            assert_eq!(run.outcome().exit_code(), Some(code), "{name}");
        }
    }
    let fueled = Limits {
        fuel: Some(1 << 30),
        ..Limits::default()
    };
    let outcome = run_in(&runtime, "three-tables", limits(fueled));
    assert_eq!(outcome.exit_code(), Some(9));
    assert_eq!(runtime.stats().allocation, Allocation::Pooling);
}

#[test]
fn programs_larger_than_a_slot_are_served_from_disk_too() {
    let folder = tempfile::tempdir().expect("a folder");
    let times: Vec<_> = (0..2)
        .map(|_| {
            let options = RuntimeOptions {
                cache: wasiexec::Cache::at(folder.path().into()),
                ..options()
            };
            let runtime = Runtime::new(options).expect("a runtime");
            let outcome = run_in(&runtime, "three-tables", RunOptions::default());
            assert_eq!(outcome.exit_code(), Some(9));
            let mut entries = std::fs::read_dir(folder.path()).expect("a folder");
            let entry = entries.next().expect("one entry").expect("an entry");
            assert!(entries.next().is_none(), "one entry");
            entry
                .metadata()
                .and_then(|entry| entry.modified())
                .expect("a time")
        })
        .collect();
    assert_eq!(times[0], times[1], "not written again");
}

#[test]
fn closing_aborts_what_runs_and_what_waits() {
    let runtime = runtime(2);
    let program = load_in(&runtime, "hello");
    let running = [start_sleeper(&runtime), start_sleeper(&runtime)];
    let waiting: Vec<_> = (0..5)
        .map(|_| start(&runtime, "hello", RunOptions::default()))
        .collect();
    block_on(runtime.close());
    let counts = runtime.stats().counts;
    assert_eq!((counts.queued, counts.running, counts.finished), (0, 0, 7));
    for run in running {
        let outcome = run.outcome();
        assert_eq!(
            (outcome.ending.clone(), outcome.stdout()),
            (Ending::Abort, "before\n")
        );
    }
    for run in waiting {
        let outcome = run.outcome();
        assert_eq!(
            (outcome.ending.clone(), outcome.stdout()),
            (Ending::Abort, "")
        );
    }
    let refused = block_on(runtime.run(&program, RunOptions::default()));
    assert_eq!(
        refused.expect_err("a host fault").code(),
        ErrorCode::RuntimeClosed
    );
    let refused = runtime.load(b"(module)", LoadOptions::named("late"));
    let refused = refused.map(|_| ()).expect_err("a host fault");
    assert_eq!(refused.code(), ErrorCode::RuntimeClosed);
    // Closing twice has no further effect.
    block_on(runtime.close());
}

#[test]
fn closing_an_idle_runtime_ends_at_once() {
    let runtime = runtime(2);
    block_on(runtime.close());
    let counts = runtime.stats().counts;
    assert_eq!((counts.queued, counts.running, counts.finished), (0, 0, 0));
}

#[test]
fn closing_ends_loops() {
    let runtime = runtime(8);
    let looping: Vec<_> = (0..4)
        .map(|_| start(&runtime, "loop", RunOptions::default()))
        .collect();
    block_on(runtime.close());
    for run in looping {
        assert_eq!(run.outcome().ending, Ending::Abort);
    }
}

#[test]
fn stats_count_what_waits_runs_and_has_ended() {
    let runtime = runtime(2);
    let counts = || {
        let counts = runtime.stats().counts;
        (counts.queued, counts.running, counts.finished)
    };
    assert_eq!(counts(), (0, 0, 0));
    let sleepers = [start_sleeper(&runtime), start_sleeper(&runtime)];
    assert_eq!(counts(), (0, 2, 0));
    let waiting = [(); 3].map(|()| start(&runtime, "hello", RunOptions::default()));
    assert_eq!(counts(), (3, 2, 0));
    let stats = runtime.stats();
    assert_eq!(
        (stats.threads, stats.max_concurrent_runs, stats.programs),
        (2, 2, 2)
    );
    runtime.abort(|_| true);
    for run in sleepers.into_iter().chain(waiting) {
        assert_eq!(run.outcome().ending, Ending::Abort);
    }
    // A run is counted right after its outcome is delivered.
    block_on(runtime.close());
    assert_eq!(counts(), (0, 0, 5));
}

#[test]
fn stats_count_loaded_programs() {
    let runtime = runtime(2);
    assert_eq!(runtime.stats().programs, 0);
    let hello = load_in(&runtime, "hello");
    let again = load_in(&runtime, "hello");
    assert!(Arc::ptr_eq(&hello, &again), "compiled once");
    assert_eq!(runtime.stats().programs, 1);
    drop((hello, again));
    assert_eq!(runtime.stats().programs, 0);
}

#[test]
fn a_runtime_that_is_dropped_while_guests_wait_does_not_wait_for_them() {
    let runtime = single_threaded();
    let run = start_sleeper(&runtime);
    drop(runtime);
    drop(run);
}

/// Runs this same test once more in a process with little address space.
#[test]
#[cfg(all(unix, not(target_os = "macos")))]
fn a_process_without_address_space_runs_programs_on_demand() {
    const ROLE: &str = "WASIEXEC_TEST_LITTLE_ADDRESS_SPACE";
    if std::env::var_os(ROLE).is_some() {
        return little_address_space();
    }
    let this = std::env::current_exe().expect("the test's own program");
    let test = "scheduler::a_process_without_address_space_runs_programs_on_demand";
    // 4 GiB; a pool of 1,024 slots reserves 4 TiB.
    let output = Command::new("sh")
        .args(["-c", "ulimit -v 4194304 && exec \"$0\" \"$@\""])
        .arg(this)
        .args(["--exact", test, "--nocapture"])
        .env(ROLE, "1")
        .output()
        .expect("a shell");
    let stdout = String::from_utf8_lossy(&output.stdout);
    assert!(
        output.status.success() && stdout.contains("1 passed"),
        "{output:#?}"
    );
}

#[cfg(all(unix, not(target_os = "macos")))]
fn little_address_space() {
    const PAGE: u64 = 65_536;
    let runtime = runtime(1024);
    let plain = |name| run_in(&runtime, name, RunOptions::default());
    for name in ["hello", "component-hello", "component-p3-hello"] {
        let outcome = plain(name);
        assert_eq!(
            (outcome.exit_code(), outcome.stdout()),
            (Some(0), "hello\n"),
            "{name}"
        );
    }
    assert_eq!(runtime.stats().allocation, Allocation::Compact);

    let cap = Limits {
        memory_bytes: 1_000 * PAGE,
        ..Limits::default()
    };
    let outcome = run_in(&runtime, "grow-until-denied", limits(cap));
    assert_eq!((outcome.exit_code(), outcome.stdout()), (Some(0), "1000\n"));
    assert_eq!(outcome.usage.memory_peak, 1_000 * PAGE);
    // More than the machine has: denied by the machine rather than by the cap.
    let outcome = run_in(&runtime, "grow-argv", args(&["65535"]));
    assert_eq!((outcome.exit_code(), outcome.stdout()), (Some(0), "-1\n"));
    assert!(outcome.usage.memory_denied);

    for (name, code) in [
        ("trap-unreachable", TrapCode::UnreachableCodeReached),
        ("trap-out-of-bounds", TrapCode::MemoryOutOfBounds),
        ("trap-stack-overflow", TrapCode::StackOverflow),
        ("trap-divide-by-zero", TrapCode::IntegerDivisionByZero),
        ("trap-null-reference", TrapCode::NullReference),
    ] {
        match plain(name).ending {
            Ending::Trap(trap) => assert_eq!(trap.code, code, "{name}"),
            other => panic!("{name} ended as {other:?}"),
        }
    }
    for name in ["two-memories", "big-table"] {
        assert_eq!(plain(name).exit_code(), Some(0), "{name}");
    }
    let runs: Vec<_> = (0..100)
        .map(|_| start(&runtime, "sleep-argv", args(&["20"])))
        .collect();
    for run in runs {
        assert_eq!(run.outcome().stdout(), "slept\n");
    }
}
