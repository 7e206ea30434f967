//! The baseline as wasmtime's documentation shows it: the pool at its defaults, tasks on tokio's threads.

mod baseline;

use baseline::Measure;
use baseline::guest::Guest;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::runtime::Builder;
use tokio::task::{JoinSet, yield_now};
use wasmtime::{Config, Engine, PoolingAllocationConfig};

fn main() {
    baseline::main(open);
}

fn open(path: &Path, threads: usize, args: &[String]) -> Measure {
    let mut config = Config::new();
    config.allocation_strategy(PoolingAllocationConfig::new());
    let engine = Engine::new(&config).expect("an engine");
    let guest = Arc::new(Guest::new(engine, path, args));
    let runtime = Builder::new_multi_thread()
        .worker_threads(threads)
        .enable_all()
        .build()
        .expect("a runtime");
    Box::new(move |time| {
        let start = Instant::now();
        // One task per run, joined one by one, was slower than one task per thread.
        let counts = runtime.block_on(async {
            let tasks = (0..threads).map(|_| runs(guest.clone(), start, time));
            tasks.collect::<JoinSet<_>>().join_all().await
        });
        counts.iter().sum::<usize>() as f64 / start.elapsed().as_secs_f64()
    })
}

/// The runs of one task, one after the other.
async fn runs(guest: Arc<Guest>, start: Instant, time: Duration) -> usize {
    let mut runs = 0;
    while start.elapsed() < time {
        guest.check(&guest.run(false, |_| ()).await);
        runs += 1;
        yield_now().await;
    }
    runs
}
