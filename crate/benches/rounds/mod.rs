//! So many runs at a time, submitted together, on the scheduler's own threads.

use bytes::Bytes;
use std::path::Path;
use std::sync::{Arc, Condvar, Mutex};
use wasiexec::{
    Cache, Ended, Ending, Listener, LoadOptions, Origin, Outcome, Parcel, Program, QueuedRun,
    RunOptions, Runtime, RuntimeOptions, Submission,
};

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

struct Runs {
    program: Arc<Program>,
    round: Arc<Round>,
    listener: Arc<dyn Listener>,
    options: RunOptions,
}

impl Parcel for Runs {
    fn origin(&self) -> Origin {
        Origin {
            owner: 0,
            handle: 0,
            batch: None,
        }
    }

    fn program(&self) -> &Arc<Program> {
        &self.program
    }

    fn options(&self) -> &RunOptions {
        &self.options
    }

    fn ended(&self, runs: &mut Vec<Ended>) {
        let mut outcomes = self.round.outcomes.lock().expect("a lock");
        outcomes.extend(runs.drain(..).map(|run| run.result.expect("an outcome")));
    }

    fn listener(&self) -> Option<&Arc<dyn Listener>> {
        Some(&self.listener)
    }
}

/// A program and the runtime that it is loaded in.
pub struct Rounds {
    runtime: Runtime,
    runs: Arc<Runs>,
}

impl Rounds {
    pub fn new(guest: &Path, threads: usize) -> Self {
        let runtime = Runtime::new(RuntimeOptions {
            threads,
            cache: Cache::none(),
            ..RuntimeOptions::default()
        })
        .expect("a runtime");
        let source = std::fs::read(guest).expect("a guest");
        let program = runtime.load(&source, LoadOptions::named("guest"));
        let round = Arc::<Round>::default();
        Self {
            runtime,
            runs: Arc::new(Runs {
                program: program.expect("a program"),
                listener: round.clone(),
                round,
                options: RunOptions::default(),
            }),
        }
    }

    /// Runs it so many times and waits for the last.
    pub fn run(&self, runs: usize) {
        let run = |_| QueuedRun {
            id: 0,
            payload: Bytes::new(),
            control: None,
        };
        self.runtime.submit([Submission {
            parcel: self.runs.clone(),
            runs: (0..runs).map(run).collect(),
        }]);
        let mut missing = runs;
        while missing > 0 {
            let outcomes = self.runs.round.outcomes.lock().expect("a lock");
            let empty = |outcomes: &mut Vec<Outcome>| outcomes.is_empty();
            let mut outcomes = self
                .runs
                .round
                .news
                .wait_while(outcomes, empty)
                .expect("a lock");
            let arrived = std::mem::take(&mut *outcomes);
            drop(outcomes);
            missing -= arrived.len();
            let good = |outcome: &Outcome| outcome.ending == Ending::Exit { code: 0 };
            assert!(arrived.iter().all(good));
        }
    }
}
