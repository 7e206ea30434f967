//! `wasi:logging`: lines of stderr.

use super::kept::LOGGING;
use crate::stdio::{Output, OutputStreamKind, Printed, Replay};
use crate::wasi::state::RunState;
use wasmtime::component::{ComponentType, Lift, Linker, Lower};
use wasmtime::{Result, StoreContextMut};

#[expect(dead_code, reason = "values come from guests alone")]
#[derive(Clone, Copy, ComponentType, Debug, Lift, Lower)]
#[component(enum)]
#[repr(u8)]
enum Level {
    #[component(name = "trace")]
    Trace,
    #[component(name = "debug")]
    Debug,
    #[component(name = "info")]
    Info,
    #[component(name = "warn")]
    Warn,
    #[component(name = "error")]
    Error,
    #[component(name = "critical")]
    Critical,
}

pub(super) fn add_to_linker(linker: &mut Linker<RunState>) -> Result<()> {
    for name in LOGGING {
        let mut logging = linker.instance(name)?;
        logging.func_wrap_async(
            "log",
            |mut store: StoreContextMut<'_, RunState>,
             (level, context, message): (Level, String, String)| {
                let log = store.data_mut().stores().log.clone();
                Box::new(async move {
                    let Some((stderr, capture)) = log else {
                        return Ok(());
                    };
                    let level = format!("{level:?}").to_uppercase();
                    let line = match context.is_empty() {
                        true => format!("{level} {message}\n"),
                        false => format!("{level} {context}: {message}\n"),
                    };
                    let printed = Printed {
                        stream: OutputStreamKind::Stderr,
                        bytes: line.into(),
                    };
                    let replay = Replay {
                        printed: [printed].into(),
                        stdout: Output::Ignore,
                        stderr,
                        capture,
                    };
                    replay.print().await
                })
            },
        )?;
    }
    Ok(())
}
