//! Which of several exported `wasi:cli/run` is run.

use crate::host::{block_on, runtime};
use std::fmt::Write;
use wasiexec::{Ending, ErrorCode, LoadOptions, Outcome, Result, RunOptions, WasiVersion};

/// A component that exports these versions of `wasi:cli/run` in this order. The version that is run prints
/// nothing. It exits with 0 if it is `answers_ok`, and otherwise with 1.
fn component(versions: &[&str], answers_ok: &str) -> Vec<u8> {
    let mut text = "(component
      (core func $return (canon task.return (result (result))))
      (core module $Main
        (import \"host\" \"return\" (func $return (param i32)))
        (func (export \"ok\") (result i32) (i32.const 0))
        (func (export \"err\") (result i32) (i32.const 1))
        (func (export \"async-ok\") (result i32) (call $return (i32.const 0)) (i32.const 0))
        (func (export \"async-err\") (result i32) (call $return (i32.const 1)) (i32.const 0))
        (func (export \"callback\") (param i32 i32 i32) (result i32) unreachable))
      (core instance $main (instantiate $Main
        (with \"host\" (instance (export \"return\" (func $return))))))
      (type $async (func async (result (result))))\n"
        .to_owned();
    for (index, version) in versions.iter().enumerate() {
        let answer = match *version == answers_ok {
            true => "ok",
            false => "err",
        };
        let lifted = match version.starts_with("0.3") {
            true => format!(
                "(type $async) (canon lift (core func $main \"async-{answer}\") async \
                 (callback (core func $main \"callback\")))"
            ),
            false => format!("(result (result)) (canon lift (core func $main \"{answer}\"))"),
        };
        writeln!(
            text,
            "(func $run{index} {lifted})
             (instance $command{index} (export \"run\" (func $run{index})))
             (export \"wasi:cli/run@{version}\" (instance $command{index}))"
        )
        .expect("text");
    }
    text.push(')');
    text.into_bytes()
}

fn run(versions: &[&str], answers_ok: &str) -> (WasiVersion, Result<Outcome>) {
    let program = runtime()
        .load(component(versions, answers_ok), LoadOptions::named("runs"))
        .expect("a program");
    let outcome = block_on(runtime().run(&program, RunOptions::default()));
    (program.info().wasi, outcome)
}

#[test]
fn of_several_the_newest_that_is_provided_is_run() {
    const DRAFT: &str = "0.3.0-rc-2026-03-15";
    let cases = [
        (&["0.2.0", "0.3.0"][..], "0.3.0", WasiVersion::P3),
        (&["0.3.0", "0.2.0"], "0.3.0", WasiVersion::P3),
        (&["0.2.6", "0.2.0", "0.3.0"], "0.3.0", WasiVersion::P3),
        (&["0.3.0"], "0.3.0", WasiVersion::P3),
        (&["0.3.1", "0.2.0"], "0.3.1", WasiVersion::P3),
        (&["0.2.0"], "0.2.0", WasiVersion::P2),
        (&["0.2.0", "0.2.6"], "0.2.6", WasiVersion::P2),
        (&["0.2.6", "0.2.0"], "0.2.6", WasiVersion::P2),
        // No release stands in for a draft, and 0.4 is not known.
        (&[DRAFT, "0.2.0"], "0.2.0", WasiVersion::P2),
        (&["0.2.0", DRAFT], "0.2.0", WasiVersion::P2),
        (&["0.4.0", "0.2.0"], "0.2.0", WasiVersion::P2),
        (&["0.4.0", "0.2.0", "0.3.0"], "0.3.0", WasiVersion::P3),
    ];
    for (versions, expected, wasi) in cases {
        let (said, outcome) = run(versions, expected);
        assert_eq!(said, wasi, "{versions:?}");
        let ending = outcome.expect("an outcome").ending;
        assert_eq!(ending, Ending::Exit { code: 0 }, "{versions:?}");
    }
}

#[test]
fn what_exports_none_that_is_provided_has_no_entry_point() {
    for version in [
        "0.1.0",
        "0.2.0-rc-2023-11-10",
        "0.3.0-rc-2026-03-15",
        "0.4.0",
    ] {
        let (_, outcome) = run(&[version], version);
        let error = outcome.expect_err(version);
        assert_eq!(error.code(), ErrorCode::NoEntryPoint, "{version}");
        assert!(error.message().contains(version), "{error}");
    }
}
