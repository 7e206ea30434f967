//! So many runs at a time, submitted together, on the scheduler's own threads.

use std::path::Path;
use std::sync::{Arc, Condvar, Mutex};
use wasiexec::{
    Cache, Ending, Job, Listener, LoadOptions, Origin, Outcome, Program, Result, RunOptions,
    Runtime, RuntimeOptions, Submission,
};

struct Run {
    program: Arc<Program>,
    round: Arc<Round>,
}

/// Outcomes are collected and the waiting thread is told as the package does it.
#[derive(Default)]
struct Round {
    options: Arc<RunOptions>,
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
            batch: None,
        }
    }

    fn program(&self) -> &Arc<Program> {
        &self.program
    }

    fn options(&mut self) -> Result<Arc<RunOptions>> {
        Ok(self.round.options.clone())
    }

    fn done(self: Box<Self>, result: Result<Outcome>) -> Option<Arc<dyn Listener>> {
        let outcome = result.expect("an outcome");
        self.round.outcomes.lock().expect("a lock").push(outcome);
        Some(self.round)
    }
}

/// A program and the runtime that it is loaded in.
pub struct Rounds {
    runtime: Runtime,
    program: Arc<Program>,
    round: Arc<Round>,
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
        Self {
            runtime,
            program: program.expect("a program"),
            round: Arc::default(),
        }
    }

    /// Runs it so many times and waits for the last.
    pub fn run(&self, runs: usize) {
        self.runtime.submit((0..runs).map(|_| Submission {
            job: Box::new(Run {
                program: self.program.clone(),
                round: self.round.clone(),
            }),
            control: Arc::default(),
        }));
        let mut missing = runs;
        while missing > 0 {
            let outcomes = self.round.outcomes.lock().expect("a lock");
            let empty = |outcomes: &mut Vec<Outcome>| outcomes.is_empty();
            let mut outcomes = self.round.news.wait_while(outcomes, empty).expect("a lock");
            let arrived = std::mem::take(&mut *outcomes);
            drop(outcomes);
            missing -= arrived.len();
            let good = |outcome: &Outcome| outcome.ending == Ending::Exit { code: 0 };
            assert!(arrived.iter().all(good));
        }
    }
}
