//! Work on programs that nobody waits for.
//!
//! A thread of the process for each kind of work does it for all runtimes, one task at a time, and with low priority:
//! on a busy machine guests come first.

use crate::platform;
use rayon::ThreadPoolBuilder;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::OnceLock;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread;
use std::time::{Duration, Instant};

/// The kinds of work.
#[derive(Clone, Copy)]
pub(super) enum Work {
    /// Putting code into the cache.
    Store,
    /// Compiling, with threads for the functions of a program.
    Compile,
}

/// A program that has just been loaded is run next, and most first runs are short. Compiling leaves the machine to them
/// for so long.
const HEAD_START: Duration = Duration::from_millis(10);

struct Task {
    since: Instant,
    work: Box<dyn FnOnce() + Send>,
}

type Tasks = OnceLock<Option<Sender<Task>>>;

/// Does `task` some time from now; false where there is no thread for it.
pub(super) fn later(work: Work, task: impl FnOnce() + Send + 'static) -> bool {
    static STORE: Tasks = OnceLock::new();
    static COMPILE: Tasks = OnceLock::new();
    let tasks = match work {
        Work::Store => STORE.get_or_init(|| start("wasiexec-store", store)),
        Work::Compile => COMPILE.get_or_init(|| start("wasiexec-tier", compile)),
    };
    // The thread never ends.
    let task = Task {
        since: Instant::now(),
        work: Box::new(task),
    };
    let send = |tasks: &Sender<Task>| tasks.send(task).is_ok();
    tasks.as_ref().is_some_and(send)
}

fn start(name: &str, work: fn(Receiver<Task>)) -> Option<Sender<Task>> {
    let (sender, receiver) = channel();
    let thread = thread::Builder::new().name(name.into());
    let started = thread.spawn(move || {
        platform::lower_thread_priority();
        work(receiver);
    });
    started.ok().map(|_| sender)
}

fn store(tasks: Receiver<Task>) {
    tasks.into_iter().for_each(attempt);
}

fn compile(tasks: Receiver<Task>) {
    let threads = ThreadPoolBuilder::new()
        .thread_name(|n| format!("wasiexec-tier-{n}"))
        .start_handler(|_| platform::lower_thread_priority())
        .build()
        .ok();
    // In a pool, wasmtime compiles with the threads of that pool.
    for task in tasks {
        thread::sleep(HEAD_START.saturating_sub(task.since.elapsed()));
        match &threads {
            Some(threads) => threads.install(|| attempt(task)),
            None => attempt(task),
        }
    }
}

/// A panic must not end the thread.
fn attempt(task: Task) {
    let _ = catch_unwind(AssertUnwindSafe(task.work));
}
