//! The one place that decides how a run ended.

use super::frames::{Bodies, clip, frames};
use super::outcome::{Ending, Exit, TrapInfo};
use super::stop::{Cause, LimitKind, Stopped};
use super::trap_code::TrapCode;
use crate::error::{Error, ErrorCode, Result};
use wasmtime::{GcHeapOutOfMemory, OutOfMemory, ThrownException, Trap, WasmBacktrace};
use wasmtime_wasi::I32Exit;

/// Why a run ended whose call returned and that nothing else has stopped: its fuel, of which `fuel_left` is
/// left where fuel was counted, or the guest.
pub(crate) fn own_cause(result: &wasmtime::Result<()>, fuel_left: Option<u64>) -> Cause {
    let noticed = matches!(result, Err(error) if error.downcast_ref() == Some(&Trap::OutOfFuel));
    match noticed || fuel_left == Some(0) {
        true => Cause::Limit(LimitKind::Fuel),
        false => Cause::Guest,
    }
}

/// Tells how a run ended from its cause and from what its call returned.
///
/// The only place that looks at a wasmtime error; its text is never read. It is total: once code of the
/// guest may have run (`started`), every error is an ending but the two below. `bodies` is asked when the guest has
/// trapped.
///
/// # Errors
///
/// [`ErrorCode::OutOfResources`] when the host has no memory, or when the program could not be started;
/// [`ErrorCode::Internal`] for a bug of ours.
pub(crate) fn classify<'a>(
    result: wasmtime::Result<()>,
    cause: Cause,
    started: bool,
    bodies: impl FnOnce() -> Option<&'a Bodies>,
) -> Result<Ending> {
    match cause {
        Cause::Limit(limit) => return Ok(Ending::Limit(limit)),
        Cause::Abort => return Ok(Ending::Abort),
        Cause::BrokenPipe => return Ok(Ending::BrokenPipe),
        Cause::HostError => return Ok(Ending::HostError),
        Cause::Guest => {}
    }
    let Err(error) = result else {
        return Ok(Ending::Exit { code: 0 });
    };
    if let Some(Exit(code)) = error.downcast_ref() {
        return Ok(Ending::Exit { code: *code });
    }
    // Components exit through wasmtime-wasi's own implementation, which checks its range itself.
    if let Some(I32Exit(code)) = error.downcast_ref() {
        return Ok(Ending::Exit { code: *code as u32 });
    }
    if let Some(error) = error.downcast_ref::<Error>() {
        return Err(error.clone());
    }
    if error.is::<Stopped>() {
        return Err(Error::internal("a run was stopped without a cause"));
    }
    if lacks_memory(&error) {
        let message = format!("the host has no memory for the run: {error:#}");
        return Err(Error::new(ErrorCode::OutOfResources, message));
    }
    let (code, message) = match known_fault(&error)? {
        Some(fault) => fault,
        None if started => (TrapCode::HostCall, clip(&error.root_cause().to_string())),
        None => {
            let message = format!("the program could not be started: {error:#}");
            return Err(Error::new(ErrorCode::OutOfResources, message));
        }
    };
    Ok(Ending::Trap(TrapInfo {
        code,
        message,
        frames: frames(error.downcast_ref::<WasmBacktrace>(), bodies()),
        // Where the program has debug information, its code says more.
        location: None,
    }))
}

/// What WebAssembly itself says is a fault, whenever it comes.
fn known_fault(error: &wasmtime::Error) -> Result<Option<(TrapCode, String)>> {
    if let Some(trap) = error.downcast_ref::<Trap>() {
        let Some(code) = TrapCode::of(*trap) else {
            return Err(Error::internal(format_args!("unexpected {trap:?}")));
        };
        let text = trap.to_string();
        let text = text.strip_prefix("wasm trap: ").unwrap_or(&text).to_owned();
        return Ok(Some((code, text)));
    }
    if error.is::<ThrownException>() {
        let text = "a Wasm exception was not caught".to_owned();
        return Ok(Some((TrapCode::UncaughtException, text)));
    }
    if error.is::<GcHeapOutOfMemory<()>>() {
        return Ok(Some((TrapCode::AllocationTooLarge, error.to_string())));
    }
    Ok(None)
}

/// Whether the operating system refused memory: to the allocator, or as a mapping.
fn lacks_memory(error: &wasmtime::Error) -> bool {
    #[cfg(unix)]
    let mapping = error.downcast_ref() == Some(&rustix::io::Errno::NOMEM);
    #[cfg(windows)]
    let mapping = false;
    let io = error.downcast_ref::<std::io::Error>();
    mapping
        || error.is::<OutOfMemory>()
        || io.is_some_and(|io| io.kind() == std::io::ErrorKind::OutOfMemory)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn guest(error: impl Into<wasmtime::Error>, started: bool) -> Result<Ending> {
        classify(Err(error.into()), Cause::Guest, started, || None)
    }

    fn trap(ending: Result<Ending>) -> TrapInfo {
        match ending {
            Ok(Ending::Trap(trap)) => trap,
            other => panic!("{other:?}"),
        }
    }

    fn fault(ending: Result<Ending>) -> Error {
        ending.expect_err("a host fault")
    }

    #[test]
    fn a_recorded_cause_goes_before_whatever_the_call_returned() {
        let causes = [
            (
                Cause::Limit(LimitKind::Timeout),
                Ending::Limit(LimitKind::Timeout),
            ),
            (Cause::Abort, Ending::Abort),
            (Cause::BrokenPipe, Ending::BrokenPipe),
            (Cause::HostError, Ending::HostError),
        ];
        for (cause, ending) in causes {
            for started in [false, true] {
                let results = [
                    Ok(()),
                    Err(Stopped.into()),
                    Err(Exit(3).into()),
                    Err(Trap::StackOverflow.into()),
                    Err(OutOfMemory::new(1).into()),
                    Err(wasmtime::Error::msg("anything")),
                ];
                for result in results {
                    let classified = classify(result, cause, started, || None);
                    assert_eq!(classified.ok(), Some(ending.clone()));
                }
            }
        }
    }

    #[test]
    fn fuel_is_gone_when_wasmtime_says_so_or_nothing_is_left() {
        let fuel = Cause::Limit(LimitKind::Fuel);
        assert_eq!(own_cause(&Ok(()), None), Cause::Guest);
        assert_eq!(own_cause(&Ok(()), Some(1)), Cause::Guest);
        assert_eq!(own_cause(&Ok(()), Some(0)), fuel);
        assert_eq!(own_cause(&Err(Trap::OutOfFuel.into()), Some(1)), fuel);
        assert_eq!(own_cause(&Err(Exit(0).into()), Some(0)), fuel);
        assert_eq!(own_cause(&Err(Exit(0).into()), Some(1)), Cause::Guest);
        assert_eq!(
            own_cause(&Err(Trap::StackOverflow.into()), Some(1)),
            Cause::Guest
        );
    }

    #[test]
    fn exits_are_told_by_their_type() {
        for started in [false, true] {
            for code in [0, 1, 126, u32::MAX] {
                let ending = guest(Exit(code), started).ok();
                assert_eq!(ending, Some(Ending::Exit { code }));
                let ending = guest(I32Exit(code as i32), started).ok();
                assert_eq!(ending, Some(Ending::Exit { code }));
            }
            let wrapped = wasmtime::Error::from(Exit(7)).context("error while executing");
            assert_eq!(guest(wrapped, started).ok(), Some(Ending::Exit { code: 7 }));
        }
    }

    #[test]
    fn every_trap_is_a_trap_whenever_it_comes() {
        for kind in (0..=u8::MAX).map_while(Trap::from_u8) {
            let Some(code) = TrapCode::of(kind) else {
                continue;
            };
            for started in [false, true] {
                assert_eq!(trap(guest(kind, started)).code, code);
            }
        }
        let exception = trap(guest(ThrownException, true));
        assert_eq!(exception.code, TrapCode::UncaughtException);
    }

    #[test]
    fn what_nobody_knows_is_a_trap_once_the_guest_has_started() {
        let unknown = || {
            wasmtime::Error::msg("innermost")
                .context("middle")
                .context("outer")
        };
        let after = trap(guest(unknown(), true));
        assert_eq!(
            (after.code, after.message.as_str(), after.frames.len()),
            (TrapCode::HostCall, "innermost", 0)
        );
        let before = fault(guest(unknown(), false));
        assert_eq!(before.code(), ErrorCode::OutOfResources);
        assert!(
            before.message().contains("outer: middle: innermost"),
            "{before}"
        );
        let io = || std::io::Error::from(std::io::ErrorKind::PermissionDenied);
        assert_eq!(trap(guest(io(), true)).code, TrapCode::HostCall);
        assert_eq!(fault(guest(io(), false)).code(), ErrorCode::OutOfResources);
    }

    #[test]
    fn a_lack_of_memory_is_the_hosts_fault_whenever_it_comes() {
        let lacks: [fn() -> wasmtime::Error; 4] = [
            || OutOfMemory::new(1 << 40).into(),
            || std::io::Error::from(std::io::ErrorKind::OutOfMemory).into(),
            || wasmtime::Error::from(OutOfMemory::new(8)).context("while growing"),
            #[cfg(unix)]
            || wasmtime::Error::from(rustix::io::Errno::NOMEM).context("mmap failed"),
            #[cfg(windows)]
            || std::io::Error::from_raw_os_error(14).into(),
        ];
        for lack in lacks {
            for started in [false, true] {
                let error = fault(guest(lack(), started));
                assert_eq!(error.code(), ErrorCode::OutOfResources, "{error}");
                assert!(error.message().contains("no memory"), "{error}");
            }
        }
    }

    #[test]
    fn a_bug_of_ours_is_thrown_whenever_it_comes() {
        for started in [false, true] {
            for error in [
                wasmtime::Error::from(Stopped),
                Error::internal("`_start` vanished").into(),
                Trap::Interrupt.into(),
            ] {
                let error = fault(guest(error, started));
                assert_eq!(error.code(), ErrorCode::Internal, "{error}");
            }
        }
    }
}
