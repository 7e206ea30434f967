//! Optimized code that is made in the background, for the runs that start after it is there.
//!
//! One thread of the process does it for all runtimes, one program at a time, with threads of low priority: on a busy
//! machine guests come first. Nothing waits for it, and a program that is gone by its turn is passed over.

use super::code::ProgramCode;
use super::compile::Unstored;
use crate::platform;
use rayon::{ThreadPool, ThreadPoolBuilder};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, OnceLock, Weak};
use std::thread;

struct Task {
    code: Weak<ProgramCode>,
    unstored: Option<Unstored>,
}

/// Stores what is not in the cache yet, and optimizes the program if its runs wait for that. Best effort: without
/// threads the program stays as it is.
pub(super) fn follow_up(code: &Arc<ProgramCode>, unstored: Option<Unstored>) {
    static TASKS: OnceLock<Option<Sender<Task>>> = OnceLock::new();
    if unstored.is_none() && !code.waits_for_optimized() {
        return;
    }
    let tasks = TASKS.get_or_init(|| {
        let (sender, receiver) = channel();
        let thread = thread::Builder::new().name("wasiexec-tier".into());
        thread.spawn(move || work(receiver)).ok().map(|_| sender)
    });
    if let Some(tasks) = tasks {
        let code = Arc::downgrade(code);
        // The thread never ends.
        let _ = tasks.send(Task { code, unstored });
    }
}

fn work(tasks: Receiver<Task>) {
    platform::lower_thread_priority();
    let threads = ThreadPoolBuilder::new()
        .thread_name(|n| format!("wasiexec-tier-{n}"))
        .start_handler(|_| platform::lower_thread_priority())
        .build();
    for Task { code, unstored } in tasks {
        let Some(code) = code.upgrade() else { continue };
        // A panic of a compiler is a program that stays as it is.
        let _ = catch_unwind(AssertUnwindSafe(|| {
            do_task(&code, unstored, threads.as_ref().ok())
        }));
    }
}

fn do_task(code: &ProgramCode, unstored: Option<Unstored>, threads: Option<&ThreadPool>) {
    if let Some(unstored) = unstored {
        unstored.store();
    }
    if !code.waits_for_optimized() {
        return;
    }
    match threads {
        Some(threads) => threads.install(|| code.optimize()),
        None => code.optimize(),
    }
}
