use crate::host::{Text, args, block_on, run, run_plain, runtime};
use std::time::Duration;
use wasiexec::{Ending, Limits, LoadOptions, RunOptions};

#[test]
fn returning_from_start_is_exit_0() {
    let outcome = run_plain("return");
    assert_eq!(outcome.ending, Ending::Exit { code: 0 });
    assert_eq!((outcome.stdout(), outcome.stderr()), ("", ""));
}

#[test]
fn every_exit_code_comes_back_exactly() {
    let codes = [
        0,
        1,
        3,
        124,
        125,
        126,
        127,
        128,
        134,
        137,
        255,
        256,
        65_536,
        2_147_483_648,
        0xEFFF_FFFF,
        4_294_967_295,
    ];
    for code in codes {
        let outcome = run("exit-argv", args(&[&code.to_string()]));
        assert_eq!(outcome.ending, Ending::Exit { code });
    }
}

#[test]
fn exit_works_without_a_memory() {
    assert_eq!(run_plain("exit-without-memory").exit_code(), Some(4));
}

#[test]
fn exit_inside_a_start_function_is_an_exit() {
    assert_eq!(run_plain("exit-in-start-function").exit_code(), Some(7));
}

/// Modules without `_start`, of which only the start section runs.
#[test]
fn a_start_section_alone_ends_in_all_ways() {
    let limited = |limits| RunOptions {
        limits,
        ..RunOptions::default()
    };
    let timeout = Limits {
        timeout: Some(Duration::from_millis(50)),
        ..Limits::default()
    };
    let cpu = Limits {
        cpu: Some(Duration::from_millis(50)),
        ..Limits::default()
    };
    let fuel = Limits {
        fuel: Some(10_000),
        ..Limits::default()
    };
    let forever = "(loop $forever (br $forever))";
    let cases = [
        ("", Limits::default(), "Exit { code: 0 }"),
        ("", fuel, "Exit { code: 0 }"),
        ("(call $exit (i32.const 3))", timeout, "Exit { code: 3 }"),
        ("unreachable", cpu, "Unreachable"),
        (forever, timeout, "Limit(Timeout)"),
        (forever, cpu, "Limit(Cpu)"),
        (forever, fuel, "Limit(Fuel)"),
    ];
    for (body, limits, expected) in cases {
        let wat = format!(
            r#"(module
              (import "wasi_snapshot_preview1" "proc_exit" (func $exit (param i32)))
              (import "wasi_snapshot_preview1" "fd_write"
                (func $write (param i32 i32 i32 i32) (result i32)))
              (memory (export "memory") 1)
              (data (i32.const 0) "\08\00\00\00\08\00\00\00started\n")
              (func $main
                (drop (call $write (i32.const 1) (i32.const 0) (i32.const 1) (i32.const 32)))
                {body})
              (start $main))"#
        );
        let first = runtime().load(wat.into_bytes(), LoadOptions::named("started"));
        let first = first.expect("a program");
        let machine_code = first.serialize().expect("machine code");
        let trusted = LoadOptions {
            trust_precompiled: true,
            ..LoadOptions::named("started")
        };
        let restored = runtime().load(machine_code, trusted).expect("a program");
        for program in [&first, &restored] {
            let waited_for = block_on(runtime().run(program, limited(limits)));
            let on_this_thread = runtime().run_sync(program, limited(limits));
            for outcome in [waited_for, on_this_thread] {
                let outcome = outcome.expect("an outcome");
                let ending = format!("{:?}", outcome.ending);
                assert!(ending.contains(expected), "{body}: {ending}");
                assert_eq!(outcome.stdout(), "started\n", "{body}");
            }
        }
    }
}

#[test]
fn exit_from_deep_recursion_is_an_exit() {
    assert_eq!(run_plain("exit-deep-recursion").exit_code(), Some(5));
}

#[test]
fn exit_through_a_table_call_is_an_exit() {
    assert_eq!(run_plain("exit-table-call").exit_code(), Some(6));
}

#[test]
fn unreachable_after_exit_is_never_reached() {
    let outcome = run_plain("exit-then-unreachable");
    assert_eq!(outcome.exit_code(), Some(0));
    assert_eq!(outcome.stdout(), "before\n");
}

#[test]
fn nothing_runs_after_exit() {
    let outcome = run_plain("exit-then-print");
    assert_eq!(outcome.exit_code(), Some(0));
    assert_eq!(outcome.stdout(), "");
}

#[test]
fn programs_of_the_preview_before_wasi_0_1_exit_with_any_code() {
    let outcome = run_plain("exit-unstable");
    assert_eq!(outcome.exit_code(), Some(300));
    assert_eq!(outcome.stdout(), "p0\n");
}

#[test]
fn stdout_and_stderr_are_apart() {
    let outcome = run_plain("print-both");
    assert_eq!(outcome.exit_code(), Some(2));
    assert_eq!((outcome.stdout(), outcome.stderr()), ("out\n", "err\n"));
}
