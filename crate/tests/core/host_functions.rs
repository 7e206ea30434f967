use crate::host::{block_on, load, load_in, runtime, single_threaded, start, start_program};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, OnceLock, Weak, mpsc};
use std::thread;
use std::time::Duration;
use wasiexec::{
    Cause, Ending, ErrorCode, HostCalls, HostResult, LimitKind, Limits, MemoryAccess, MemoryAnswer,
    RunOptions, Thrown,
};

/// A call as the host sees it: its number, its function and its arguments.
type Call = (u64, u32, Vec<u64>);

/// The calls of a run, as they come.
fn calls() -> (Arc<HostCalls>, mpsc::Receiver<Call>) {
    let (sender, receiver) = mpsc::channel();
    let calls = HostCalls::told(move |call| {
        // The test may have stopped receiving.
        let _ = sender.send((call.number, call.function, call.arguments.to_vec()));
    });
    (Arc::new(calls), receiver)
}

fn hosted(calls: &Arc<HostCalls>) -> RunOptions {
    RunOptions {
        host_calls: Some(calls.clone()),
        ..RunOptions::default()
    }
}

fn integer(value: i32) -> HostResult {
    Ok(vec![f64::from(value).to_bits()])
}

/// Carries out calls on whatever thread the guest computes on.
fn at_once(answer: impl Fn(u64) -> HostResult + Send + Sync + 'static) -> Arc<HostCalls> {
    Arc::new_cyclic(|this: &Weak<HostCalls>| {
        let this = this.clone();
        let (sender, receiver) = mpsc::channel();
        // Another thread: the state of the calls is locked while the host is told.
        thread::spawn(move || {
            for number in receiver {
                let Some(calls) = this.upgrade() else { return };
                calls.give(number, answer(number));
            }
        });
        let sender = Mutex::new(sender);
        HostCalls::told(move |call| {
            let _ = sender.lock().expect("a lock").send(call.number);
        })
    })
}

#[test]
fn arguments_and_results_cross_as_words() {
    let (calls, called) = calls();
    let run = start(runtime(), "host-adds", hosted(&calls));
    for (number, (sum, next)) in (1..).zip([(0, 3), (3, 4), (7, -1)]) {
        let (seen, function, arguments) = called.recv().expect("a call");
        assert_eq!((seen, function), (number, 0));
        let expected = [
            f64::from(sum).to_bits(),
            u64::MAX,
            0.5_f64.to_bits(),
            0.25_f64.to_bits(),
        ];
        assert_eq!(arguments, expected);
        calls.give(number, integer(next));
    }
    assert_eq!(run.outcome().ending, Ending::Exit { code: 7 });
}

#[test]
fn a_guest_that_waits_for_a_function_holds_no_thread() {
    let runtime = single_threaded();
    let (calls, called) = calls();
    let waiting = start(&runtime, "host-adds", hosted(&calls));
    called.recv().expect("a call");
    let other = block_on(runtime.run(&load_in(&runtime, "hello"), RunOptions::default()));
    assert_eq!(other.expect("an outcome").ending, Ending::Exit { code: 0 });
    calls.give(1, integer(-1));
    assert_eq!(waiting.outcome().ending, Ending::Exit { code: 0 });
}

#[test]
fn a_function_that_throws_ends_the_run() {
    let calls = at_once(|number| match number {
        3 => Err(Thrown),
        _ => integer(1),
    });
    let outcome = block_on(runtime().run(&load("host-adds"), hosted(&calls)));
    assert_eq!(outcome.expect("an outcome").ending, Ending::HostError);
}

#[test]
fn the_first_cause_wins() {
    let (calls, called) = calls();
    let run = start(runtime(), "host-adds", hosted(&calls));
    called.recv().expect("a call");
    run.control.stop(Cause::Abort);
    calls.give(1, Err(Thrown));
    assert_eq!(run.outcome().ending, Ending::Abort);
}

#[test]
fn results_of_other_calls_and_late_ones_change_nothing() {
    let (calls, called) = calls();
    let run = start(runtime(), "host-adds", hosted(&calls));
    called.recv().expect("a call");
    for number in [0, 2, u64::MAX] {
        calls.give(number, integer(100));
        assert_eq!(read(&calls, number), MemoryAnswer::Ended);
    }
    calls.give(1, integer(5));
    called.recv().expect("a call");
    calls.give(1, integer(100));
    calls.give(2, integer(-1));
    assert_eq!(run.outcome().ending, Ending::Exit { code: 5 });
    calls.give(3, integer(100));
    assert_eq!(read(&calls, 2), MemoryAnswer::Ended);
}

fn read(calls: &HostCalls, number: u64) -> MemoryAnswer {
    calls.access(number, MemoryAccess::Read(0, &mut [0; 8]))
}

#[test]
fn memory_is_there_while_the_guest_waits() {
    const SIZE: u64 = 1 << 16;
    let (calls, called) = calls();
    let run = start(runtime(), "host-adds", hosted(&calls));
    called.recv().expect("a call");
    let written = calls.access(1, MemoryAccess::Write(SIZE - 2, &[1, 2]));
    assert_eq!(written, MemoryAnswer::Size(SIZE));
    let mut bytes = [0; 4];
    assert_eq!(
        calls.access(1, MemoryAccess::Read(SIZE - 4, &mut bytes)),
        MemoryAnswer::Size(SIZE)
    );
    assert_eq!(bytes, [0, 0, 1, 2]);
    for address in [SIZE - 3, SIZE, SIZE + 1, u64::MAX, u64::MAX - 3] {
        let mut bytes = [7; 4];
        let answer = calls.access(1, MemoryAccess::Read(address, &mut bytes));
        assert_eq!(
            (answer, bytes),
            (MemoryAnswer::Size(SIZE), [7; 4]),
            "{address}"
        );
        calls.access(1, MemoryAccess::Write(address, &[9; 4]));
    }
    calls.access(1, MemoryAccess::Read(SIZE - 4, &mut bytes));
    assert_eq!(bytes, [0, 0, 1, 2]);
    calls.give(1, integer(-1));
    run.outcome();
    assert_eq!(read(&calls, 1), MemoryAnswer::Ended);
}

/// Guests vanish while another thread copies their memory.
#[test]
fn a_stop_takes_the_memory_away_before_it_is_gone() {
    for round in 0..200 {
        let (calls, called) = calls();
        let limits = Limits {
            timeout: Some(Duration::from_micros(200 + round % 8 * 100)),
            ..Limits::default()
        };
        let options = RunOptions {
            limits,
            ..hosted(&calls)
        };
        let run = start(runtime(), "host-adds", options);
        let is_over = Arc::new(AtomicBool::new(false));
        let copying = thread::spawn({
            let (calls, is_over) = (calls.clone(), is_over.clone());
            move || {
                let mut copied = 0;
                let mut bytes = vec![0; 1 << 16];
                while !is_over.load(Ordering::Relaxed) {
                    let answer = calls.access(1, MemoryAccess::Read(0, &mut bytes));
                    copied += u64::from(answer == MemoryAnswer::Size(1 << 16));
                    calls.access(1, MemoryAccess::Write(0, &bytes));
                }
                copied
            }
        });
        assert_eq!(run.outcome().ending, Ending::Limit(LimitKind::Timeout));
        is_over.store(true, Ordering::Relaxed);
        copying.join().expect("no panic");
        assert_eq!(read(&calls, 1), MemoryAnswer::Ended);
        drop(called);
    }
}

#[test]
fn a_runtime_that_closes_takes_the_memory_away() {
    let runtime = single_threaded();
    let (calls, called) = calls();
    let run = start(&runtime, "host-adds", hosted(&calls));
    called.recv().expect("a call");
    assert_eq!(read(&calls, 1), MemoryAnswer::Size(1 << 16));
    drop(runtime);
    assert_eq!(read(&calls, 1), MemoryAnswer::Ended);
    drop(run);
}

#[test]
fn many_calls_are_carried_out_by_the_thread_that_waits_for_the_run() {
    const CALLS: u64 = 100_000;
    let total = Arc::new(AtomicU64::new(0));
    let calls = Arc::new(HostCalls::waited_for());
    let waiting = Arc::new(OnceLock::new());
    // Takes the place of the thread that waits: any thread may take calls.
    let taking = thread::spawn({
        let (calls, total, waiting) = (calls.clone(), total.clone(), waiting.clone());
        move || {
            while waiting.get().is_none() {
                let taken = calls.take(|call| call.number);
                if let Some(number) = taken {
                    total.fetch_add(1, Ordering::Relaxed);
                    calls.give(number, integer(if number < CALLS { 1 } else { -1 }));
                }
            }
        }
    });
    let program = load("host-adds");
    let outcome = start_program(runtime(), &program, hosted(&calls)).outcome();
    waiting.set(()).expect("once");
    taking.join().expect("no panic");
    let code = (CALLS - 1) as u32;
    assert_eq!(outcome.ending, Ending::Exit { code });
    assert_eq!(total.load(Ordering::Relaxed), CALLS);
}

#[test]
fn a_program_says_what_it_wants_of_the_host() {
    let info = load("host-adds").info().clone();
    let [import] = &info.host_imports[..] else {
        panic!("{:?}", info.host_imports);
    };
    assert_eq!((&import.module[..], &import.name[..]), ("env", "next"));
    assert_eq!(import.type_text, "(i32, i64, f32, f64) -> i32");
    let signature = import.signature.as_ref().expect("numbers alone");
    assert_eq!(signature.params, ["i32", "i64", "f32", "f64"]);
    assert_eq!(signature.results, ["i32"]);
    assert!(load("hello").info().host_imports.is_empty());
    let missing = block_on(runtime().run(&load("host-adds"), RunOptions::default()));
    let error = missing.expect_err("an import is missing");
    assert_eq!(error.code(), ErrorCode::UnresolvedImport);
}
