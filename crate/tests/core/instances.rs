use crate::host::{Text, block_on, load_in, named, options, source, start, wait_for};
use futures_util::future::{join, poll_fn};
use std::pin::Pin;
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;
use wasiexec::{
    CallControl, CallOutcome, Cause, Ending, ErrorCode, GuestInstance, LimitKind, Limits, Outcome,
    Output, RunOptions, Runtime, RuntimeOptions, TrapCode, Value,
};

/// A runtime of its own, because instances refer to theirs.
fn own_runtime() -> Arc<Runtime> {
    Arc::new(Runtime::new(options()).expect("a runtime"))
}

fn instance_of(runtime: &Arc<Runtime>, name: &str, options: RunOptions) -> GuestInstance {
    let program = load_in(runtime, name);
    let made = block_on(runtime.instantiate(&program, options));
    made.expect("no fault").expect("an instance")
}

/// Begins all of them before it waits for the first.
async fn all<F: Future>(futures: impl Iterator<Item = F>) -> Vec<F::Output> {
    let mut futures: Vec<Pin<Box<F>>> = futures.map(Box::pin).collect();
    let mut done: Vec<_> = futures.iter().map(|_| None).collect();
    poll_fn(move |context| {
        let mut pending = false;
        for (future, done) in futures.iter_mut().zip(&mut done) {
            if done.is_none() {
                match future.as_mut().poll(context) {
                    Poll::Ready(output) => *done = Some(output),
                    Poll::Pending => pending = true,
                }
            }
        }
        match pending {
            true => Poll::Pending,
            false => Poll::Ready(done.drain(..).flatten().collect()),
        }
    })
    .await
}

fn plain() -> (Arc<Runtime>, GuestInstance) {
    let runtime = own_runtime();
    let instance = instance_of(&runtime, "exports", RunOptions::default());
    (runtime, instance)
}

fn call(instance: &GuestInstance, name: &str, arguments: &[Value]) -> CallOutcome {
    block_on(instance.call(name, arguments)).expect("an outcome")
}

fn values(outcome: CallOutcome) -> Vec<u64> {
    match outcome {
        CallOutcome::Returned(returned) => returned.values,
        other => panic!("{other:?}"),
    }
}

fn ended(outcome: CallOutcome) -> Outcome {
    match outcome {
        CallOutcome::Ended(outcome) => outcome,
        other => panic!("{other:?}"),
    }
}

#[test]
fn functions_take_and_return_numbers() {
    let (_runtime, instance) = plain();
    let same = [
        Value::I32(-1),
        Value::I64(i64::MIN),
        Value::F32(f32::from_bits(0x7FA0_0001)),
        Value::F64(-0.0),
    ];
    let bits: Vec<_> = same.iter().map(|value| value.bits()).collect();
    assert_eq!(values(call(&instance, "same", &same)), bits);
    let here = instance.call_sync("same", &same).expect("an outcome");
    assert_eq!(values(here), bits);
    for (arguments, name) in [
        (&same[..], "add"),
        (&[], "add"),
        (&same[..], "missing"),
        (&[], "takes_v128"),
    ] {
        let refused = block_on(instance.call(name, arguments)).expect_err("a fault");
        assert_eq!(refused.code(), ErrorCode::InvalidCall, "{refused}");
    }
    assert_eq!(values(call(&instance, "next", &[])), [1]);
}

#[test]
fn calls_are_carried_out_in_their_order() {
    let (_runtime, instance) = plain();
    let calls = (0..1000).map(|_| instance.call("next", &[]));
    let results = block_on(all(calls));
    for (index, result) in results.into_iter().enumerate() {
        assert_eq!(values(result.expect("an outcome")), [index as u64 + 1]);
    }
}

#[test]
fn a_call_that_does_not_return_ends_the_instance() {
    let timeout = Limits {
        timeout: Some(Duration::from_millis(20)),
        ..Limits::default()
    };
    let cpu = Limits {
        cpu: Some(Duration::from_millis(20)),
        ..Limits::default()
    };
    let output = Limits {
        output_bytes: Some(6),
        ..Limits::default()
    };
    let cases: [(&str, &[Value], Limits, Ending, &str); 6] = [
        (
            "exit",
            &[Value::I32(0)],
            Limits::default(),
            Ending::Exit { code: 0 },
            "text",
        ),
        (
            "exit",
            &[Value::I32(-1)],
            Limits::default(),
            Ending::Exit { code: u32::MAX },
            "text",
        ),
        (
            "loop",
            &[],
            timeout,
            Ending::Limit(LimitKind::Timeout),
            "text",
        ),
        (
            "sleep",
            &[Value::I64(3_600_000)],
            timeout,
            Ending::Limit(LimitKind::Timeout),
            "text",
        ),
        ("loop", &[], cpu, Ending::Limit(LimitKind::Cpu), "text"),
        (
            "flood",
            &[],
            output,
            Ending::Limit(LimitKind::Output),
            "textte",
        ),
    ];
    for (name, arguments, limits, ending, printed) in cases {
        let (runtime, instance) = plain();
        let call = instance.call_with(name, arguments, Some(limits), None);
        let (first, second) = block_on(async {
            // Queued behind it.
            join(call, instance.call("next", &[])).await
        });
        let outcome = ended(first.expect("an outcome"));
        assert_eq!(
            (&outcome.ending, outcome.stdout()),
            (&ending, printed),
            "{name}"
        );
        let over = second.expect_err("a fault");
        assert_eq!(over.code(), ErrorCode::InstanceOver, "{name}");
        let late = instance.call_sync("next", &[]).expect_err("a fault");
        assert_eq!(late.code(), ErrorCode::InstanceOver, "{name}");
        let memory = instance.handle().read_memory(0, 0, 1);
        assert_eq!(memory.expect_err("a fault").code(), ErrorCode::InstanceOver);
        let end = block_on(instance.close()).expect("an outcome");
        assert_eq!(end.ending, ending, "{name}");
        wait_for(&runtime, |counts| counts.instances == 0);
    }
}

#[test]
fn a_trap_on_the_calling_thread_ends_the_instance() {
    let (runtime, instance) = plain();
    let outcome = ended(instance.call_sync("trap", &[]).expect("an outcome"));
    assert!(
        matches!(&outcome.ending, Ending::Trap(trap) if trap.code == TrapCode::UnreachableCodeReached)
    );
    assert_eq!(outcome.stdout(), "text");
    let over = block_on(instance.call("next", &[])).expect_err("a fault");
    assert_eq!(over.code(), ErrorCode::InstanceOver);
    let end = block_on(instance.close()).expect("an outcome");
    assert_eq!(end.ending, outcome.ending);
    wait_for(&runtime, |counts| counts.instances == 0);
}

#[test]
fn a_call_that_is_stopped_before_it_begins_leaves_the_instance_alone() {
    let (runtime, instance) = plain();
    let control = Arc::<CallControl>::default();
    control.stop(Cause::Abort);
    let stopped = block_on(instance.call_with("next", &[], None, Some(control)));
    assert!(
        matches!(stopped, Ok(CallOutcome::NeverStarted)),
        "{stopped:?}"
    );
    // One that waits.
    let control = Arc::<CallControl>::default();
    let (first, second) = block_on(async {
        let first = instance.call("sleep", &[Value::I64(50)]);
        let second = instance.call_with("next", &[], None, Some(control.clone()));
        let stop = async {
            control.stop(Cause::Abort);
            instance.handle().sweep();
            runtime.sweep();
        };
        let ((first, second), ()) = join(join(first, second), stop).await;
        (first, second)
    });
    assert!(
        matches!(second, Ok(CallOutcome::NeverStarted)),
        "{second:?}"
    );
    assert!(values(first.expect("an outcome")).is_empty());
    assert_eq!(values(call(&instance, "next", &[])), [1]);
}

#[test]
fn a_call_that_is_stopped_after_it_began_ends_the_instance() {
    for name in ["loop", "sleep"] {
        let (runtime, instance) = plain();
        let arguments = match name {
            "sleep" => vec![Value::I64(3_600_000)],
            _ => Vec::new(),
        };
        let control = Arc::<CallControl>::default();
        let stopped = block_on(async {
            let call = instance.call_with(name, &arguments, None, Some(control.clone()));
            let stop = async {
                tokio::time::sleep(Duration::from_millis(20)).await;
                control.stop(Cause::Abort);
                runtime.sweep();
            };
            join(call, stop).await.0
        });
        let outcome = ended(stopped.expect("an outcome"));
        assert_eq!((outcome.ending, name), (Ending::Abort, name));
    }
}

#[test]
fn an_instance_waits_for_a_slot_and_frees_it() {
    let small = RuntimeOptions {
        threads: 1,
        max_concurrent_runs: 1,
        ..options()
    };
    let runtime = Arc::new(Runtime::new(small).expect("a runtime"));
    let first = instance_of(&runtime, "exports", RunOptions::default());
    let program = load_in(&runtime, "exports");
    let (second, end) = block_on(async {
        let second = runtime.instantiate(&program, RunOptions::default());
        let close = async {
            tokio::time::sleep(Duration::from_millis(20)).await;
            assert_eq!(runtime.stats().counts.queued, 1);
            first.close().await
        };
        join(second, close).await
    });
    assert_eq!(end.expect("an outcome").ending, Ending::Abort);
    let second = second.expect("no fault").expect("an instance");
    assert_eq!(values(call(&second, "next", &[])), [1]);
    drop(second);
    let outcome = block_on(runtime.run(&load_in(&runtime, "return"), RunOptions::default()));
    assert_eq!(
        outcome.expect("an outcome").ending,
        Ending::Exit { code: 0 }
    );
}

#[test]
fn closing_the_runtime_ends_instances_and_their_calls() {
    for busy in [None, Some("loop")] {
        let (runtime, instance) = plain();
        let (called, ()) = block_on(async {
            let call = async {
                match busy {
                    Some(name) => Some(instance.call(name, &[]).await),
                    None => None,
                }
            };
            let close = async {
                tokio::time::sleep(Duration::from_millis(10)).await;
                runtime.close().await;
            };
            join(call, close).await
        });
        if let Some(called) = called {
            assert_eq!(ended(called.expect("an outcome")).ending, Ending::Abort);
        }
        assert_eq!(runtime.stats().counts.instances, 0);
        let late = block_on(instance.call("next", &[])).expect_err("a fault");
        assert_eq!(late.code(), ErrorCode::InstanceOver);
    }
}

#[test]
fn an_idle_instance_is_one_that_is_dropped() {
    let runtime = own_runtime();
    let program = runtime
        .load(source("exports"), named("exports"))
        .expect("a program");
    for _ in 0..2000 {
        let made = block_on(runtime.instantiate(&program, RunOptions::default()));
        let instance = made.expect("no fault").expect("an instance");
        assert_eq!(
            values(instance.call_sync("next", &[]).expect("an outcome")),
            [1]
        );
    }
    block_on(runtime.close());
    assert_eq!(runtime.stats().counts.instances, 0);
}

#[test]
fn runs_go_on_beside_instances() {
    let (runtime, instance) = plain();
    let looping = start(&runtime, "loop", RunOptions::default());
    let calls = (0..50).map(|_| instance.call("next", &[]));
    let last = block_on(all(calls)).pop();
    assert_eq!(values(last.expect("a call").expect("an outcome")), [50]);
    looping.control.stop(Cause::Abort);
    runtime.sweep();
}

#[test]
fn memory_and_globals_are_there_between_calls() {
    let (_runtime, instance) = plain();
    let handle = instance.handle();
    assert_eq!(handle.read_memory(0, 1024, 4).expect("bytes"), b"text");
    assert_eq!(
        handle.length_to_nul(0, 1024, u64::MAX).expect("a length"),
        14
    );
    handle.write_memory(0, 131_071, &[7]).expect("written");
    assert_eq!(values(call(&instance, "load", &[Value::I32(131_071)])), [7]);
    assert_eq!(handle.memory_size(0).expect("a size"), 131_072);
    for (address, length) in [(131_072, 1), (u64::MAX, 1), (1, u64::MAX), (131_000, 73)] {
        let outside = handle.read_memory(0, address, length).expect_err("a fault");
        assert_eq!(outside.code(), ErrorCode::OutOfBounds);
    }
    let outside = handle
        .write_memory(0, 131_071, &[1, 2])
        .expect_err("a fault");
    assert_eq!(outside.code(), ErrorCode::OutOfBounds);
    assert_eq!(handle.read_memory(0, 131_071, 1).expect("bytes"), [7]);
    handle.set_global(0, 41).expect("set");
    assert_eq!(values(call(&instance, "next", &[])), [42]);
    assert_eq!(handle.global(0).expect("a value"), 42);
}

#[test]
fn each_call_of_an_instance_with_fuel_has_its_own() {
    let runtime = own_runtime();
    let limits = Limits {
        fuel: Some(100_000),
        ..Limits::default()
    };
    let instance = instance_of(
        &runtime,
        "exports",
        RunOptions {
            limits,
            ..RunOptions::default()
        },
    );
    let used = |outcome| match outcome {
        CallOutcome::Returned(returned) => returned.usage.fuel.expect("fuel"),
        other => panic!("{other:?}"),
    };
    let sum = [Value::I64(1000)];
    let first = used(call(&instance, "sum", &sum));
    assert_eq!(used(call(&instance, "sum", &sum)), first);
    let exactly = |fuel| Limits {
        fuel: Some(fuel),
        ..limits
    };
    let enough = block_on(instance.call_with("sum", &sum, Some(exactly(first)), None));
    assert_eq!(used(enough.expect("an outcome")), first);
    let short = block_on(instance.call_with("sum", &sum, Some(exactly(first - 1)), None));
    let outcome = ended(short.expect("an outcome"));
    assert_eq!(outcome.ending, Ending::Limit(LimitKind::Fuel));
}

#[test]
fn functions_of_components_take_no_numbers() {
    let runtime = own_runtime();
    let program = load_in(&runtime, "calc-component");
    let made = block_on(runtime.instantiate(&program, RunOptions::default()));
    let instance = made.expect("an instance").expect("one that can be called");
    let numbers = [Value::I32(1), Value::I32(2)];
    let refused = block_on(instance.call("add", &numbers));
    let refused = refused.expect_err("a fault");
    assert_eq!(refused.code(), ErrorCode::InvalidCall, "{refused}");
    let outcome = block_on(instance.close()).expect("an outcome");
    assert_eq!(outcome.ending, Ending::Abort);
}

#[test]
fn what_a_run_has_captured_is_not_in_the_calls_of_an_instance() {
    let runtime = own_runtime();
    let ignored = RunOptions {
        stdout: Output::Ignore,
        ..RunOptions::default()
    };
    let instance = instance_of(&runtime, "exports", ignored);
    let arguments = [1, 1024, 4].map(Value::I32);
    match call(&instance, "print", &arguments) {
        CallOutcome::Returned(returned) => assert!(returned.stdout.is_empty()),
        other => panic!("{other:?}"),
    }
}
