//! Stable names for Wasm faults.

use serde::{Serialize, Serializer};
use wasmtime::Trap;

macro_rules! trap_codes {
    (traps { $($(#[$doc:meta])* $variant:ident = $name:literal,)* } ours { $($(#[$our_doc:meta])* $ours:ident = $our_name:literal,)* }) => {
        /// The stable, kebab-case name of a Wasm fault.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub enum TrapCode {
            $($(#[$doc])* $variant,)*
            $($(#[$our_doc])* $ours,)*
        }

        impl TrapCode {
            /// Every code, in declaration order.
            pub const ALL: &'static [Self] = &[$(Self::$variant,)* $(Self::$ours,)*];

            /// The name that JavaScript sees.
            pub const fn as_str(self) -> &'static str {
                match self {
                    $(Self::$variant => $name,)*
                    $(Self::$ours => $our_name,)*
                }
            }

            /// The code of a wasmtime trap; `None` for the two that are limits, not faults
            /// (`Interrupt`, `OutOfFuel`), and for traps of a newer wasmtime (a test finds those).
            pub fn of(trap: Trap) -> Option<Self> {
                match trap {
                    $(Trap::$variant => Some(Self::$variant),)*
                    _ => None,
                }
            }
        }
    };
}

impl Serialize for TrapCode {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}

trap_codes! {
    traps {
        /// Call stack exhausted.
        StackOverflow = "stack-overflow",
        /// Out of bounds memory access.
        MemoryOutOfBounds = "memory-out-of-bounds",
        /// Unaligned atomic.
        HeapMisaligned = "unaligned-atomic",
        /// Undefined element: out of bounds table access.
        TableOutOfBounds = "table-out-of-bounds",
        /// Uninitialized element.
        IndirectCallToNull = "indirect-call-to-null",
        /// Indirect call type mismatch.
        BadSignature = "indirect-call-type-mismatch",
        /// Integer overflow.
        IntegerOverflow = "integer-overflow",
        /// Integer divide by zero.
        IntegerDivisionByZero = "integer-divide-by-zero",
        /// Invalid conversion to integer.
        BadConversionToInteger = "invalid-conversion-to-integer",
        /// Wasm `unreachable` instruction executed.
        UnreachableCodeReached = "unreachable",
        /// Atomic wait on non-shared memory.
        AtomicWaitNonSharedMemory = "atomic-wait-on-unshared-memory",
        /// Null reference.
        NullReference = "null-reference",
        /// Out of bounds array access.
        ArrayOutOfBounds = "array-out-of-bounds",
        /// Allocation size too large.
        AllocationTooLarge = "allocation-too-large",
        /// Cast failure.
        CastFailure = "cast-failure",
        /// Cannot enter component instance.
        CannotEnterComponent = "cannot-enter-component",
        /// Async-lifted export failed to produce a result.
        NoAsyncResult = "no-async-result",
        /// Unhandled tag.
        UnhandledTag = "unhandled-tag",
        /// Continuation already consumed.
        ContinuationAlreadyConsumed = "continuation-already-consumed",
        /// Pulley opcode disabled at compile time was executed.
        DisabledOpcode = "disabled-opcode",
        /// Deadlock detected: event loop cannot make further progress.
        AsyncDeadlock = "async-deadlock",
        /// Cannot leave component instance.
        CannotLeaveComponent = "cannot-leave-component",
        /// Cannot block a synchronous task before returning.
        CannotBlockSyncTask = "cannot-block-sync-task",
        /// Invalid `char` bit pattern.
        InvalidChar = "invalid-char",
        /// Should have finished string encoding.
        DebugAssertStringEncodingFinished = "debug-assert-string-encoding-finished",
        /// Code units should be equal.
        DebugAssertEqualCodeUnits = "debug-assert-equal-code-units",
        /// Pointer should be aligned.
        DebugAssertPointerAligned = "debug-assert-pointer-aligned",
        /// Upper bits should be unset.
        DebugAssertUpperBitsUnset = "debug-assert-upper-bits-unset",
        /// String content out-of-bounds.
        StringOutOfBounds = "string-out-of-bounds",
        /// List content out-of-bounds.
        ListOutOfBounds = "list-out-of-bounds",
        /// Invalid variant discriminant.
        InvalidDiscriminant = "invalid-discriminant",
        /// Unaligned pointer.
        UnalignedPointer = "unaligned-pointer",
        /// `task.cancel` called by task which has not been cancelled.
        TaskCancelNotCancelled = "task-cancel-not-cancelled",
        /// `task.return` or `task.cancel` called more than once for current task.
        TaskCancelOrReturnTwice = "task-cancel-or-return-twice",
        /// `subtask.cancel` called after terminal status delivered.
        SubtaskCancelAfterTerminal = "subtask-cancel-after-terminal",
        /// Invalid `task.return` signature and/or options for current task.
        TaskReturnInvalid = "task-return-invalid",
        /// Cannot drop waitable set with waiters.
        WaitableSetDropHasWaiters = "waitable-set-drop-has-waiters",
        /// Cannot drop a subtask which has not yet resolved.
        SubtaskDropNotResolved = "subtask-drop-not-resolved",
        /// Start function does not match expected type (currently only `(i32) -> ()` is supported).
        ThreadNewIndirectInvalidType = "thread-new-indirect-invalid-type",
        /// The start function index points to an uninitialized function.
        ThreadNewIndirectUninitialized = "thread-new-indirect-uninitialized",
        /// Backpressure counter overflow.
        BackpressureOverflow = "backpressure-overflow",
        /// Unsupported callback code.
        UnsupportedCallbackCode = "unsupported-callback-code",
        /// Cannot resume thread which is not suspended.
        CannotResumeThread = "cannot-resume-thread",
        /// Cannot have concurrent operations active on a future/stream.
        ConcurrentFutureStreamOp = "concurrent-future-stream-op",
        /// Reference count overflow.
        ReferenceCountOverflow = "reference-count-overflow",
        /// Stream read/write count too large.
        StreamOpTooBig = "stream-op-too-big",
        /// Waitable cannot be used synchronously while added to a waitable set.
        WaitableSyncAndAsync = "waitable-sync-and-async",
        /// Uncaught exception propagated out of component.
        UncaughtException = "uncaught-exception",
    }
    ours {
        /// A WASI call that cannot go on, for example a pointer outside of the guest's memory.
        HostCall = "host-call",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashSet;

    #[test]
    fn every_wasmtime_trap_has_a_code_or_is_a_limit() {
        for trap in (0..=u8::MAX).map_while(Trap::from_u8) {
            let limit = matches!(trap, Trap::Interrupt | Trap::OutOfFuel);
            assert_eq!(TrapCode::of(trap).is_none(), limit, "{trap:?}");
        }
    }

    #[test]
    fn names_are_unique_and_kebab_case() {
        let names: HashSet<_> = TrapCode::ALL.iter().map(|code| code.as_str()).collect();
        assert_eq!(names.len(), TrapCode::ALL.len());
        let kebab = |name: &str| name.chars().all(|c| c.is_ascii_lowercase() || c == '-');
        assert!(names.iter().all(|name| kebab(name)));
    }
}
