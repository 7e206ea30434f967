use crate::host::{
    PATIENCE, Text, args, block_on, channel_output, idle, limits, load, load_in, one_second,
    options, runtime, source, start, wait_until,
};
use bytes::Bytes;
use std::mem;
use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::sync::{Arc, Barrier, Mutex};
use std::thread;
use std::time::{Duration, Instant};
use wasiexec::{
    CallControl, Cause, Clock, Ending, ErrorCode, Input, InputPipe, LimitKind, Limits, LoadOptions,
    LoadRequest, OnMemory, OnOutput, Outcome, Output, OutputPipe, PendingRun, Port, ProgramSource,
    Result, RunOptions, Runtime, RuntimeOptions, TrapCode,
};

fn run_sync(name: &str, options: RunOptions) -> Outcome {
    let outcome = runtime().run_sync(&load(name), options);
    outcome.expect("an outcome")
}

fn timeout(milliseconds: u64) -> Limits {
    Limits {
        timeout: Some(Duration::from_millis(milliseconds)),
        ..Limits::default()
    }
}

/// Everything about a run that is the same in equal runs.
fn observed(result: Result<Outcome>) -> String {
    match result {
        Ok(outcome) => {
            let Outcome {
                ending,
                stdout,
                stderr,
                files,
                usage,
            } = outcome;
            assert_eq!(files, None);
            let usage = (usage.fuel, usage.memory_peak, usage.memory_denied);
            format!("{ending:?} {stdout:?} {stderr:?} {usage:?}")
        }
        Err(error) => error.to_string(),
    }
}

/// The names of all guests that are modules or components.
fn guests() -> Vec<String> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/guests");
    let files = std::fs::read_dir(folder).expect("a folder");
    let paths = files.map(|file| file.expect("a file").path());
    let guests = paths.filter(|path| path.extension().is_some_and(|end| end == "wat"));
    let mut names: Vec<_> = guests
        .map(|path| path.file_stem().expect("a name").to_string_lossy().into())
        .collect();
    names.sort_unstable();
    names
}

#[test]
fn every_guest_ends_as_on_the_threads_of_the_runtime() {
    let names = guests();
    assert!(names.len() > 80, "{names:?}");
    let mut compared = 0;
    for name in &names {
        let options = || RunOptions {
            args: ["7".to_owned()].into(),
            stdin: Input::Bytes(Bytes::from_static(b"some input\n")),
            random_seed: Some(1),
            clock: Clock::Fixed(Duration::ZERO),
            limits: Limits {
                // Guests that compute end by fuel, which is the same each time; guests that wait, by timeout.
                fuel: Some(2_000_000),
                timeout: name.contains("sleep").then_some(Duration::from_millis(100)),
                ..Limits::default()
            },
            ..RunOptions::default()
        };
        let Ok(program) = runtime().load(source(name), LoadOptions::named(name.clone())) else {
            continue;
        };
        let here = runtime().run_sync(&program, options());
        let there = block_on(runtime().run(&program, options()));
        assert_eq!(observed(here), observed(there), "{name}");
        compared += 1;
    }
    assert!(compared > 75, "{compared}");
}

#[test]
fn every_limit_ends_a_run() {
    let cpu = Limits {
        cpu: Some(Duration::from_millis(30)),
        ..Limits::default()
    };
    let fuel = Limits {
        fuel: Some(100_000),
        ..Limits::default()
    };
    let memory = Limits {
        memory_bytes: 65_536,
        on_memory: OnMemory::Stop,
        ..Limits::default()
    };
    let output = Limits {
        output_bytes: Some(4),
        on_output: OnOutput::Stop,
        ..Limits::default()
    };
    let cases = [
        ("print-then-loop", timeout(50), LimitKind::Timeout),
        ("sleep-hour", timeout(50), LimitKind::Timeout),
        ("component-loop", timeout(50), LimitKind::Timeout),
        ("component-p3-loop", timeout(50), LimitKind::Timeout),
        ("print-then-loop", cpu, LimitKind::Cpu),
        ("component-loop", cpu, LimitKind::Cpu),
        ("component-p3-loop", cpu, LimitKind::Cpu),
        ("print-then-loop", fuel, LimitKind::Fuel),
        ("component-p3-loop", fuel, LimitKind::Fuel),
        ("grow-until-denied", memory, LimitKind::Memory),
        ("flood", output, LimitKind::Output),
    ];
    for (name, limit, expected) in cases {
        let outcome = run_sync(name, limits(limit));
        assert_eq!(outcome.ending, Ending::Limit(expected), "{name}");
        let printed = match name {
            "print-then-loop" => "before\n",
            "sleep-hour" => "sleeping\n",
            "flood" => "0123",
            _ => "",
        };
        assert_eq!(outcome.stdout(), printed, "{name}");
    }
}

#[test]
fn waits_of_every_kind_end_by_themselves_and_at_the_timeout() {
    // A guest that sleeps.
    let outcome = run_sync("sleep-argv", args(&["30"]));
    assert_eq!(outcome.stdout(), "slept\n");
    assert!(outcome.usage.wall >= Duration::from_millis(30));

    // Stdin that comes from another thread, or never.
    let (sender, asked) = std::sync::mpsc::channel();
    let pipe = InputPipe::new(false, move || {
        let _ = sender.send(());
    });
    let feeding = pipe.clone();
    let feeder = thread::spawn(move || {
        for chunk in ["one ", "two "] {
            asked.recv_timeout(PATIENCE).expect("a question");
            feeding.push(Bytes::from_static(chunk.as_bytes()));
        }
        asked.recv_timeout(PATIENCE).expect("a question");
        feeding.end();
    });
    let fed = RunOptions {
        stdin: Input::Pipe(pipe),
        ..RunOptions::default()
    };
    assert_eq!(run_sync("cat", fed).stdout(), "one two ");
    feeder.join().expect("a feeder");
    let starved = RunOptions {
        stdin: Input::Pipe(InputPipe::new(false, || {})),
        ..limits(timeout(50))
    };
    let outcome = run_sync("read-stdin", starved);
    assert_eq!(outcome.ending, Ending::Limit(LimitKind::Timeout));

    // Output that no reader takes.
    let (_pipe, stdout, chunks) = channel_output(false);
    let full = RunOptions {
        stdout,
        ..limits(timeout(50))
    };
    let outcome = run_sync("flood", full);
    assert_eq!(outcome.ending, Ending::Limit(LimitKind::Timeout));
    assert_eq!(chunks.try_iter().map(|c| c.len()).sum::<usize>(), 65_536);
}

#[test]
fn files_are_read_and_written() {
    let folder = tempfile::tempdir().expect("a folder");
    let preopen = wasiexec::Preopen {
        guest_path: "/".into(),
        host_path: folder.path().into(),
        write: true,
    };
    let granted = || RunOptions {
        preopens: [preopen.clone()].into(),
        ..RunOptions::default()
    };
    for name in ["write-file", "read-file", "append-file"] {
        let here = run_sync(name, granted());
        let there = block_on(runtime().run(&load(name), granted())).expect("an outcome");
        assert_eq!(here.ending, there.ending, "{name}");
        assert_eq!(here.stderr(), there.stderr(), "{name}");
    }
    let mut missing = granted();
    missing.preopens = [wasiexec::Preopen {
        host_path: folder.path().join("missing"),
        ..preopen
    }]
    .into();
    let refused = runtime().run_sync(&load("hello"), missing);
    assert_eq!(refused.expect_err("it ran").code(), ErrorCode::Preopen);
}

#[test]
fn only_the_guests_time_counts() {
    let begin = Instant::now();
    let mut sum = 0_u64;
    while begin.elapsed() < Duration::from_millis(300) {
        sum = std::hint::black_box(sum + 1);
    }
    let limit = Limits {
        cpu: Some(Duration::from_millis(200)),
        ..Limits::default()
    };
    let outcome = run_sync("hello", limits(limit));
    assert_eq!(outcome.ending, Ending::Exit { code: 0 });
    assert!(outcome.usage.cpu < Duration::from_millis(200));
    // Longer than the error that one poll may cause.
    let outcome = run_sync("sleep-argv", args(&["300"]));
    assert!(outcome.usage.cpu < Duration::from_millis(200));
    let outcome = run_sync("loop", limits(limit));
    assert_eq!(outcome.ending, Ending::Limit(LimitKind::Cpu));
    let usage = outcome.usage;
    assert!(usage.cpu >= Duration::from_millis(200) && usage.cpu <= usage.wall * 2);
}

#[test]
fn many_threads_at_once_and_the_runtimes_own() {
    let barrier = Arc::new(Barrier::new(6));
    let codes = (0..6_u32).map(|number| {
        let barrier = barrier.clone();
        thread::spawn(move || {
            barrier.wait();
            for round in 0..100 {
                let code = number * 1000 + round;
                let outcome = run_sync("exit-argv", args(&[&code.to_string()]));
                assert_eq!(outcome.ending, Ending::Exit { code });
                if round % 20 == 0 {
                    let outcome = run_sync("trap-out-of-bounds", RunOptions::default());
                    let Ending::Trap(trap) = outcome.ending else {
                        panic!("{outcome:?}")
                    };
                    assert_eq!(trap.code, TrapCode::MemoryOutOfBounds);
                    let outcome = run_sync("trap-stack-overflow", RunOptions::default());
                    assert!(matches!(outcome.ending, Ending::Trap(_)), "{outcome:?}");
                    let outcome = run_sync("loop", limits(timeout(5)));
                    assert_eq!(outcome.ending, Ending::Limit(LimitKind::Timeout));
                }
            }
        })
    });
    let threads: Vec<_> = codes.collect();
    for code in 0..200 {
        let started = start(runtime(), "exit-argv", args(&[&code.to_string()]));
        assert_eq!(started.outcome().exit_code(), Some(code));
    }
    for thread in threads {
        thread.join().expect("no panic");
    }
}

#[test]
fn two_runtimes_take_turns_on_one_thread() {
    let other = idle();
    let programs = [(runtime(), load("loop")), (&other, load_in(&other, "loop"))];
    for _ in 0..5 {
        for (runtime, program) in &programs {
            let outcome = runtime.run_sync(program, limits(timeout(5)));
            let ending = outcome.expect("an outcome").ending;
            assert_eq!(ending, Ending::Limit(LimitKind::Timeout));
        }
    }
}

#[test]
fn a_runtime_whose_threads_are_all_busy_is_no_obstacle() {
    let runtime = idle();
    let looping: Vec<_> = (0..4)
        .map(|_| start(&runtime, "loop", RunOptions::default()))
        .collect();
    wait_until(&runtime, |queued, running, _| (queued, running) == (0, 4));
    let hello = load_in(&runtime, "hello");
    for _ in 0..100 {
        let outcome = runtime.run_sync(&hello, RunOptions::default());
        assert_eq!(outcome.expect("an outcome").stdout(), "hello\n");
    }
    assert_eq!(runtime.stats().counts.finished, 100);
    looping.iter().for_each(|run| {
        run.control.stop(Cause::Abort);
    });
    looping
        .into_iter()
        .for_each(|run| assert_eq!(run.outcome().ending, Ending::Abort));
}

/// The result of a host call in which a guest starts a run of `inner` and waits for it.
fn asked_inside(inner: &'static Runtime, way: fn(&Runtime, RunOptions) -> Outcome) -> Vec<String> {
    let hello = load_in(inner, "hello");
    let answers = Arc::new(Mutex::new(Vec::new()));
    let inside = answers.clone();
    let pipe = OutputPipe::new(false, false, move |_| {
        let answer = inner.run_sync(&hello, RunOptions::default());
        let mut answers = inside.lock().expect("a lock");
        answers.push(
            answer
                .map_or_else(|error| error.code().as_str(), |_| "it ran")
                .to_owned(),
        );
    });
    let options = RunOptions {
        stdout: Output::Pipe(pipe),
        ..RunOptions::default()
    };
    assert_eq!(way(runtime(), options).exit_code(), Some(2));
    mem::take(&mut *answers.lock().expect("a lock"))
}

#[test]
fn inside_a_host_call_of_another_run_it_is_refused() {
    let print = |runtime: &Runtime, options| {
        let outcome = runtime.run_sync(&load("print-both"), options);
        outcome.expect("an outcome")
    };
    let other: &'static Runtime = Box::leak(Box::new(idle()));
    for inner in [runtime(), other] {
        assert_eq!(asked_inside(inner, print), ["ERR_NESTED_RUN"]);
        // This also holds where the other run has a thread of the runtime.
        let on_threads = |runtime: &Runtime, options| {
            let program = load("print-both");
            block_on(runtime.run(&program, options)).expect("an outcome")
        };
        assert_eq!(asked_inside(inner, on_threads), ["ERR_NESTED_RUN"]);
    }
    // Afterwards a run is allowed again.
    assert_eq!(run_sync("hello", RunOptions::default()).stdout(), "hello\n");
}

#[test]
fn a_panic_in_a_host_call_is_a_fault_and_leaves_the_slot() {
    let runtime = one_slot();
    let program = load_in(&runtime, "print-both");
    for _ in 0..3 {
        let pipe = OutputPipe::new(false, false, |_| panic!("on purpose"));
        let options = RunOptions {
            stdout: Output::Pipe(pipe),
            ..RunOptions::default()
        };
        let fault = runtime.run_sync(&program, options);
        assert_eq!(fault.expect_err("it ran").code(), ErrorCode::Internal);
        let outcome = runtime.run_sync(&program, RunOptions::default());
        assert_eq!(outcome.expect("an outcome").exit_code(), Some(2));
    }
}

fn one_slot() -> Arc<Runtime> {
    let options = RuntimeOptions {
        max_concurrent_runs: 1,
        ..options()
    };
    Arc::new(Runtime::new(options).expect("a runtime"))
}

#[test]
fn without_a_free_slot_it_waits_for_one() {
    let runtime = one_slot();
    let first = start(&runtime, "sleep-hour", RunOptions::default());
    wait_until(&runtime, |_, running, _| running == 1);
    let hello = load_in(&runtime, "hello");
    let waiting = runtime.clone();
    let waiter = thread::spawn(move || waiting.run_sync(&hello, limits(one_second())));
    wait_until(&runtime, |queued, running, _| (queued, running) == (1, 1));
    // The time in the queue does not count for the guest.
    thread::sleep(Duration::from_millis(1100));
    assert!(!waiter.is_finished());
    first.control.stop(Cause::Abort);
    let outcome = waiter.join().expect("no panic").expect("an outcome");
    assert_eq!(outcome.stdout(), "hello\n");
    wait_until(&runtime, |queued, running, finished| {
        (queued, running, finished) == (0, 0, 2)
    });
}

#[test]
fn threads_that_come_again_and_again_leave_slots_to_those_in_line() {
    let runtime = one_slot();
    let hello = load_in(&runtime, "hello");
    let enough = Arc::new(AtomicBool::new(false));
    let runs = Arc::new(AtomicU32::new(0));
    let greedy = (0..3).map(|_| {
        let (runtime, hello, enough) = (runtime.clone(), hello.clone(), enough.clone());
        let runs = runs.clone();
        thread::spawn(move || {
            while !enough.load(Ordering::Relaxed) {
                let outcome = runtime.run_sync(&hello, RunOptions::default());
                assert_eq!(outcome.expect("an outcome").stdout(), "hello\n");
                runs.fetch_add(1, Ordering::Relaxed);
            }
        })
    });
    let greedy: Vec<_> = greedy.collect();
    for _ in 0..3 {
        let queued: Vec<_> = (0..50)
            .map(|_| runtime.start(&hello, RunOptions::default(), Arc::<CallControl>::default()))
            .collect();
        for run in queued {
            let outcome = block_on(run).expect("an answer").expect("an outcome");
            assert_eq!(outcome.stdout(), "hello\n");
        }
        // The other runs get their slots, too.
        let before = runs.load(Ordering::Relaxed);
        let begin = Instant::now();
        while runs.load(Ordering::Relaxed) < before + 10 {
            assert!(begin.elapsed() < PATIENCE);
            thread::yield_now();
        }
    }
    enough.store(true, Ordering::Relaxed);
    greedy
        .into_iter()
        .for_each(|thread| thread.join().expect("no panic"));
}

#[test]
fn a_runtime_that_closes_ends_those_that_go_on_and_those_in_line() {
    for name in ["loop", "sleep-hour", "read-stdin"] {
        let runtime = one_slot();
        let program = load_in(&runtime, name);
        let waiters = (0..2).map(|_| {
            let (runtime, program) = (runtime.clone(), program.clone());
            thread::spawn(move || {
                let options = RunOptions {
                    stdin: Input::Pipe(InputPipe::new(false, || {})),
                    ..RunOptions::default()
                };
                runtime.run_sync(&program, options)
            })
        });
        let waiters: Vec<_> = waiters.collect();
        wait_until(&runtime, |queued, running, _| (queued, running) == (1, 1));
        runtime.close_and_wait();
        for waiter in waiters {
            let outcome = waiter.join().expect("no panic").expect("an outcome");
            assert_eq!(outcome.ending, Ending::Abort, "{name}");
        }
        let counts = runtime.stats().counts;
        assert_eq!((counts.queued, counts.running, counts.finished), (0, 0, 2));
        let late = runtime.run_sync(&program, RunOptions::default());
        assert_eq!(late.expect_err("it ran").code(), ErrorCode::RuntimeClosed);
    }
}

const PROGRAM: u64 = 1;

/// A port with one program, on which it can start runs.
fn port(runtime: &Arc<Runtime>, name: &str, interruptible: bool) -> Arc<Port> {
    let port = Port::new(runtime.clone(), || {});
    let request = LoadRequest {
        source_maps: false,
        source: ProgramSource::Bytes(source(name)),
        options: LoadOptions {
            interruptible,
            ..LoadOptions::named(name)
        },
    };
    port.load_sync(PROGRAM, request).expect("a program");
    port
}

fn begin(port: &Port) -> PendingRun {
    port.run_sync(PROGRAM, Bytes::new()).expect("a run")
}

#[test]
fn the_thread_looks_up_when_its_patience_is_over() {
    let runtime = Arc::new(idle());
    for name in ["loop", "sleep-hour", "component-loop", "component-p3-loop"] {
        let port = port(&runtime, name, true);
        let mut run = begin(&port);
        for milliseconds in [0, 1, 5, 0] {
            let waited = run.wait(Duration::from_millis(milliseconds));
            assert!(waited.expect("no fault").is_none(), "{name}");
        }
        assert_eq!(runtime.stats().counts.running, 1);
        // Dropping a pending run ends the run.
        drop(run);
        assert_eq!(runtime.stats().counts.running, 0, "{name}");
    }
}

#[test]
fn a_run_goes_on_where_it_was_when_the_thread_comes_back() {
    let runtime = Arc::new(idle());
    let port = port(&runtime, "compute-argv", true);
    let mut options = vec![1, 1, 0, 0, 0];
    options.extend([3, 0, 0, 0]);
    options.extend(b"100");
    let mut run = port.run_sync(PROGRAM, options.into()).expect("a run");
    let begin = Instant::now();
    let delivery = loop {
        if let Some(delivery) = run.wait(Duration::ZERO).expect("no fault") {
            break delivery;
        }
        assert!(begin.elapsed() < PATIENCE);
    };
    // An exit with code 0.
    assert_eq!((delivery.records[0], delivery.records[2]), (0.0, 0.0));
}

#[test]
fn runs_that_are_given_up_leave_their_slots_wherever_they_are() {
    let runtime = one_slot();
    let port = port(&runtime, "loop", true);
    for _ in 0..3 {
        let mut first = begin(&port);
        assert!(
            first
                .wait(Duration::from_millis(5))
                .expect("no fault")
                .is_none()
        );
        let mut second = begin(&port);
        assert!(
            second
                .wait(Duration::from_millis(5))
                .expect("no fault")
                .is_none()
        );
        let third = begin(&port);
        // One in line, one that got its slot meanwhile, and one before its first poll.
        drop(third);
        drop(first);
        assert!(
            second
                .wait(Duration::from_millis(5))
                .expect("no fault")
                .is_none()
        );
        let fourth = begin(&port);
        drop(second);
        drop(fourth);
        let unpolled = begin(&port);
        drop(unpolled);
        wait_until(&runtime, |queued, running, _| (queued, running) == (0, 0));
    }
    let hello = load_in(&runtime, "hello");
    let outcome = runtime.run_sync(&hello, RunOptions::default());
    assert_eq!(outcome.expect("an outcome").stdout(), "hello\n");
}

#[test]
fn a_port_that_closes_ends_its_run() {
    let runtime = Arc::new(idle());
    for name in ["loop", "sleep-hour"] {
        let port = port(&runtime, name, true);
        let mut run = begin(&port);
        assert!(
            run.wait(Duration::from_millis(5))
                .expect("no fault")
                .is_none()
        );
        port.close();
        let delivery = run.wait(PATIENCE).expect("no fault").expect("an end");
        // An abort.
        assert_eq!(delivery.records[0], 3.0);
    }
}

#[test]
fn the_thread_looks_up_from_programs_that_cannot_be_interrupted() {
    let runtime = one_slot();
    let hello = port(&runtime, "hello", false);
    let mut run = begin(&hello);
    let delivery = run.wait(PATIENCE).expect("no fault").expect("an end");
    assert_eq!(delivery.bytes, b"hello\n");
    let sleep = port(&runtime, "sleep-hour", false);
    let mut run = begin(&sleep);
    assert!(
        run.wait(Duration::from_millis(20))
            .expect("no fault")
            .is_none()
    );
    sleep.close();
    let delivery = run.wait(PATIENCE).expect("no fault").expect("an end");
    assert_eq!(delivery.records[0], 3.0);
}
