use crate::host::{Text, load, load_real, run_plain, runtime, start};
use wasiexec::{Cause, Ending, ProgramKind, RunOptions, TrapCode, WasiVersion};

#[test]
fn components_end_as_their_run_and_exit_say() {
    let endings = [
        ("component-return-ok", 0),
        ("component-return-err", 1),
        ("component-exit-ok", 0),
        ("component-exit-err", 1),
        ("component-exit-with-code-3", 3),
        ("component-exit-with-code-255", 255),
        ("component-newer-0-2", 0),
        ("component-p3-return-ok", 0),
        ("component-p3-return-err", 1),
        ("component-p3-exit-with-code-3", 3),
    ];
    for (name, code) in endings {
        let outcome = run_plain(name);
        assert_eq!(outcome.ending, Ending::Exit { code }, "{name}");
        assert_eq!((outcome.stdout(), outcome.stderr()), ("", ""), "{name}");
    }
}

#[test]
fn components_print() {
    for name in ["component-hello", "component-p3-hello"] {
        let outcome = run_plain(name);
        assert_eq!(
            (outcome.exit_code(), outcome.stdout()),
            (Some(0), "hello\n"),
            "{name}"
        );
        assert_eq!(outcome.usage.memory_peak, 65_536, "{name}");
    }
}

#[test]
fn faults_of_components_are_traps_with_frames() {
    for name in ["component-trap", "component-p3-trap"] {
        let Ending::Trap(trap) = run_plain(name).ending else {
            panic!("{name} did not trap");
        };
        assert_eq!(trap.code, TrapCode::UnreachableCodeReached, "{name}");
        assert!(!trap.message.is_empty(), "{name}");
        let function = trap.frames.first().expect("a frame").function.as_deref();
        assert_eq!(function, Some("inner"), "{name}");
    }
}

#[test]
fn components_are_told_by_what_they_speak() {
    let kinds = [
        ("component-hello", ProgramKind::Component, WasiVersion::P2),
        (
            "component-newer-0-2",
            ProgramKind::Component,
            WasiVersion::P2,
        ),
        (
            "component-p3-hello",
            ProgramKind::Component,
            WasiVersion::P3,
        ),
        (
            "component-no-command",
            ProgramKind::Component,
            WasiVersion::None,
        ),
        ("hello", ProgramKind::Module, WasiVersion::P1),
        ("exit-unstable", ProgramKind::Module, WasiVersion::P0),
        ("return", ProgramKind::Module, WasiVersion::None),
    ];
    for (name, kind, wasi) in kinds {
        let program = load(name);
        assert_eq!(
            (program.info().kind, program.info().wasi),
            (kind, wasi),
            "{name}"
        );
    }
    assert_eq!(load_real("rust-p2").info().wasi, WasiVersion::P2);
}

#[test]
fn components_of_a_batch_end_apart_from_each_other() {
    let names = [
        "component-hello",
        "component-trap",
        "component-exit-with-code-3",
    ];
    let started: Vec<_> = (0..30)
        .map(|i| start(runtime(), names[i % 3], RunOptions::default()))
        .collect();
    for (i, run) in started.into_iter().enumerate() {
        let control = run.control.clone();
        let outcome = run.outcome();
        match i % 3 {
            0 => assert_eq!(
                (outcome.exit_code(), outcome.stdout()),
                (Some(0), "hello\n")
            ),
            1 => assert!(matches!(outcome.ending, Ending::Trap(_))),
            _ => assert_eq!(outcome.exit_code(), Some(3)),
        }
        assert_eq!(control.cause(), Some(Cause::Guest));
    }
}
