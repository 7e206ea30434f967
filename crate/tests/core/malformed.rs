//! Values that their type does not have, passed to the host or returned by `run`: never a rejection, always a
//! trap, with the output from before.

mod p2;
mod p3;

use crate::host::{PATIENCE, Text, block_on, runtime};
use std::time::Duration;
use wasiexec::{Ending, LimitKind, Limits, LoadOptions, Outcome, Preopen, RunOptions, TrapCode};

const HOST_CALL: Expected = Expected::Trap(TrapCode::HostCall);
const OK: Expected = Expected::Exit(0);

#[derive(Clone, Copy, Debug)]
enum Expected {
    Trap(TrapCode),
    Exit(u32),
    Timeout,
}

/// Runs `text`, a component that first prints "before", with a granted directory.
fn run(name: &str, text: &str, timeout: Duration) -> Outcome {
    let folder = tempfile::tempdir().expect("a folder");
    let granted = Preopen {
        guest_path: "/".into(),
        host_path: folder.path().to_owned(),
        write: true,
    };
    let program = runtime()
        .load(text.as_bytes(), LoadOptions::named(name))
        .unwrap_or_else(|error| panic!("{name}: {error}"));
    let options = RunOptions {
        preopens: [granted].into_iter().collect(),
        limits: Limits {
            timeout: Some(timeout),
            ..Limits::default()
        },
        ..RunOptions::default()
    };
    block_on(runtime().run(&program, options)).unwrap_or_else(|error| panic!("{name}: {error}"))
}

/// Checks each case: a name, code in place of `$BODY`, and the ending.
fn check(template: &str, cases: &[(&str, &str, Expected)]) {
    assert_eq!(template.matches("$BODY").count(), 1);
    let mut wrong = Vec::new();
    for (name, body, expected) in cases {
        let timeout = match expected {
            Expected::Timeout => Duration::from_secs(1),
            _ => PATIENCE,
        };
        let outcome = run(name, &template.replace("$BODY", body), timeout);
        let right = match (&outcome.ending, expected) {
            (Ending::Trap(trap), Expected::Trap(code)) => {
                trap.code == *code && !trap.message.is_empty()
            }
            (Ending::Exit { code }, Expected::Exit(expected)) => code == expected,
            (Ending::Limit(LimitKind::Timeout), Expected::Timeout) => true,
            _ => false,
        };
        if !right || outcome.stdout() != "before\n" {
            wrong.push(format!("{name}: {expected:?}, got {outcome:?}"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
