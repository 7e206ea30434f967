//! Calls of WASI 0.1, and of the preview before it, that read stdin or wait for it.

use super::errnos::errno;
use super::preview1::{P0, P1, memory, slowly};
use super::state::RunState;
use super::unstable as p0;
use futures_util::future::BoxFuture;
use std::sync::Arc;
use wasmtime::{Caller, Linker};
use wasmtime_wasi::p1::wasi_snapshot_preview1 as p1;

const STDIN: u32 = 0;

/// The size of a subscription in each preview, and where it has its tag and its file descriptor.
const P0_SUBSCRIPTION: usize = 56;
const P1_SUBSCRIPTION: usize = 48;
const TAG: usize = 8;
const DESCRIPTOR: usize = 16;
/// The tag of a subscription that waits until there is something to read.
const TAG_READ: u8 = 1;

/// One such call. All of them take four numbers and return an errno.
#[derive(Clone, Copy, Debug)]
pub(crate) struct StdinCall {
    pub(crate) module: &'static str,
    pub(crate) name: &'static str,
    pub(crate) arguments: [i32; 4],
}

/// Is called instead of the functions that read stdin or wait for it.
pub(crate) trait StdinHook: Send + Sync {
    /// Returns the error that ends the guest.
    fn called<'a>(
        self: Arc<Self>,
        caller: Caller<'a, RunState>,
        call: StdinCall,
    ) -> BoxFuture<'a, wasmtime::Error>;
}

/// Replaces the functions in question; their calls that leave stdin alone do as before.
pub(crate) fn hook_stdin(
    linker: &mut Linker<RunState>,
    hook: &Arc<dyn StdinHook>,
) -> wasmtime::Result<()> {
    macro_rules! hook {
        ($module:ident, $functions:ident, $name:ident, $is_stdin:expr) => {
            let hook = hook.clone();
            linker.func_wrap_async(
                $module,
                stringify!($name),
                move |mut caller: Caller<'_, RunState>, (a, b, c, d): (i32, i32, i32, i32)| {
                    let hook = hook.clone();
                    Box::new(async move {
                        let call = StdinCall {
                            module: $module,
                            name: stringify!($name),
                            arguments: [a, b, c, d],
                        };
                        if $is_stdin(&mut caller, &call) {
                            return Err(hook.called(caller, call).await);
                        }
                        let (mut wasi, mut memory) = slowly(&mut caller)?;
                        errno($functions::$name(&mut wasi, &mut memory, a, b, c, d).await)
                    })
                },
            )?;
        };
    }
    let reads = |_: &mut Caller<'_, RunState>, call: &StdinCall| call.arguments[0] as u32 == STDIN;
    let waits_p0 = |caller: &mut Caller<'_, RunState>, call: &StdinCall| {
        waits_for_stdin(caller, call, P0_SUBSCRIPTION)
    };
    let waits_p1 = |caller: &mut Caller<'_, RunState>, call: &StdinCall| {
        waits_for_stdin(caller, call, P1_SUBSCRIPTION)
    };
    linker.allow_shadowing(true);
    hook!(P0, p1, fd_read, reads);
    hook!(P1, p1, fd_read, reads);
    hook!(P0, p0, poll_oneoff, waits_p0);
    hook!(P1, p1, poll_oneoff, waits_p1);
    linker.allow_shadowing(false);
    Ok(())
}

/// Whether one of the subscriptions waits for stdin. False if they are not in memory, which is an error that
/// the function itself reports.
fn waits_for_stdin(caller: &mut Caller<'_, RunState>, call: &StdinCall, size: usize) -> bool {
    let [subscriptions, _, count, _] = call.arguments.map(|number| number as u32 as usize);
    let Some(memory) = memory(caller) else {
        return false;
    };
    let all = count
        .checked_mul(size)
        .and_then(|bytes| subscriptions.checked_add(bytes))
        .and_then(|end| memory.data(&*caller).get(subscriptions..end));
    all.is_some_and(|all| {
        all.chunks_exact(size).any(|one| {
            let descriptor = &one[DESCRIPTOR..DESCRIPTOR + 4];
            one[TAG] == TAG_READ && descriptor == STDIN.to_le_bytes()
        })
    })
}
