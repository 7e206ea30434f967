//! The baseline as fast as wasmtime-wasi's API allows: the pool keeps memory resident, each thread has a loop of
//! runs, and endings are handed over in bulk.

mod baseline;

use baseline::Measure;
use baseline::guest::{Ending, Guest};
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc;
use std::thread;
use std::time::{Duration, Instant};
use tokio::runtime::Builder;
use wasmtime::{Config, Enabled, Engine, PoolingAllocationConfig};

const TICK: Duration = Duration::from_millis(10);
const KEEP_RESIDENT: usize = 32 << 20;
const SLOTS: u32 = 64;
/// Endings are handed over when there are this many, or once per turn.
const CHUNK: usize = 256;
const TURN: Duration = Duration::from_millis(5);

fn main() {
    baseline::main(open);
}

fn open(path: &Path, threads: usize, args: &[String]) -> Measure {
    let guest = Guest::new(engine(), path, args);
    Box::new(move |time| {
        let start = Instant::now();
        let stop = AtomicBool::new(false);
        thread::scope(|scope| {
            let (sender, endings) = mpsc::channel();
            for _ in 0..threads {
                let (sender, guest) = (sender.clone(), &guest);
                scope.spawn(move || runs(guest, start, time, &sender));
            }
            drop(sender);
            scope.spawn(|| {
                while !stop.load(Ordering::Relaxed) {
                    thread::sleep(TICK);
                    guest.engine.increment_epoch();
                }
            });
            let mut count = 0;
            for chunk in endings {
                chunk.iter().for_each(|ending| guest.check(ending));
                count += chunk.len();
            }
            let rate = count as f64 / start.elapsed().as_secs_f64();
            stop.store(true, Ordering::Relaxed);
            rate
        })
    })
}

/// The loop of one thread.
fn runs(guest: &Guest, start: Instant, time: Duration, endings: &mpsc::Sender<Vec<Ending>>) {
    let runtime = Builder::new_current_thread().enable_all().build();
    runtime.expect("a runtime").block_on(async {
        while start.elapsed() < time {
            let turn = Instant::now();
            let mut chunk = Vec::with_capacity(CHUNK);
            while chunk.len() < CHUNK && turn.elapsed() < TURN {
                let run = guest.run(true, |store| {
                    store.epoch_deadline_async_yield_and_update(1);
                    store.set_epoch_deadline(1);
                });
                chunk.push(run.await);
            }
            endings.send(chunk).expect("a receiver");
        }
    });
}

fn engine() -> Engine {
    let mut pool = PoolingAllocationConfig::new();
    pool.total_memories(SLOTS)
        .total_tables(SLOTS)
        .total_stacks(SLOTS)
        .total_core_instances(SLOTS)
        .max_unused_warm_slots(SLOTS)
        .linear_memory_keep_resident(KEEP_RESIDENT)
        .table_keep_resident(KEEP_RESIDENT)
        .async_stack_keep_resident(KEEP_RESIDENT)
        .pagemap_scan(Enabled::Auto);
    let mut config = Config::new();
    config
        .allocation_strategy(pool)
        .concurrency_support(false)
        .epoch_interruption(true);
    Engine::new(&config).expect("an engine")
}
