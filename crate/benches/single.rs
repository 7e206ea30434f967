//! The core alone, without JavaScript: a thread that waits for each run before the next.

#[expect(dead_code, reason = "the guest of wasmtime alone")]
mod baseline;

use baseline::Measure;
use std::path::Path;
use std::time::{Duration, Instant};
use wasiexec::{Cache, Ending, LoadOptions, RunOptions, Runtime, RuntimeOptions};

fn main() {
    baseline::main(open);
}

fn open(path: &Path, threads: usize, args: &[String]) -> Measure {
    let options = RuntimeOptions {
        threads,
        cache: Cache::none(),
        ..RuntimeOptions::default()
    };
    let runtime = Runtime::new(options).expect("a runtime");
    let source = std::fs::read(path).expect("a guest");
    let program = runtime.load(source, LoadOptions::named("guest"));
    let program = program.expect("a program");
    let args = args.into();
    let options = RunOptions {
        args,
        ..RunOptions::default()
    };
    let run = move || {
        let outcome = runtime.run_sync(&program, options.clone());
        outcome.expect("an outcome")
    };
    let printed = run().stdout;
    Box::new(move |time: Duration| {
        let start = Instant::now();
        let mut runs = 0;
        while start.elapsed() < time {
            let outcome = run();
            assert_eq!(outcome.ending, Ending::Exit { code: 0 });
            assert_eq!(outcome.stdout, printed);
            runs += 1;
        }
        f64::from(runs) / start.elapsed().as_secs_f64()
    })
}
