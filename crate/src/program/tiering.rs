//! Work on programs that nobody waits for.
//!
//! One thread of the process does it for all runtimes, one task at a time, with threads of low priority for the
//! functions of a program: on a busy machine guests come first.

use crate::platform;
use rayon::{ThreadPool, ThreadPoolBuilder};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::OnceLock;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread;

type Task = Box<dyn FnOnce() + Send>;

/// Does `task` some time from now. Best effort: without threads it is not done.
pub(super) fn later(task: impl FnOnce() + Send + 'static) {
    static TASKS: OnceLock<Option<Sender<Task>>> = OnceLock::new();
    let tasks = TASKS.get_or_init(|| {
        let (sender, receiver) = channel();
        let thread = thread::Builder::new().name("wasiexec-tier".into());
        thread.spawn(move || work(receiver)).ok().map(|_| sender)
    });
    if let Some(tasks) = tasks {
        // The thread never ends.
        let _ = tasks.send(Box::new(task));
    }
}

fn work(tasks: Receiver<Task>) {
    platform::lower_thread_priority();
    let threads = ThreadPoolBuilder::new()
        .thread_name(|n| format!("wasiexec-tier-{n}"))
        .start_handler(|_| platform::lower_thread_priority())
        .build();
    for task in tasks {
        // A panic of a compiler is a program that stays as it is.
        let _ = catch_unwind(AssertUnwindSafe(|| install(threads.as_ref().ok(), task)));
    }
}

/// In a pool, wasmtime compiles with the threads of that pool.
fn install(threads: Option<&ThreadPool>, task: Task) {
    match threads {
        Some(threads) => threads.install(task),
        None => task(),
    }
}
