//! Which runs get the threads when there is more to do than they can. Measured by the guests' time on a core,
//! which a loaded machine slows down for all of them alike.

use crate::host::{
    PATIENCE, Started, Text, args, idle, limits, load_in, start, start_program, wait_until,
};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};
use wasiexec::{Cause, Ending, Input, InputPipe, LimitKind, Limits, Program, RunOptions, Runtime};

const LOOPS: usize = 100;
const CALLERS: usize = 20;

/// Endless loops, all of which have begun.
fn loops(runtime: &Runtime) -> Vec<Started> {
    let loops: Vec<_> = (0..LOOPS)
        .map(|_| start(runtime, "loop", RunOptions::default()))
        .collect();
    wait_until(runtime, |_, running, _| running == LOOPS);
    loops
}

/// Aborts the loops; returns the time that they had together.
fn end(loops: Vec<Started>) -> Duration {
    for run in &loops {
        run.control.stop(Cause::Abort);
    }
    loops.into_iter().map(|run| run.outcome().usage.cpu).sum()
}

/// Runs a program over and over, `callers` at a time, while `goes_on` holds for the caller's runs.
/// Returns the number of runs, and the time that they had together.
fn call(
    runtime: &Runtime,
    program: &Arc<Program>,
    options: &RunOptions,
    goes_on: impl Fn(usize) -> bool + Sync,
) -> (usize, Duration) {
    let caller = || {
        let (mut runs, mut cpu) = (0, Duration::ZERO);
        while goes_on(runs) {
            let outcome = start_program(runtime, program, options.clone()).outcome();
            assert_eq!(outcome.exit_code(), Some(0), "{outcome:?}");
            cpu += outcome.usage.cpu;
            runs += 1;
        }
        (runs, cpu)
    };
    thread::scope(|scope| {
        let callers: Vec<_> = (0..CALLERS).map(|_| scope.spawn(caller)).collect();
        callers
            .into_iter()
            .fold((0, Duration::ZERO), |sum, caller| {
                let (runs, cpu) = caller.join().expect("a caller without a panic");
                (sum.0 + runs, sum.1 + cpu)
            })
    })
}

#[test]
fn newcomers_do_not_wait_for_a_round_of_all_loops() {
    const NEWCOMERS: u32 = 50;
    let runtime = idle();
    let program = load_in(&runtime, "return");
    let loops = loops(&runtime);
    for _ in 0..NEWCOMERS {
        let outcome = start_program(&runtime, &program, RunOptions::default()).outcome();
        assert_eq!(outcome.exit_code(), Some(0));
    }
    let each = end(loops) / NEWCOMERS;
    // One round of slices of 10 ms takes 1,000 ms.
    assert!(each < Duration::from_millis(100), "{each:?} for each");
}

#[test]
fn short_runs_beside_loops_get_a_good_part_of_the_threads() {
    let runtime = idle();
    let program = load_in(&runtime, "compute-argv");
    let loops = loops(&runtime);
    let (_, short) = call(&runtime, &program, &args(&["1000"]), |runs| runs < 20);
    let long = end(loops);
    let share = short.as_secs_f64() / (short + long).as_secs_f64();
    assert!(share > 0.2, "{share}");
}

#[test]
fn a_long_run_is_not_starved_by_short_ones() {
    let runtime = idle();
    let program = load_in(&runtime, "compute-argv");
    let cpu = Duration::from_millis(300);
    let by_cpu = Limits {
        cpu: Some(cpu),
        ..Limits::default()
    };
    let is_over = AtomicBool::new(false);
    let (_, short) = thread::scope(|scope| {
        let short = scope.spawn(|| {
            call(&runtime, &program, &args(&["1000"]), |_| {
                !is_over.load(Ordering::Relaxed)
            })
        });
        // The time before counts in favour of the short runs.
        wait_until(&runtime, |_, _, finished| finished > 0);
        let outcome = start(&runtime, "loop", limits(by_cpu)).outcome();
        is_over.store(true, Ordering::Relaxed);
        assert_eq!(outcome.ending, Ending::Limit(LimitKind::Cpu));
        short.join().expect("callers without a panic")
    });
    // Of one core; there are two.
    let share = 2.0 * cpu.as_secs_f64() / (cpu + short).as_secs_f64();
    assert!(share >= 0.2, "{share}");
}

#[test]
fn runs_of_every_length_end_beside_each_other() {
    let runtime = idle();
    let loops = loops(&runtime);
    for rounds in ["1", "100", "1000", "10000"] {
        let outcome = start(&runtime, "compute-argv", args(&[rounds])).outcome();
        assert_eq!((outcome.exit_code(), outcome.stdout()), (Some(0), "done\n"));
    }
    end(loops);
}

#[test]
fn loops_share_the_threads_among_themselves() {
    let runtime = idle();
    let cpu = Duration::from_millis(100);
    let by_cpu = Limits {
        cpu: Some(cpu),
        ..Limits::default()
    };
    let runs: Vec<_> = (0..20)
        .map(|_| start(&runtime, "loop", limits(by_cpu)))
        .collect();
    let begin = Instant::now();
    for run in runs {
        assert_eq!(run.outcome().ending, Ending::Limit(LimitKind::Cpu));
    }
    assert!(begin.elapsed() < PATIENCE);
}

/// On an otherwise idle machine, almost every run ends within this time of its limit.
const EXACT: Duration = Duration::from_millis(2);

/// Repeats until nine in ten runs end in time, which may take a while on a loaded machine. With ticks of 10 ms
/// it would take years.
fn ends_exactly(
    name: &str,
    limit: Duration,
    options: &RunOptions,
    used: fn(&wasiexec::Usage) -> Duration,
) {
    let runtime = idle();
    let program = load_in(&runtime, name);
    let begin = Instant::now();
    loop {
        let over: Vec<_> = (0..20)
            .map(|_| {
                let outcome = start_program(&runtime, &program, options.clone()).outcome();
                assert!(matches!(outcome.ending, Ending::Limit(_)), "{outcome:?}");
                let used = used(&outcome.usage);
                assert!(used >= limit, "{name} ended after {used:?} of {limit:?}");
                used - limit
            })
            .collect();
        if over.iter().filter(|over| **over <= EXACT).count() >= 18 {
            return;
        }
        assert!(begin.elapsed() < PATIENCE, "{name}, {limit:?}: {over:?}");
    }
}

#[test]
fn a_timeout_is_exact_whatever_the_guest_does() {
    for name in ["loop", "sleep-hour", "read-stdin", "component-loop"] {
        for millis in [3, 15] {
            let limit = Duration::from_millis(millis);
            let options = RunOptions {
                stdin: Input::Pipe(InputPipe::new(false, || {})),
                ..limits(Limits {
                    timeout: Some(limit),
                    ..Limits::default()
                })
            };
            ends_exactly(name, limit, &options, |usage| usage.wall);
        }
    }
}

#[test]
fn a_limit_on_cpu_time_is_exact() {
    for name in ["loop", "component-loop"] {
        for millis in [3, 15] {
            let limit = Duration::from_millis(millis);
            let options = limits(Limits {
                cpu: Some(limit),
                ..Limits::default()
            });
            ends_exactly(name, limit, &options, |usage| usage.cpu);
        }
    }
}
