//! Programs with garbage-collected objects, whose heaps take as much of a pool as their memories.

use crate::host::{block_on, options, start_program};
use std::sync::Arc;
use wasiexec::{Cache, LoadOptions, Program, RunOptions, Runtime, RuntimeOptions};

/// A program that sleeps for a while with what `fields` and `body` make.
fn sleeper(fields: &str, body: &str) -> String {
    format!(
        r#"(module
          (import "wasi_snapshot_preview1" "poll_oneoff" (func $poll (param i32 i32 i32 i32) (result i32)))
          (memory (export "memory") 1)
          {fields}
          (func $sleep
            (i32.store (i32.const 144) (i32.const 1))
            (i64.store (i32.const 152) (i64.const 5000000))
            (drop (call $poll (i32.const 128) (i32.const 192) (i32.const 1) (i32.const 224))))
          (func (export "_start") {body}))"#
    )
}

/// Each kind of object that needs a heap, or might.
fn sleepers() -> Vec<String> {
    let with = |fields: &str, make: &str| sleeper(fields, &format!("{make} (call $sleep)"));
    vec![
        with("", ""),
        with(
            "(type $s (struct (field i64)))",
            "(drop (struct.new $s (i64.const 1)))",
        ),
        with(
            "(type $a (array i8))",
            "(drop (array.new_default $a (i32.const 100000)))",
        ),
        with(
            "(tag $t)",
            "(block $caught (try_table (catch $t $caught) (throw $t)))",
        ),
        with(
            "(table 4 externref)",
            "(table.set (i32.const 0) (ref.null extern))",
        ),
        with("(global (mut anyref) (ref.null any))", ""),
        // Nothing but its code says that it has objects.
        with("", "(drop (ref.test (ref struct) (ref.i31 (i32.const 1))))"),
        with("", "(drop (ref.is_null (ref.null extern)))"),
        with(
            "(type $f (func)) (elem declare func $sleep)",
            "(call_ref $f (ref.func $sleep))",
        ),
    ]
}

fn load(runtime: &Runtime, source: &str, number: usize) -> Arc<Program> {
    let options = LoadOptions::named(format!("{number}"));
    runtime.load(source.as_bytes(), options).expect("a program")
}

#[test]
fn runs_with_heaps_wait_for_slots_like_all_others() {
    for slots in [1, 2, 5] {
        let runtime = Runtime::new(RuntimeOptions {
            max_concurrent_runs: slots,
            ..options()
        });
        let runtime = runtime.expect("a runtime");
        let programs: Vec<_> = sleepers()
            .iter()
            .enumerate()
            .map(|(number, source)| load(&runtime, source, number))
            .collect();
        // All that have heaps have one pool, and in each round all slots are theirs.
        for round in [
            &programs[..],
            &programs[1..2],
            &programs[3..4],
            &programs[6..7],
        ] {
            let runs: Vec<_> = (0..6 * slots)
                .flat_map(|_| round)
                .map(|program| start_program(&runtime, program, RunOptions::default()))
                .collect();
            for run in runs {
                assert_eq!(format!("{:?}", run.outcome().ending), "Exit { code: 0 }");
            }
        }
    }
}

#[test]
fn instances_with_heaps_take_a_slot_each() {
    let runtime = Runtime::new(RuntimeOptions {
        max_concurrent_runs: 3,
        ..options()
    });
    let runtime = Arc::new(runtime.expect("a runtime"));
    let program = load(&runtime, &sleepers()[1], 0);
    let instantiate = || block_on(runtime.instantiate(&program, RunOptions::default()));
    let instances: Vec<_> = (0..3)
        .map(|_| {
            instantiate()
                .expect("no fault")
                .unwrap_or_else(|_| panic!("it ended"))
        })
        .collect();
    assert_eq!(runtime.stats().counts.instances, 3);
    for instance in &instances {
        let called = block_on(instance.call("_start", &[])).expect("no fault");
        assert!(
            matches!(called, wasiexec::CallOutcome::Returned(_)),
            "{called:?}"
        );
    }
    let waiting = start_program(&runtime, &program, RunOptions::default());
    drop(instances);
    assert_eq!(
        format!("{:?}", waiting.outcome().ending),
        "Exit { code: 0 }"
    );
}

#[test]
fn code_with_heaps_comes_from_the_cache_and_from_files() {
    let folder = tempfile::tempdir().expect("a folder");
    let with_cache = || {
        let runtime = Runtime::new(RuntimeOptions {
            cache: Cache::at(folder.path().into()),
            ..options()
        });
        runtime.expect("a runtime")
    };
    let entries = || {
        let all = std::fs::read_dir(folder.path()).expect("a folder");
        let names = all.map(|entry| entry.expect("an entry").file_name());
        let mut names: Vec<_> = names
            .filter(|name| name.to_string_lossy().ends_with(".cwasm"))
            .collect();
        names.sort();
        names
    };
    let run = |runtime: &Runtime, program: &Arc<Program>| {
        let outcome = block_on(runtime.run(program, RunOptions::default())).expect("an outcome");
        assert_eq!(format!("{:?}", outcome.ending), "Exit { code: 0 }");
    };
    let first = with_cache();
    let mut files = Vec::new();
    for (number, source) in sleepers().iter().enumerate() {
        let program = load(&first, source, number);
        run(&first, &program);
        files.push(program.serialize().expect("a file"));
    }
    let made = entries();
    assert_eq!(made.len(), files.len(), "one entry for each: {made:?}");
    let second = with_cache();
    for (number, source) in sleepers().iter().enumerate() {
        run(&second, &load(&second, source, number));
    }
    assert_eq!(entries(), made);
    let third = Runtime::new(options()).expect("a runtime");
    for (number, file) in files.iter().enumerate() {
        let options = LoadOptions {
            trust_precompiled: true,
            ..LoadOptions::named(format!("{number}"))
        };
        let program = third.load(file.clone(), options).expect("a program");
        run(&third, &program);
        // With fuel it is compiled anew.
        let fuel = RunOptions {
            limits: wasiexec::Limits {
                fuel: Some(1_000_000),
                ..wasiexec::Limits::default()
            },
            ..RunOptions::default()
        };
        let outcome = block_on(third.run(&program, fuel)).expect("an outcome");
        assert_eq!(format!("{:?}", outcome.ending), "Exit { code: 0 }");
    }
}
