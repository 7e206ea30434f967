//! What guests can import.

use super::clocks::Clocks;
use super::memory_files::ComponentFiles;
use super::preview1::P1;
use super::state::RunState;
use super::{directories, errnos, quick, sockets, stores, unstable};
use crate::guest::Exit;
use wasmtime::component::{HasSelf, ResourceTable};
use wasmtime::{Engine, Store, WasmBacktrace, component};
use wasmtime_wasi::cli::{WasiCli, WasiCliView};
use wasmtime_wasi::clocks::{WasiClocks, WasiClocksView};
use wasmtime_wasi::random::{WasiRandom, WasiRandomView};
use wasmtime_wasi::sockets::{WasiSockets, WasiSocketsView};

/// The imports of core modules: the functions of WASI 0.1 and the preview before it. Most of them call wasmtime-wasi's.
///
/// wasmtime-wasi's `proc_exit` returns a plain error from code 126 up (RATIONALE.md).
pub(crate) fn module_linker(engine: &Engine) -> wasmtime::Result<wasmtime::Linker<RunState>> {
    let mut linker = wasmtime::Linker::new(engine);
    // An error that has a backtrace gets no other one, and nobody looks at that of an exit. In a store without frames it
    // is empty.
    let frameless = Store::new(engine, ());
    linker.func_wrap(P1, "proc_exit", move |code: i32| -> wasmtime::Result<()> {
        let exit = wasmtime::Error::from(Exit(code as u32));
        Err(exit.context(WasmBacktrace::capture(&frameless)))
    })?;
    errnos::add_to_linker(&mut linker)?;
    directories::add_to_linker(&mut linker)?;
    quick::add_to_linker(&mut linker)?;
    unstable::add_to_linker(&mut linker)?;
    Ok(linker)
}

/// The imports of components: WASI 0.2, and, with tasks, 0.3 as far as wasmtime-wasi's experimental p3 goes.
///
/// Each interface is added by itself: with wasmtime-wasi's functions for all of them, those that have others of ours in
/// their place would be part of the binary too.
pub(crate) fn component_linker(
    engine: &Engine,
    has_tasks: bool,
) -> wasmtime::Result<component::Linker<RunState>> {
    let mut linker = component::Linker::new(engine);
    add_p2_interfaces(&mut linker)?;
    wasmtime_wasi_http::p2::add_only_http_to_linker_async(&mut linker)?;
    if has_tasks {
        add_p3_interfaces(&mut linker)?;
        wasmtime_wasi_http::p3::add_to_linker(&mut linker)?;
    }
    linker.allow_shadowing(true);
    directories::add_to_p2_linker(&mut linker)?;
    sockets::add_to_p2_linker(&mut linker)?;
    stores::add_to_linker(&mut linker)?;
    if has_tasks {
        directories::add_to_p3_linker(&mut linker)?;
        sockets::add_to_p3_linker(&mut linker)?;
    }
    linker.allow_shadowing(false);
    Ok(linker)
}

/// All of `wasi:cli/imports`, but `wasi:sockets/ip-name-lookup`.
fn add_p2_interfaces(linker: &mut component::Linker<RunState>) -> wasmtime::Result<()> {
    use wasmtime_wasi::p2::bindings::{cli, clocks, filesystem, random, sockets};
    use wasmtime_wasi_io::bindings::wasi::io;

    type Table = HasSelf<ResourceTable>;
    io::error::add_to_linker::<_, Table>(linker, RunState::table)?;
    io::poll::add_to_linker::<_, Table>(linker, RunState::table)?;
    io::streams::add_to_linker::<_, Table>(linker, RunState::table)?;
    cli::environment::add_to_linker::<_, WasiCli>(linker, RunState::cli)?;
    cli::exit::add_to_linker::<_, WasiCli>(linker, RunState::cli)?;
    cli::stderr::add_to_linker::<_, WasiCli>(linker, RunState::cli)?;
    cli::stdin::add_to_linker::<_, WasiCli>(linker, RunState::cli)?;
    cli::stdout::add_to_linker::<_, WasiCli>(linker, RunState::cli)?;
    cli::terminal_input::add_to_linker::<_, WasiCli>(linker, RunState::cli)?;
    cli::terminal_output::add_to_linker::<_, WasiCli>(linker, RunState::cli)?;
    cli::terminal_stderr::add_to_linker::<_, WasiCli>(linker, RunState::cli)?;
    cli::terminal_stdin::add_to_linker::<_, WasiCli>(linker, RunState::cli)?;
    cli::terminal_stdout::add_to_linker::<_, WasiCli>(linker, RunState::cli)?;
    clocks::monotonic_clock::add_to_linker::<_, Clocks>(linker, RunState::clock)?;
    clocks::wall_clock::add_to_linker::<_, WasiClocks>(linker, RunState::clocks)?;
    filesystem::preopens::add_to_linker::<_, ComponentFiles>(linker, RunState::guest_files)?;
    filesystem::types::add_to_linker::<_, ComponentFiles>(linker, RunState::guest_files)?;
    random::insecure::add_to_linker::<_, WasiRandom>(linker, RunState::random)?;
    random::insecure_seed::add_to_linker::<_, WasiRandom>(linker, RunState::random)?;
    random::random::add_to_linker::<_, WasiRandom>(linker, RunState::random)?;
    let options = sockets::network::LinkOptions::default();
    sockets::instance_network::add_to_linker::<_, WasiSockets>(linker, RunState::sockets)?;
    sockets::network::add_to_linker::<_, WasiSockets>(linker, &options, RunState::sockets)?;
    sockets::tcp::add_to_linker::<_, WasiSockets>(linker, RunState::sockets)?;
    sockets::tcp_create_socket::add_to_linker::<_, WasiSockets>(linker, RunState::sockets)?;
    sockets::udp::add_to_linker::<_, WasiSockets>(linker, RunState::sockets)?;
    sockets::udp_create_socket::add_to_linker::<_, WasiSockets>(linker, RunState::sockets)
}

/// The same of WASI 0.3.
fn add_p3_interfaces(linker: &mut component::Linker<RunState>) -> wasmtime::Result<()> {
    use wasmtime_wasi::p3::bindings::{clocks, filesystem, sockets};
    use wasmtime_wasi::p3::{cli, random};

    cli::add_to_linker(linker)?;
    clocks::monotonic_clock::add_to_linker::<_, Clocks>(linker, RunState::clock)?;
    clocks::system_clock::add_to_linker::<_, WasiClocks>(linker, RunState::clocks)?;
    clocks::types::add_to_linker::<_, WasiClocks>(linker, RunState::clocks)?;
    filesystem::preopens::add_to_linker::<_, ComponentFiles>(linker, RunState::guest_files)?;
    filesystem::types::add_to_linker::<_, ComponentFiles>(linker, RunState::guest_files)?;
    random::add_to_linker(linker)?;
    sockets::types::add_to_linker::<_, WasiSockets>(linker, RunState::sockets)
}

#[cfg(test)]
mod tests {
    use super::super::context::Wasi;
    use super::*;
    use crate::guest::Limits;
    use std::collections::BTreeMap;
    use std::sync::Arc;
    use wasmtime::Config;
    use wasmtime_wasi::p1::WasiP1Ctx;
    use wasmtime_wasi::{WasiCtx, p0, p1, p2, p3};

    fn engine() -> Engine {
        let mut config = Config::new();
        config.wasm_component_model_async(true);
        Engine::new(&config).expect("an engine")
    }

    /// The types of functions by module and name.
    fn types<T: 'static>(
        linker: &wasmtime::Linker<T>,
        store: &mut Store<T>,
    ) -> BTreeMap<String, String> {
        let mut externs: Vec<_> = linker.iter(&mut *store).collect();
        let named = |(module, name, it): (&str, &str, wasmtime::Extern)| {
            let ty = it.into_func().expect("a function").ty(&*store);
            (format!("{module}.{name}"), ty.to_string())
        };
        externs.drain(..).map(named).collect()
    }

    #[test]
    fn modules_can_import_what_wasmtime_wasi_has() -> wasmtime::Result<()> {
        let engine = engine();
        let mut theirs = wasmtime::Linker::<WasiP1Ctx>::new(&engine);
        p1::add_to_linker_async(&mut theirs, |it| it)?;
        p0::add_to_linker_async(&mut theirs, |it| it)?;
        let ours = module_linker(&engine)?;
        let state = RunState::new(Wasi::idle(), Limits::default(), Arc::default());
        let ours = types(&ours, &mut Store::new(&engine, state));
        let theirs = types(
            &theirs,
            &mut Store::new(&engine, WasiCtx::builder().build_p1()),
        );
        assert!(theirs.len() > 90);
        assert_eq!(ours, theirs);
        Ok(())
    }

    /// The interfaces of a version, and something that each has.
    const P2: &[(&str, &str)] = &[
        ("cli/environment", "get-arguments"),
        ("cli/exit", "exit"),
        ("cli/stderr", "get-stderr"),
        ("cli/stdin", "get-stdin"),
        ("cli/stdout", "get-stdout"),
        ("cli/terminal-input", "terminal-input"),
        ("cli/terminal-output", "terminal-output"),
        ("cli/terminal-stderr", "get-terminal-stderr"),
        ("cli/terminal-stdin", "get-terminal-stdin"),
        ("cli/terminal-stdout", "get-terminal-stdout"),
        ("clocks/monotonic-clock", "now"),
        ("clocks/wall-clock", "now"),
        ("filesystem/preopens", "get-directories"),
        ("filesystem/types", "descriptor"),
        ("io/error", "error"),
        ("io/poll", "poll"),
        ("io/streams", "input-stream"),
        ("random/insecure", "get-insecure-random-u64"),
        ("random/insecure-seed", "insecure-seed"),
        ("random/random", "get-random-u64"),
        ("sockets/instance-network", "instance-network"),
        ("sockets/ip-name-lookup", "resolve-addresses"),
        ("sockets/network", "network"),
        ("sockets/tcp", "tcp-socket"),
        ("sockets/tcp-create-socket", "create-tcp-socket"),
        ("sockets/udp", "udp-socket"),
        ("sockets/udp-create-socket", "create-udp-socket"),
    ];
    const P3: &[(&str, &str)] = &[
        ("cli/environment", "get-arguments"),
        ("cli/exit", "exit"),
        ("cli/stderr", "write-via-stream"),
        ("cli/stdin", "read-via-stream"),
        ("cli/stdout", "write-via-stream"),
        ("cli/terminal-input", "terminal-input"),
        ("cli/terminal-output", "terminal-output"),
        ("cli/terminal-stderr", "get-terminal-stderr"),
        ("cli/terminal-stdin", "get-terminal-stdin"),
        ("cli/terminal-stdout", "get-terminal-stdout"),
        ("clocks/monotonic-clock", "now"),
        ("clocks/system-clock", "now"),
        ("filesystem/preopens", "get-directories"),
        ("filesystem/types", "descriptor"),
        ("random/insecure", "get-insecure-random-u64"),
        ("random/insecure-seed", "get-insecure-seed"),
        ("random/random", "get-random-u64"),
        ("sockets/ip-name-lookup", "resolve-addresses"),
        ("sockets/types", "tcp-socket"),
    ];

    /// Whether an interface has something of this name: it cannot be defined again.
    fn has<T: 'static>(linker: &mut component::Linker<T>, interface: &str, name: &str) -> bool {
        let mut interface = linker.instance(interface).expect("an interface");
        interface.func_wrap(name, |_, (): ()| Ok(())).is_err()
    }

    #[test]
    fn components_can_import_every_interface_of_wasi() -> wasmtime::Result<()> {
        let engine = engine();
        let mut theirs = component::Linker::<RunState>::new(&engine);
        p2::add_to_linker_async(&mut theirs)?;
        p3::add_to_linker(&mut theirs)?;
        let mut ours = component_linker(&engine, true)?;
        for (interfaces, version) in [(P2, "0.2.12"), (P3, "0.3.0")] {
            for (interface, item) in interfaces {
                let interface = format!("wasi:{interface}@{version}");
                let theirs = has(&mut theirs, &interface, item);
                assert!(theirs, "wasmtime-wasi has no {item} in {interface}");
                assert!(has(&mut ours, &interface, item), "{interface}: {item}");
            }
        }
        assert!(!has(&mut ours, "wasi:cli/exit@0.2.12", "other"));
        Ok(())
    }
}
