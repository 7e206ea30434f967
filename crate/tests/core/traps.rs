use crate::host::{Text, run_plain};
use wasiexec::{Ending, TrapCode, TrapInfo};

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
