//! Values of WASI 0.2.

use super::{Expected, HOST_CALL, OK, check};
use crate::host::run_plain;
use wasiexec::{Ending, TrapCode};

const TEMPLATE: &str = include_str!("p2.wat");

#[test]
fn the_template_itself_is_a_program() {
    check(TEMPLATE, &[("nothing wrong", "(i32.const 0)", OK)]);
    assert_eq!(
        run_plain("component-hello").ending,
        Ending::Exit { code: 0 }
    );
}

#[test]
fn discriminants_that_a_type_does_not_have() {
    let mut cases = vec![
        ("err", "(i32.const 1)".to_owned(), Expected::Exit(1)),
        (
            "exit err",
            "(call $exit (i32.const 1)) (i32.const 0)".into(),
            Expected::Exit(1),
        ),
    ];
    for bad in ["2", "7", "255", "256", "0x7fffffff", "0x80000000", "-1"] {
        cases.extend([
            ("run answers", format!("(i32.const {bad})"), HOST_CALL),
            (
                "exit",
                format!("(call $exit (i32.const {bad})) (i32.const 0)"),
                HOST_CALL,
            ),
            (
                "advice",
                format!(
                    "(call $advise (call $directory) (i64.const 0) (i64.const 0) (i32.const {})
                       (i32.const 1024)) (i32.const 0)",
                    // There are six valid values.
                    if bad == "2" { "6" } else { bad }
                ),
                HOST_CALL,
            ),
            (
                "first timestamp",
                format!(
                    "(call $set-times (call $directory) (i32.const {}) (i64.const 0) (i32.const 0)
                       (i32.const 0) (i64.const 0) (i32.const 0) (i32.const 1024)) (i32.const 0)",
                    if bad == "2" { "3" } else { bad }
                ),
                HOST_CALL,
            ),
            (
                "second timestamp",
                format!(
                    "(call $set-times (call $directory) (i32.const 0) (i64.const 0) (i32.const 0)
                       (i32.const {}) (i64.const 0) (i32.const 0) (i32.const 1024)) (i32.const 0)",
                    if bad == "2" { "3" } else { bad }
                ),
                HOST_CALL,
            ),
            (
                "address family",
                format!("(call $udp (i32.const {bad}) (i32.const 1024)) (i32.const 0)"),
                HOST_CALL,
            ),
            (
                "address",
                format!(
                    "(call $bind (call $socket) (call $network) (i32.const {bad}) {} (i32.const 1024))
                     (i32.const 0)",
                    "(i32.const 0)".repeat(11)
                ),
                HOST_CALL,
            ),
            (
                "option",
                format!(
                    "(call $udp-stream (call $socket) (i32.const {bad}) {} (i32.const 1024))
                     (i32.const 0)",
                    "(i32.const 0)".repeat(12)
                ),
                HOST_CALL,
            ),
            (
                "variant in an option",
                format!(
                    "(call $udp-stream (call $socket) (i32.const 1) (i32.const {bad}) {}
                       (i32.const 1024)) (i32.const 0)",
                    "(i32.const 0)".repeat(11)
                ),
                HOST_CALL,
            ),
        ]);
    }
    checked(cases);
}

/// The canonical ABI cuts these to their width, so they are not faults.
#[test]
fn numbers_and_flags_that_are_too_wide_are_cut() {
    let open = |path_flags, open_flags, flags| {
        format!(
            "(call $open (call $directory) (i32.const {path_flags}) (i32.const 48) (i32.const 4)
               (i32.const {open_flags}) (i32.const {flags}) (i32.const 1024))
             (i32.load8_u (i32.const 1024))"
        )
    };
    checked(vec![
        ("path flags", open("-2", "1", "3"), OK),
        ("open flags", open("0", "0xfffffff1", "3"), OK),
        ("descriptor flags", open("0", "1", "0xffffffc3"), OK),
        (
            "u8",
            "(call $exit-with-code (i32.const 0x103)) (i32.const 0)".into(),
            Expected::Exit(3),
        ),
        (
            "u16 and u8",
            format!(
                "(call $bind (call $socket) (call $network) (i32.const 0) {} (i32.const 1024))
                 (i32.eqz (i32.load8_u (i32.const 1024)))",
                "(i32.const -1)".repeat(11)
            ),
            OK,
        ),
    ]);
}

#[test]
fn strings_that_are_not_text_or_not_there() {
    let mut cases = Vec::new();
    for (name, pointer, length) in [
        ("cut short", "16", "3"),
        ("a surrogate", "24", "3"),
        ("a byte that UTF-8 does not have", "32", "1"),
        ("overlong", "40", "2"),
        ("begins past the end", "65536", "1"),
        ("ends past the end", "65533", "4"),
        ("wraps around", "-2", "4"),
        ("as long as can be", "48", "-1"),
        ("of half of all length", "48", "0x80000000"),
        ("far away and empty", "-1", "0"),
    ] {
        cases.push((
            name,
            format!(
                "(call $open (call $directory) (i32.const 0) (i32.const {pointer})
                   (i32.const {length}) (i32.const 0) (i32.const 1) (i32.const 1024)) (i32.const 0)"
            ),
            HOST_CALL,
        ));
    }
    checked(cases);
}

#[test]
fn lists_and_results_out_of_bounds_or_unaligned() {
    let write = |pointer, length, result| {
        format!(
            "(call $write (global.get $out) (i32.const {pointer}) (i32.const {length})
               (i32.const {result})) (i32.const 0)"
        )
    };
    let poll = |pointer, length, result| {
        format!(
            "(i32.store (i32.const 2048) (call $subscribe (global.get $out)))
             (call $poll (i32.const {pointer}) (i32.const {length}) (i32.const {result}))
             (i32.const 0)"
        )
    };
    let realloc =
        |bad, call: &str| format!("(global.set $bad (i32.const {bad})) {call} (i32.const 0)");
    let environment = "(call $directories (i32.const 1024))";
    let random = "(call $random (i64.const 8) (i32.const 1024))";
    let unreachable = Expected::Trap(TrapCode::UnreachableCodeReached);
    checked(vec![
        (
            "list begins past the end",
            write("65536", "1", "1024"),
            HOST_CALL,
        ),
        (
            "list ends past the end",
            write("65530", "7", "1024"),
            HOST_CALL,
        ),
        ("list wraps around", write("-4", "8", "1024"), HOST_CALL),
        (
            "list as long as can be",
            write("0", "-1", "1024"),
            HOST_CALL,
        ),
        ("result past the end", write("0", "0", "65536"), HOST_CALL),
        ("result across the end", write("0", "0", "65532"), HOST_CALL),
        ("result at -4", write("0", "0", "-4"), HOST_CALL),
        ("unaligned result", write("0", "0", "1025"), HOST_CALL),
        ("good list of handles", poll("2048", "1", "1024"), OK),
        ("unaligned list", poll("2049", "1", "1024"), HOST_CALL),
        (
            "list of handles past the end",
            poll("65536", "1", "1024"),
            HOST_CALL,
        ),
        (
            "list whose size does not fit into 32 bits",
            poll("2048", "0x40000001", "1024"),
            HOST_CALL,
        ),
        (
            "empty list that must not be empty",
            poll("2048", "0", "1024"),
            HOST_CALL,
        ),
        (
            "unaligned result of a list",
            poll("2048", "1", "1026"),
            HOST_CALL,
        ),
        (
            "unaligned 8-byte result",
            "(call $now (i32.const 1028)) (i32.const 0)".into(),
            HOST_CALL,
        ),
        (
            "8-byte result across the end",
            "(call $now (i32.const 65528)) (i32.const 0)".into(),
            HOST_CALL,
        ),
        (
            "result of a list past the end",
            "(call $random (i64.const 8) (i32.const -8)) (i32.const 0)".into(),
            HOST_CALL,
        ),
        (
            "more random bytes than fit",
            "(call $random (i64.const -1) (i32.const 1024)) (i32.const 0)".into(),
            HOST_CALL,
        ),
        ("realloc unaligned", realloc("4097", environment), HOST_CALL),
        ("realloc past the end", realloc("65536", random), HOST_CALL),
        (
            "realloc across the end",
            realloc("65532", random),
            HOST_CALL,
        ),
        ("realloc at -8", realloc("-8", random), HOST_CALL),
        ("realloc traps", realloc("1", random), unreachable),
    ]);
}

#[test]
fn handles_that_are_not_there_or_of_something_else() {
    let block = |handle: &str| format!("(call $block {handle}) (i32.const 0)");
    let mut cases = vec![
        (
            "a good one",
            block("(call $subscribe (global.get $out))"),
            OK,
        ),
        ("of another type", block("(global.get $out)"), HOST_CALL),
        (
            "dropped",
            "(local.set $at (call $subscribe (global.get $out)))
             (call $drop-pollable (local.get $at))
             (call $block (local.get $at)) (i32.const 0)"
                .into(),
            HOST_CALL,
        ),
        (
            "dropped twice",
            "(local.set $at (call $subscribe (global.get $out)))
             (call $drop-pollable (local.get $at))
             (call $drop-pollable (local.get $at)) (i32.const 0)"
                .into(),
            HOST_CALL,
        ),
        (
            "dropped as another type",
            "(call $drop-descriptor (global.get $out)) (i32.const 0)".into(),
            HOST_CALL,
        ),
        (
            "a parent before its child",
            "(drop (call $subscribe (global.get $out)))
             (call $drop-stream (global.get $out)) (i32.const 0)"
                .into(),
            HOST_CALL,
        ),
        (
            "used after it was dropped, beside another that lives",
            "(local.set $at (call $get-stdout))
             (call $drop-stream (global.get $out))
             (drop (call $subscribe (local.get $at)))
             (drop (call $subscribe (global.get $out))) (i32.const 0)"
                .into(),
            HOST_CALL,
        ),
        (
            "the second of two, foreign",
            "(drop (call $is-same (call $directory) (global.get $out))) (i32.const 0)".into(),
            HOST_CALL,
        ),
        (
            "in a list, foreign",
            "(i32.store (i32.const 2048) (call $subscribe (global.get $out)))
             (i32.store (i32.const 2052) (global.get $out))
             (call $poll (i32.const 2048) (i32.const 2) (i32.const 1024)) (i32.const 0)"
                .into(),
            HOST_CALL,
        ),
        (
            "more than there may be",
            "(loop $more (drop (call $subscribe (global.get $out))) (br $more)) (i32.const 0)"
                .into(),
            HOST_CALL,
        ),
    ];
    for handle in ["0", "99", "0x0fffffff", "0x10000000", "0x7fffffff", "-1"] {
        cases.extend([
            (
                "borrowed",
                block(&format!("(i32.const {handle})")),
                HOST_CALL,
            ),
            (
                "dropped",
                format!("(call $drop-pollable (i32.const {handle})) (i32.const 0)"),
                HOST_CALL,
            ),
            (
                "in a list",
                format!(
                    "(i32.store (i32.const 2048) (i32.const {handle}))
                     (call $poll (i32.const 2048) (i32.const 1) (i32.const 1024)) (i32.const 0)"
                ),
                HOST_CALL,
            ),
            (
                "the second of two",
                format!(
                    "(drop (call $is-same (call $directory) (i32.const {handle}))) (i32.const 0)"
                ),
                HOST_CALL,
            ),
        ]);
    }
    checked(cases);
}

fn checked(cases: Vec<(&str, String, Expected)>) {
    let cases: Vec<_> = cases
        .iter()
        .map(|(name, body, expected)| (*name, body.as_str(), *expected))
        .collect();
    check(TEMPLATE, &cases);
}
