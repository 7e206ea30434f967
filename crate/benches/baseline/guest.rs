//! One run, the same in both baselines: a new store, stdout captured, its end classified.

use bytes::Bytes;
use std::path::Path;
use std::sync::OnceLock;
use wasmtime::{Engine, Extern, InstancePre, Linker, Module, ModuleExport, Store};
use wasmtime_wasi::p1::{self, WasiP1Ctx};
use wasmtime_wasi::p2::pipe::MemoryOutputPipe;
use wasmtime_wasi::{I32Exit, WasiCtxBuilder};

/// The default `outputBytes` of the package.
const OUTPUT_CAP: usize = 16 << 20;

/// A compiled guest with its imports resolved, and how it is called.
pub struct Guest {
    pub engine: Engine,
    pre: InstancePre<WasiP1Ctx>,
    start: ModuleExport,
    args: Vec<String>,
    printed: OnceLock<Bytes>,
}

/// How a run ended.
pub struct Ending {
    pub code: i32,
    pub stdout: Bytes,
}

impl Guest {
    pub fn new(engine: Engine, path: &Path, args: &[String]) -> Self {
        let module = Module::from_file(&engine, path).expect("a guest");
        let mut linker = Linker::new(&engine);
        p1::add_to_linker_async(&mut linker, |wasi| wasi).expect("WASI");
        Self {
            pre: linker.instantiate_pre(&module).expect("all imports"),
            start: module.get_export_index("_start").expect("a command"),
            engine,
            args: args.to_vec(),
            printed: OnceLock::new(),
        }
    }

    /// Makes one run. `block_here` lets WASI open files on this thread; `prepare` sets the store up.
    pub async fn run(
        &self,
        block_here: bool,
        prepare: impl FnOnce(&mut Store<WasiP1Ctx>),
    ) -> Ending {
        let stdout = MemoryOutputPipe::new(OUTPUT_CAP);
        let wasi = WasiCtxBuilder::new()
            .arg("guest")
            .args(&self.args)
            .stdout(stdout.clone())
            .allow_blocking_current_thread(block_here)
            .build_p1();
        let mut store = Store::new(&self.engine, wasi);
        prepare(&mut store);
        let result = self.call(&mut store).await;
        drop(store);
        let code = match result {
            Ok(()) => 0,
            Err(error) => error.downcast_ref::<I32Exit>().expect("an exit").0,
        };
        Ending {
            code,
            stdout: stdout.try_into_inner().expect("no other writer").freeze(),
        }
    }

    async fn call(&self, store: &mut Store<WasiP1Ctx>) -> wasmtime::Result<()> {
        let instance = self.pre.instantiate_async(&mut *store).await?;
        let start = instance
            .get_module_export(&mut *store, &self.start)
            .and_then(Extern::into_func)
            .expect("a function")
            .typed::<(), ()>(&*store)?;
        start.call_async(store, ()).await
    }

    /// Checks that the run ended with exit 0 and printed what the other runs print.
    pub fn check(&self, ending: &Ending) {
        assert_eq!(ending.code, 0);
        assert!(!ending.stdout.is_empty());
        assert_eq!(
            self.printed.get_or_init(|| ending.stdout.clone()),
            &ending.stdout
        );
    }
}
