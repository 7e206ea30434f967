//! The threads that run guests, and what else waits and is polled there.

use std::io;
use tokio::runtime::{Builder, Runtime};

/// Starts this number of threads.
///
/// # Errors
///
/// When the system has no more of them, or no descriptors for their timers and sockets.
pub(super) fn start(count: usize) -> io::Result<Runtime> {
    Builder::new_multi_thread()
        .worker_threads(count)
        .thread_name("wasiexec-run")
        // A guest keeps a thread for a whole slice, and by default timers would wait for 61 of those. What a look at
        // timers and sockets wakes last goes first, and tokio 1 also wakes then what has yielded. So not after each
        // task: one that yields each time would keep the thread to itself. With a common divisor of the two,
        // tasks of other threads would always come between.
        .event_interval(2)
        .global_queue_interval(3)
        .enable_all()
        .build()
}

#[cfg(test)]
mod tests {
    use super::start;
    use std::sync::mpsc;
    use std::time::Duration;
    use tokio::task::yield_now;

    #[test]
    fn tasks_that_yield_again_and_again_leave_the_thread_to_others() {
        let threads = start(1).expect("threads");
        let (sender, receiver) = mpsc::channel();
        for _ in 0..3 {
            let sender = sender.clone();
            threads.spawn(async move {
                tokio::spawn(async move { sender.send(()) });
                loop {
                    yield_now().await;
                }
            });
        }
        for _ in 0..3 {
            let ran = receiver.recv_timeout(Duration::from_secs(60));
            ran.expect("a task that is polled");
        }
        threads.shutdown_background();
    }
}
