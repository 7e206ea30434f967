use crate::host::{Text, block_on, load_real, run_plain, runtime};
use wasiexec::{Ending, RunOptions, TrapCode, TrapInfo};

fn trap(name: &str) -> TrapInfo {
    match run_plain(name).ending {
        Ending::Trap(trap) => trap,
        other => panic!("{name} ended as {other:?}"),
    }
}

#[test]
fn every_fault_is_a_trap_with_its_code() {
    let guests = [
        ("trap-unreachable", TrapCode::UnreachableCodeReached),
        ("trap-out-of-bounds", TrapCode::MemoryOutOfBounds),
        ("trap-divide-by-zero", TrapCode::IntegerDivisionByZero),
        ("trap-integer-overflow", TrapCode::IntegerOverflow),
        ("trap-bad-conversion", TrapCode::BadConversionToInteger),
        ("trap-null-call", TrapCode::IndirectCallToNull),
        ("trap-table-out-of-bounds", TrapCode::TableOutOfBounds),
        ("trap-bad-signature", TrapCode::BadSignature),
        ("trap-stack-overflow", TrapCode::StackOverflow),
        ("trap-uncaught-exception", TrapCode::UncaughtException),
        ("trap-null-reference", TrapCode::NullReference),
        ("trap-array-out-of-bounds", TrapCode::ArrayOutOfBounds),
        ("trap-cast-failure", TrapCode::CastFailure),
        ("trap-allocation-too-large", TrapCode::AllocationTooLarge),
        ("trap-atomic-wait", TrapCode::AtomicWaitNonSharedMemory),
        ("trap-unaligned-atomic", TrapCode::HeapMisaligned),
        ("trap-in-start-function", TrapCode::UnreachableCodeReached),
    ];
    for (name, code) in guests {
        let trap = trap(name);
        assert_eq!(trap.code, code, "{name}");
        assert!(!trap.message.is_empty(), "{name}");
        assert!(!trap.frames.is_empty(), "{name}");
    }
}

#[test]
fn frames_name_the_functions_innermost_first() {
    let names: Vec<_> = trap("trap-unreachable")
        .frames
        .into_iter()
        .map(|frame| frame.function.unwrap_or_default())
        .collect();
    assert_eq!(names, ["inner", "outer", "_start"]);
}

#[test]
fn output_before_a_trap_is_kept() {
    assert_eq!(run_plain("trap-unreachable").stdout(), "before trap\n");
}

#[test]
fn the_location_is_the_frame_of_the_programs_own_source() {
    for (kind, function, line) in [("index", "panic::pick", 5), ("div", "panic::work", 20)] {
        let options = RunOptions {
            args: [kind.to_owned()].into(),
            ..RunOptions::default()
        };
        let outcome = block_on(runtime().run(&load_real("panic"), options)).expect("an outcome");
        let Ending::Trap(trap) = outcome.ending else {
            panic!("{kind} ended as {:?}", outcome.ending);
        };
        let location = &trap.frames[trap.location.expect("a location")];
        assert_eq!(location.function.as_deref(), Some(function));
        assert_eq!(location.line, Some(line));
        assert!(trap.frames[0].function.as_deref() != Some(function));
    }
}
