use crate::host::{Text, args, limits, run, run_plain};
use wasiexec::{Ending, LimitKind, Limits, OnMemory, RunOptions};

const PAGE: u64 = 65_536;
const MEMORY: Ending = Ending::Limit(LimitKind::Memory);

fn cap(bytes: u64) -> Limits {
    Limits {
        memory_bytes: bytes,
        ..Limits::default()
    }
}

fn stop_at(bytes: u64) -> Limits {
    Limits {
        on_memory: OnMemory::Stop,
        ..cap(bytes)
    }
}

#[test]
fn growing_beyond_the_cap_is_denied() {
    let outcome = run("grow-until-denied", limits(cap(10 * PAGE)));
    assert_eq!((outcome.exit_code(), outcome.stdout()), (Some(0), "10\n"));
    assert_eq!(outcome.usage.memory_peak, 10 * PAGE);
    assert!(outcome.usage.memory_denied);
}

#[test]
fn a_cap_between_two_pages_denies_the_page_that_does_not_fit() {
    let outcome = run("grow-until-denied", limits(cap(10 * PAGE - 1)));
    assert_eq!(outcome.stdout(), "9\n");
    assert_eq!(outcome.usage.memory_peak, 9 * PAGE);
}

#[test]
fn a_growth_in_a_start_function_is_denied_like_any_other() {
    let outcome = run("grow-in-start-function", limits(cap(10 * PAGE)));
    assert_eq!(outcome.exit_code(), Some(1), "{outcome:?}");
    let outcome = run("grow-in-start-function", limits(stop_at(10 * PAGE)));
    assert_eq!(outcome.ending, MEMORY);
    assert_eq!(run_plain("grow-in-start-function").exit_code(), Some(0));
}

#[test]
fn a_denied_growth_takes_nothing() {
    let with = |pages| RunOptions {
        limits: cap(10 * PAGE),
        ..args(&[pages])
    };
    let denied = run("grow-argv", with("10"));
    assert_eq!((denied.exit_code(), denied.stdout()), (Some(0), "-1\n"));
    assert_eq!(denied.usage.memory_peak, PAGE);
    assert!(denied.usage.memory_denied);
    let granted = run("grow-argv", with("9"));
    assert_eq!((granted.exit_code(), granted.stdout()), (Some(0), "1\n"));
    assert_eq!(granted.usage.memory_peak, 10 * PAGE);
    assert!(!granted.usage.memory_denied);
}

#[test]
fn the_default_cap_is_4_gib() {
    let outcome = run_plain("grow-until-denied");
    assert_eq!(
        (outcome.exit_code(), outcome.stdout()),
        (Some(0), "65536\n")
    );
    assert_eq!(outcome.usage.memory_peak, 4 << 30);
    assert!(outcome.usage.memory_denied);
}

#[test]
fn the_cap_is_for_all_memories_together() {
    let outcome = run("grow-two-memories", limits(cap(10 * PAGE)));
    assert_eq!((outcome.exit_code(), outcome.stdout()), (Some(0), "10\n"));
    assert_eq!(outcome.usage.memory_peak, 10 * PAGE);
    assert!(outcome.usage.memory_denied);
}

#[test]
fn an_element_of_a_table_counts_as_eight_bytes() {
    let peak = PAGE + 8 * 5_000;
    for spare in [0, 7_999] {
        let outcome = run("grow-table", limits(cap(peak + spare)));
        assert_eq!((outcome.exit_code(), outcome.stdout()), (Some(0), "5000\n"));
        assert_eq!(outcome.usage.memory_peak, peak);
        assert!(outcome.usage.memory_denied);
    }
}

#[test]
fn growing_beyond_the_cap_ends_the_run_where_that_was_asked_for() {
    for name in ["grow-until-denied", "grow-two-memories"] {
        let outcome = run(name, limits(stop_at(10 * PAGE)));
        assert_eq!(
            (outcome.ending.clone(), outcome.stdout()),
            (MEMORY, ""),
            "{name}"
        );
        assert_eq!(outcome.usage.memory_peak, 10 * PAGE, "{name}");
        assert!(outcome.usage.memory_denied, "{name}");
    }
    let outcome = run("grow-table", limits(stop_at(PAGE + 8 * 5_000)));
    assert_eq!((outcome.ending.clone(), outcome.stdout()), (MEMORY, ""));
}

#[test]
fn a_run_that_stays_below_the_cap_is_not_ended() {
    let options = RunOptions {
        limits: stop_at(10 * PAGE),
        ..args(&["9"])
    };
    let outcome = run("grow-argv", options);
    assert_eq!((outcome.exit_code(), outcome.stdout()), (Some(0), "1\n"));
    assert!(!outcome.usage.memory_denied);
}

#[test]
fn a_memory_that_starts_above_the_cap_ends_the_run() {
    let minimum = 1024 * PAGE;
    for over in [cap(minimum - 1), stop_at(minimum - 1)] {
        let outcome = run("big-minimum", limits(over));
        assert_eq!(outcome.ending, MEMORY);
        assert_eq!(outcome.usage.memory_peak, 0);
        assert!(outcome.usage.memory_denied);
    }
    let outcome = run("big-minimum", limits(cap(minimum)));
    assert_eq!(outcome.exit_code(), Some(0));
    assert_eq!(outcome.usage.memory_peak, minimum);
    assert!(!outcome.usage.memory_denied);
}

#[test]
fn minimums_count_together() {
    assert_eq!(
        run("two-memories", limits(cap(5 * PAGE))).exit_code(),
        Some(0)
    );
    assert_eq!(
        run("two-memories", limits(cap(5 * PAGE - 1))).ending,
        MEMORY
    );
    let elements = 8 * 2_000_000;
    assert_eq!(run("big-table", limits(cap(elements))).exit_code(), Some(0));
    assert_eq!(run("big-table", limits(cap(elements - 1))).ending, MEMORY);
}

#[test]
fn growing_beyond_a_memorys_own_maximum_takes_nothing_off_the_cap() {
    for limit in [cap(3 * PAGE), stop_at(6 * PAGE)] {
        let outcome = run("grow-past-maximum", limits(limit));
        assert_eq!(outcome.exit_code(), Some(0));
        assert_eq!(outcome.usage.memory_peak, 3 * PAGE);
        assert!(outcome.usage.memory_denied);
    }
}

#[test]
fn memories_of_64_bits_count() {
    let outcome = run_plain("memory64");
    assert_eq!((outcome.exit_code(), outcome.stdout()), (Some(0), "3\n"));
    assert_eq!(outcome.usage.memory_peak, 4 * PAGE);
    assert!(!outcome.usage.memory_denied);
    let outcome = run("memory64", limits(stop_at(4 * PAGE - 1)));
    assert_eq!(outcome.ending, MEMORY);
}

#[test]
fn a_run_without_memory_has_a_peak_of_zero() {
    let outcome = run_plain("return");
    assert_eq!(
        (outcome.usage.memory_peak, outcome.usage.memory_denied),
        (0, false)
    );
}

#[test]
fn one_runs_memory_is_gone_for_the_next() {
    for _ in 0..3 {
        let outcome = run("grow-until-denied", limits(cap(100 * PAGE)));
        assert_eq!(
            (outcome.stdout(), outcome.usage.memory_peak),
            ("100\n", 100 * PAGE)
        );
    }
}
