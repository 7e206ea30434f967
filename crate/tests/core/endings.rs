use crate::host::{Text, args, run, run_plain};
use wasiexec::Ending;

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
