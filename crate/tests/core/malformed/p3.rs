//! Values of WASI 0.3, and the rules of the component model for its tasks.

use super::{Expected, HOST_CALL, OK, check};
use wasiexec::TrapCode;

const TEMPLATE: &str = include_str!("p3.wat");

fn checked(cases: Vec<(&str, String, Expected)>) {
    let cases: Vec<_> = cases
        .iter()
        .map(|(name, body, expected)| (*name, body.as_str(), *expected))
        .collect();
    check(TEMPLATE, &cases);
}

#[test]
fn tasks_that_end_as_none_may() {
    let mut cases = vec![
        ("nothing wrong", "(call $ok)".to_owned(), OK),
        (
            "err",
            "(call $return (i32.const 1)) (i32.const 0)".into(),
            Expected::Exit(1),
        ),
        (
            "nothing returned",
            "(i32.const 0)".into(),
            Expected::Trap(TrapCode::NoAsyncResult),
        ),
        (
            "returned twice",
            "(drop (call $ok)) (call $ok)".into(),
            Expected::Trap(TrapCode::TaskCancelOrReturnTwice),
        ),
        (
            "cancelled though nobody asked",
            "(call $cancelled) (i32.const 0)".into(),
            Expected::Trap(TrapCode::TaskCancelNotCancelled),
        ),
        ("waits for no set", "(i32.const 2)".into(), HOST_CALL),
        (
            "waits for a set that is not there",
            "(i32.const 0x642)".into(),
            HOST_CALL,
        ),
        (
            "waits for ever",
            "(i32.or (i32.const 2) (i32.shl (call $set-new) (i32.const 4)))".into(),
            Expected::Timeout,
        ),
        ("yields", "(i32.const 1)".into(), OK),
    ];
    for code in ["4", "5", "15", "0x7fffffff", "-1"] {
        cases.push((
            "callback code",
            format!("(i32.const {code})"),
            Expected::Trap(TrapCode::UnsupportedCallbackCode),
        ));
    }
    for bad in ["2", "7", "256", "-1"] {
        cases.extend([
            (
                "result",
                format!("(call $return (i32.const {bad})) (i32.const 0)"),
                HOST_CALL,
            ),
            (
                "exit",
                format!("(call $exit (i32.const {bad})) (call $ok)"),
                HOST_CALL,
            ),
        ]);
    }
    checked(cases);
}

#[test]
fn discriminants_that_a_type_does_not_have() {
    let mut cases = Vec::new();
    for bad in ["6", "255", "256", "-1"] {
        cases.extend([
            (
                "advice",
                format!(
                    "(call $advise (call $directory) (i64.const 0) (i64.const 0) (i32.const {bad})
                       (i32.const 1024)) (call $ok)"
                ),
                HOST_CALL,
            ),
            (
                "first timestamp",
                format!(
                    "(call $set-times (call $directory) (i32.const {bad}) (i64.const 0) (i32.const 0)
                       (i32.const 0) (i64.const 0) (i32.const 0) (i32.const 1024)) (call $ok)"
                ),
                HOST_CALL,
            ),
            (
                "second timestamp",
                format!(
                    "(call $set-times (call $directory) (i32.const 0) (i64.const 0) (i32.const 0)
                       (i32.const {bad}) (i64.const 0) (i32.const 0) (i32.const 1024)) (call $ok)"
                ),
                HOST_CALL,
            ),
            (
                "in a future",
                format!(
                    "(local.set $ends (call $future-new))
                     (i32.store8 (i32.const 2048) (i32.const {bad}))
                     (drop (call $future-read (call $readable (local.get $ends)) (i32.const 1024)))
                     (drop (call $future-write (call $writable (local.get $ends)) (i32.const 2048)))
                     (call $ok)"
                ),
                HOST_CALL,
            ),
        ]);
    }
    checked(cases);
}

#[test]
fn strings_lists_and_results_that_are_not_there() {
    let open = |pointer: &str, length: &str, result: &str| {
        format!(
            "(call $open (call $directory) (i32.const 0) (i32.const {pointer}) (i32.const {length})
               (i32.const 1) (i32.const 3) (i32.const {result})) (call $ok)"
        )
    };
    // The arguments of a call that does not wait are in memory.
    let later = |pointer: &str, length: &str, arguments: &str, result: &str| {
        format!(
            "(i32.store (i32.const 2048) (call $directory))
             (i32.store8 (i32.const 2052) (i32.const 0))
             (i32.store (i32.const 2056) (i32.const {pointer}))
             (i32.store (i32.const 2060) (i32.const {length}))
             (i32.store8 (i32.const 2064) (i32.const 1))
             (i32.store8 (i32.const 2065) (i32.const 3))
             (local.set $at (call $open-async (i32.const {arguments}) (i32.const {result})))
             (local.set $at (i32.shr_u (local.get $at) (i32.const 4)))
             (if (i32.eqz (local.get $at)) (then (return (call $ok))))
             (call $join (local.get $at) (call $set-new))
             (i32.or (i32.const 2) (i32.shl (i32.add (local.get $at) (i32.const 1)) (i32.const 4)))"
        )
    };
    let mut cases = vec![
        ("good", open("48", "4", "1024"), OK),
        ("good, later", later("48", "4", "2048", "1024"), OK),
        ("result past the end", open("48", "4", "65536"), HOST_CALL),
        ("unaligned result", open("48", "4", "1025"), HOST_CALL),
        (
            "result past the end, later",
            later("48", "4", "2048", "65536"),
            HOST_CALL,
        ),
        (
            "result across the end, later",
            later("48", "4", "2048", "65532"),
            HOST_CALL,
        ),
        (
            "unaligned result, later",
            later("48", "4", "2048", "1025"),
            HOST_CALL,
        ),
        (
            "arguments past the end",
            later("48", "4", "65536", "1024"),
            HOST_CALL,
        ),
        (
            "arguments across the end",
            later("48", "4", "65528", "1024"),
            HOST_CALL,
        ),
        ("arguments at -4", later("48", "4", "-4", "1024"), HOST_CALL),
        (
            "unaligned arguments",
            later("48", "4", "2049", "1024"),
            HOST_CALL,
        ),
        (
            "unaligned 8-byte result",
            "(call $now (i32.const 1028)) (call $ok)".into(),
            HOST_CALL,
        ),
        (
            "realloc unaligned",
            "(global.set $bad (i32.const 4097)) (drop (call $directory)) (call $ok)".into(),
            HOST_CALL,
        ),
        (
            "realloc past the end",
            "(global.set $bad (i32.const -4)) (drop (call $directory)) (call $ok)".into(),
            HOST_CALL,
        ),
        (
            "realloc traps",
            "(global.set $bad (i32.const 1)) (drop (call $directory)) (call $ok)".into(),
            Expected::Trap(TrapCode::UnreachableCodeReached),
        ),
    ];
    for (pointer, length) in [
        ("16", "4"),
        ("65536", "1"),
        ("65533", "4"),
        ("-2", "4"),
        ("48", "-1"),
    ] {
        cases.extend([
            ("string", open(pointer, length, "1024"), HOST_CALL),
            (
                "string, later",
                later(pointer, length, "2048", "1024"),
                HOST_CALL,
            ),
        ]);
    }
    // Pointers of streams; for eight-byte values also unaligned ones.
    let too_long = Expected::Trap(TrapCode::StreamOpTooBig);
    for (pointer, length, expected) in [
        ("65536", "1", HOST_CALL),
        ("65533", "4", HOST_CALL),
        ("-2", "4", HOST_CALL),
        ("0", "0x0fffffff", HOST_CALL),
        ("0", "0x10000000", too_long),
        ("0", "-1", too_long),
    ] {
        for (name, ours, theirs) in [
            ("read", "$readable", "$writable"),
            ("write", "$writable", "$readable"),
        ] {
            for stream in ["stream", "words"] {
                cases.push((
                    name,
                    format!(
                        "(local.set $ends (call ${stream}-new))
                         (drop (call ${stream}-{name} (call {ours} (local.get $ends)) (i32.const {pointer})
                           (i32.const {length})))
                         (drop (call {theirs} (local.get $ends))) (call $ok)"
                    ),
                    expected,
                ));
            }
        }
    }
    for (name, ours, other, theirs) in [
        ("read", "$readable", "write", "$writable"),
        ("write", "$writable", "read", "$readable"),
    ] {
        cases.extend([
            (
                "unaligned words",
                format!(
                    "(local.set $ends (call $words-new))
                     (drop (call $words-{name} (call {ours} (local.get $ends)) (i32.const 2052) (i32.const 1)))
                     (drop (call $words-{other} (call {theirs} (local.get $ends)) (i32.const 2048) (i32.const 1)))
                     (call $ok)"
                ),
                HOST_CALL,
            ),
            (
                "future past the end",
                format!(
                    "(local.set $ends (call $future-new))
                     (drop (call $future-{name} (call {ours} (local.get $ends)) (i32.const 65535)))
                     (call $ok)"
                ),
                HOST_CALL,
            ),
        ]);
    }
    checked(cases);
}

#[test]
fn handles_that_are_not_there_or_of_something_else() {
    let mut cases = Vec::new();
    let drops = [
        "stream-drop-readable",
        "stream-drop-writable",
        "future-drop-readable",
        "future-drop-writable",
        "set-drop",
        "subtask-drop",
        "drop-output",
    ];
    let answers = [
        "stream-cancel-read",
        "stream-cancel-write",
        "future-cancel-read",
        "future-cancel-write",
        "subtask-cancel",
        "write-via-stream",
    ];
    let mut handles: Vec<String> = ["0", "99", "0x0fffffff", "0x10000000", "0x7fffffff", "-1"]
        .map(|handle| format!("(i32.const {handle})"))
        .into();
    // Of a resource; none of these is one.
    handles.push("(call $directory)".into());
    for handle in &handles {
        for name in drops {
            cases.push((
                name,
                format!("(call ${name} {handle}) (call $ok)"),
                HOST_CALL,
            ));
        }
        for name in answers {
            cases.push((
                name,
                format!("(drop (call ${name} {handle})) (call $ok)"),
                HOST_CALL,
            ));
        }
        for (name, rest) in [
            ("stream-read", "(i32.const 8) (i32.const 1)"),
            ("stream-write", "(i32.const 8) (i32.const 1)"),
            ("future-read", "(i32.const 8)"),
            ("future-write", "(i32.const 8)"),
            ("set-poll", "(i32.const 1024)"),
        ] {
            cases.push((
                name,
                format!("(drop (call ${name} {handle} {rest})) (call $ok)"),
                HOST_CALL,
            ));
        }
        cases.push(("file-write-via-stream", format!("(drop (call $file-write-via-stream (call $directory) {handle} (i64.const 0))) (call $ok)"), HOST_CALL));
        cases.push((
            "join",
            format!("(call $join {handle} (call $set-new)) (call $ok)"),
            HOST_CALL,
        ));
    }
    let stream = |body: &str| format!("(local.set $ends (call $stream-new)) {body} (call $ok)");
    let future = |body: &str| format!("(local.set $ends (call $future-new)) {body} (call $ok)");
    cases.extend([
        ("read of the writable end", stream("(drop (call $stream-read (call $writable (local.get $ends)) (i32.const 8) (i32.const 1)))"), Expected::Trap(TrapCode::ConcurrentFutureStreamOp)),
        ("write to the readable end", stream("(drop (call $stream-write (call $readable (local.get $ends)) (i32.const 8) (i32.const 1)))"), Expected::Trap(TrapCode::ConcurrentFutureStreamOp)),
        ("the writable end given away", stream("(drop (call $write-via-stream (call $writable (local.get $ends))))"), HOST_CALL),
        ("given away twice", stream("(drop (call $write-via-stream (call $readable (local.get $ends)))) (drop (call $write-via-stream (call $readable (local.get $ends))))"), HOST_CALL),
        ("read after it was given away", stream("(drop (call $write-via-stream (call $readable (local.get $ends)))) (drop (call $stream-read (call $readable (local.get $ends)) (i32.const 8) (i32.const 1)))"), HOST_CALL),
        ("given away after it was dropped", stream("(call $stream-drop-readable (call $readable (local.get $ends))) (drop (call $write-via-stream (call $readable (local.get $ends))))"), HOST_CALL),
        ("dropped twice", stream("(call $stream-drop-readable (call $readable (local.get $ends))) (call $stream-drop-readable (call $readable (local.get $ends)))"), HOST_CALL),
        ("dropped as the other end", stream("(call $stream-drop-readable (call $writable (local.get $ends)))"), HOST_CALL),
        ("a stream dropped as a future", stream("(call $future-drop-readable (call $readable (local.get $ends)))"), HOST_CALL),
        ("of other elements", "(drop (call $write-via-stream (call $readable (call $words-new)))) (call $ok)".into(), HOST_CALL),
        ("read twice at a time", stream("(drop (call $stream-read (call $readable (local.get $ends)) (i32.const 8) (i32.const 1))) (drop (call $stream-read (call $readable (local.get $ends)) (i32.const 8) (i32.const 1)))"), Expected::Trap(TrapCode::ConcurrentFutureStreamOp)),
        ("dropped while it is read", stream("(drop (call $stream-read (call $readable (local.get $ends)) (i32.const 8) (i32.const 1))) (call $stream-drop-readable (call $readable (local.get $ends)))"), HOST_CALL),
        ("cancelled though nothing goes on", stream("(drop (call $stream-cancel-read (call $readable (local.get $ends))))"), HOST_CALL),
        ("written after the reader has gone", stream("(call $stream-drop-readable (call $readable (local.get $ends))) (drop (call $stream-write (call $writable (local.get $ends)) (i32.const 8) (i32.const 1))) (drop (call $stream-write (call $writable (local.get $ends)) (i32.const 8) (i32.const 1)))"), HOST_CALL),
        ("a future that is never written", future("(call $future-drop-writable (call $writable (local.get $ends)))"), HOST_CALL),
        ("a future written twice", future("(drop (call $future-read (call $readable (local.get $ends)) (i32.const 1024))) (drop (call $future-write (call $writable (local.get $ends)) (i32.const 2048))) (drop (call $future-write (call $writable (local.get $ends)) (i32.const 2048)))"), HOST_CALL),
        ("joined to a stream", stream("(call $join (call $readable (local.get $ends)) (call $readable (local.get $ends)))"), HOST_CALL),
        ("a set dropped that is waited in", stream("(local.set $at (call $set-new)) (call $join (call $readable (local.get $ends)) (local.get $at)) (call $set-drop (local.get $at))"), HOST_CALL),
        ("given away while it is in a set", stream("(local.set $at (call $set-new)) (call $join (call $readable (local.get $ends)) (local.get $at)) (drop (call $write-via-stream (call $readable (local.get $ends))))"), HOST_CALL),
        ("a call dropped that goes on", "(local.set $at (call $wait-for (i64.const 3600000000000))) (call $subtask-drop (i32.shr_u (local.get $at) (i32.const 4))) (call $ok)".into(), Expected::Trap(TrapCode::SubtaskDropNotResolved)),
        ("a call cancelled twice", "(local.set $at (i32.shr_u (call $wait-for (i64.const 3600000000000)) (i32.const 4))) (drop (call $subtask-cancel (local.get $at))) (drop (call $subtask-cancel (local.get $at))) (call $ok)".into(), Expected::Trap(TrapCode::SubtaskCancelAfterTerminal)),
        ("result of a poll past the end", "(drop (call $set-poll (call $set-new) (i32.const 65532))) (call $ok)".into(), HOST_CALL),
        ("less pressure than none", "(call $pressure-down) (call $ok)".into(), Expected::Trap(TrapCode::BackpressureOverflow)),
        ("more pressure than can be", "(loop $more (call $pressure-up) (br $more)) (call $ok)".into(), Expected::Trap(TrapCode::BackpressureOverflow)),
        ("more handles than there may be", "(loop $more (drop (call $set-new)) (br $more)) (call $ok)".into(), HOST_CALL),
        ("more calls than there may be", "(loop $more (drop (call $wait-for (i64.const 3600000000000))) (br $more)) (call $ok)".into(), HOST_CALL),
        ("more streams than there may be", "(loop $more (drop (call $stream-new)) (br $more)) (call $ok)".into(), HOST_CALL),
    ]);
    checked(cases);
}
