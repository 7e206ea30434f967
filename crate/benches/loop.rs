//! The core without JavaScript: so many runs at a time, over and over, for so many seconds.
//!
//! `loop GUEST THREADS CONCURRENCY SECONDS` prints the runs a second. `npm run bench` calls it beside
//! each measurement of the package.

use std::sync::{Arc, Condvar, Mutex};
use std::time::{Duration, Instant};
use wasiexec::{
    Cache, Ending, Job, Listener, Origin, Outcome, Program, Result, RunOptions, Runtime,
    RuntimeOptions, Submission,
};

struct Run {
    program: Arc<Program>,
    round: Arc<Round>,
}

/// Outcomes are collected and the waiting thread is told as the package does it.
#[derive(Default)]
struct Round {
    outcomes: Mutex<Vec<Outcome>>,
    news: Condvar,
}

impl Listener for Round {
    fn notify(&self) {
        self.news.notify_one();
    }
}

impl Job for Run {
    fn origin(&self) -> Origin {
        Origin {
            owner: 0,
            handle: 0,
        }
    }

    fn program(&self) -> &Arc<Program> {
        &self.program
    }

    fn options(&mut self) -> Result<RunOptions> {
        Ok(RunOptions::default())
    }

    fn done(self: Box<Self>, result: Result<Outcome>) -> Option<Arc<dyn Listener>> {
        let outcome = result.expect("an outcome");
        self.round.outcomes.lock().expect("a lock").push(outcome);
        Some(self.round)
    }
}

fn main() {
    let arguments: Vec<_> = std::env::args().skip(1).collect();
    let [guest, threads, concurrency, seconds, ..] = &arguments[..] else {
        // `cargo bench` and `cargo test --benches` call every bench without arguments of ours.
        return;
    };
    let threads = threads.parse().expect("a number of threads");
    let concurrency: usize = concurrency.parse().expect("a number of runs");
    let seconds: f64 = seconds.parse().expect("a number of seconds");
    let runtime = Runtime::new(RuntimeOptions {
        threads,
        cache: Cache::for_user(),
        ..RuntimeOptions::default()
    })
    .expect("a runtime");
    let source = std::fs::read(guest).expect("a guest");
    let program = runtime
        .load(&source, "guest", false, None)
        .expect("a program");

    let shared = Arc::<Round>::default();
    let round = || {
        runtime.submit((0..concurrency).map(|_| Submission {
            job: Box::new(Run {
                program: program.clone(),
                round: shared.clone(),
            }),
            control: Arc::default(),
        }));
        let mut missing = concurrency;
        while missing > 0 {
            let outcomes = shared.outcomes.lock().expect("a lock");
            let empty = |outcomes: &mut Vec<Outcome>| outcomes.is_empty();
            let mut outcomes = shared.news.wait_while(outcomes, empty).expect("a lock");
            let arrived = std::mem::take(&mut *outcomes);
            drop(outcomes);
            missing -= arrived.len();
            let good = |outcome: &Outcome| outcome.ending == Ending::Exit { code: 0 };
            assert!(arrived.iter().all(good));
        }
    };
    let warm = Instant::now();
    while warm.elapsed() < Duration::from_millis(200) {
        round();
    }
    let (start, mut runs) = (Instant::now(), 0);
    while start.elapsed().as_secs_f64() < seconds {
        round();
        runs += concurrency;
    }
    println!("{}", runs as f64 / start.elapsed().as_secs_f64());
}
