//! A number of runs at a time, submitted together, on the scheduler's own threads.

use bytes::Bytes;
use std::path::Path;
use std::sync::{Arc, Condvar, Mutex};
use wasiexec::{
    Cache, Client, Ended, Ending, LoadOptions, Origin, Outcome, QueuedRun, RunGroup, RunOptions,
    Runtime, RuntimeOptions, Submission,
};

/// Collects outcomes and notifies the waiting thread, as the package does.
#[derive(Default)]
struct Round {
    outcomes: Mutex<Vec<Outcome>>,
    ended: Condvar,
}

impl Client for Round {
    fn ended(&self, runs: &mut Vec<Ended>) {
        let mut outcomes = self.outcomes.lock().expect("a lock");
        outcomes.extend(runs.drain(..).map(|run| run.result.expect("an outcome")));
    }

    fn collects(&self) -> bool {
        true
    }

    fn notify(&self) {
        self.ended.notify_one();
    }
}

/// A program and the runtime in which it is loaded.
pub struct Rounds {
    runtime: Runtime,
    round: Arc<Round>,
    group: Arc<RunGroup>,
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
        let group = RunGroup::new(
            Origin::default(),
            program.expect("a program"),
            Arc::<RunOptions>::default(),
            round.clone(),
        );
        Self {
            runtime,
            round,
            group: Arc::new(group),
        }
    }

    /// Makes this number of runs and waits for the last.
    pub fn run(&self, runs: usize) {
        let run = |_| QueuedRun {
            id: 0,
            payload: Bytes::new(),
            control: None,
            instance: None,
        };
        self.runtime.submit([Submission {
            group: self.group.clone(),
            runs: (0..runs).map(run).collect(),
        }]);
        let mut missing = runs;
        while missing > 0 {
            let outcomes = self.round.outcomes.lock().expect("a lock");
            let empty = |outcomes: &mut Vec<Outcome>| outcomes.is_empty();
            let mut outcomes = self
                .round
                .ended
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
