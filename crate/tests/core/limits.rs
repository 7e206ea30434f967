use crate::host::{Text, args, limits, one_second, run, run_plain};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;
use wasiexec::{Ending, Input, InputPipe, LimitKind, Limits, RunOptions};

const TIMEOUT: Ending = Ending::Limit(LimitKind::Timeout);
const FUEL: Ending = Ending::Limit(LimitKind::Fuel);

fn fuel(fuel: u64) -> Limits {
    Limits {
        fuel: Some(fuel),
        ..Limits::default()
    }
}

#[test]
fn a_loop_ends_at_its_timeout() {
    let outcome = run("loop", limits(one_second()));
    assert_eq!(outcome.ending, TIMEOUT);
    assert!(outcome.usage.wall >= Duration::from_secs(1), "{outcome:?}");
}

#[test]
fn output_before_a_timeout_is_kept() {
    let outcome = run("print-then-loop", limits(one_second()));
    assert_eq!(
        (outcome.ending.clone(), outcome.stdout()),
        (TIMEOUT, "before\n")
    );
}

#[test]
fn a_sleep_in_the_host_ends_at_the_timeout() {
    let outcome = run("sleep-hour", limits(one_second()));
    assert_eq!(
        (outcome.ending.clone(), outcome.stdout()),
        (TIMEOUT, "sleeping\n")
    );
    assert!(
        outcome.usage.wall < Duration::from_secs(3600),
        "{outcome:?}"
    );
}

#[test]
fn a_wait_for_stdin_ends_at_the_timeout() {
    let asked = Arc::new(AtomicUsize::new(0));
    let counter = asked.clone();
    let pipe = InputPipe::new(false, move || {
        counter.fetch_add(1, Ordering::SeqCst);
    });
    let options = RunOptions {
        stdin: Input::Pipe(pipe),
        ..limits(one_second())
    };
    assert_eq!(run("read-stdin", options).ending, TIMEOUT);
    assert_eq!(asked.load(Ordering::SeqCst), 1);
}

#[test]
fn components_end_at_their_timeout() {
    for name in ["component-loop", "component-p3-loop"] {
        assert_eq!(run(name, limits(one_second())).ending, TIMEOUT, "{name}");
    }
}

#[test]
fn a_timeout_of_zero_ends_a_loop() {
    let timeout = Limits {
        timeout: Some(Duration::ZERO),
        ..Limits::default()
    };
    for name in ["loop", "sleep-hour"] {
        assert_eq!(run(name, limits(timeout)).ending, TIMEOUT, "{name}");
    }
}

#[test]
fn the_longest_timeout_there_is_does_no_harm() {
    let longest = Limits {
        timeout: Some(Duration::MAX),
        cpu: Some(Duration::MAX),
        ..Limits::default()
    };
    let options = RunOptions {
        args: ["1".into()].into(),
        ..limits(longest)
    };
    assert_eq!(run("sleep-argv", options).stdout(), "slept\n");
}

#[test]
fn a_loop_ends_at_its_cpu_limit() {
    let cpu = Duration::from_millis(100);
    let limit = Limits {
        cpu: Some(cpu),
        ..Limits::default()
    };
    for name in ["loop", "component-loop", "component-p3-loop"] {
        let outcome = run(name, limits(limit));
        assert_eq!(outcome.ending, Ending::Limit(LimitKind::Cpu), "{name}");
        assert!(outcome.usage.cpu >= cpu, "{outcome:?}");
    }
}

#[test]
fn sleeping_costs_no_cpu_time() {
    let limit = Limits {
        cpu: Some(Duration::from_millis(100)),
        ..Limits::default()
    };
    let options = RunOptions {
        limits: limit,
        ..args(&["300"])
    };
    let outcome = run("sleep-argv", options);
    assert_eq!(
        (outcome.exit_code(), outcome.stdout()),
        (Some(0), "slept\n")
    );
    assert!(
        outcome.usage.wall >= Duration::from_millis(300),
        "{outcome:?}"
    );
    assert!(
        outcome.usage.cpu < Duration::from_millis(100),
        "{outcome:?}"
    );
}

#[test]
fn fuel_is_counted_alike_in_every_run() {
    let rounds = |limit| RunOptions {
        limits: fuel(limit),
        ..args(&["1"])
    };
    let first = run("loop-argv", rounds(1 << 40));
    assert_eq!((first.exit_code(), first.stdout()), (Some(0), "done\n"));
    let used = first.usage.fuel.expect("counted fuel");
    assert!(used > 1_000_000, "a million rounds took {used}");
    for limit in [1 << 40, 1 << 41, u64::MAX] {
        assert_eq!(
            run("loop-argv", rounds(limit)).usage.fuel,
            Some(used),
            "{limit}"
        );
    }
}

#[test]
fn fuel_is_exact_to_the_last_unit() {
    for (name, arguments) in [("loop-argv", &["1"][..]), ("component-hello", &[])] {
        let with = |limit| RunOptions {
            limits: fuel(limit),
            ..args(arguments)
        };
        let used = run(name, with(1 << 40)).usage.fuel.expect("counted fuel");
        let enough = run(name, with(used));
        assert_eq!(enough.exit_code(), Some(0), "{name} with {used}");
        assert_eq!(enough.usage.fuel, Some(used), "{name}");
        let short = run(name, with(used - 1));
        assert_eq!(short.ending, FUEL, "{name} with one less than {used}");
        assert_eq!(short.usage.fuel, Some(used - 1), "{name}");
    }
}

#[test]
fn a_loop_ends_when_its_fuel_is_gone() {
    for name in ["loop", "component-loop", "component-p3-loop"] {
        let outcome = run(name, limits(fuel(1_000_000)));
        assert_eq!(outcome.ending, FUEL, "{name}");
        assert_eq!(outcome.usage.fuel, Some(1_000_000), "{name}");
    }
}

#[test]
fn output_before_the_fuel_is_gone_is_kept() {
    let outcome = run("print-then-loop", limits(fuel(1_000_000)));
    assert_eq!(
        (outcome.ending.clone(), outcome.stdout()),
        (FUEL, "before\n")
    );
}

#[test]
fn no_fuel_at_all_ends_the_run_before_it_prints() {
    let outcome = run("hello", limits(fuel(0)));
    assert_eq!((outcome.ending.clone(), outcome.stdout()), (FUEL, ""));
    assert_eq!(outcome.usage.fuel, Some(0));
}

#[test]
fn fuel_is_not_counted_without_a_limit() {
    assert_eq!(run_plain("hello").usage.fuel, None);
    assert_eq!(run_plain("component-hello").usage.fuel, None);
}
