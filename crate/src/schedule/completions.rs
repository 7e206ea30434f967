//! Runs that have ended and whose clients do not know it yet.

use super::run_group::{Client, Ended, RunGroup};
use super::submission::{QueuedRun, Submission};
use crate::error::Result;
use crate::guest::Outcome;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// While a thread has runs of a batch to start, it notifies the client this often: each time wakes the
/// client's thread.
const BATCH_INTERVAL: Duration = Duration::from_millis(2);

/// With more groups, those that have waited are delivered.
const MOST_GROUPS: usize = 8;

/// The runs that have ended on one thread. Most of the time all are of one group; where several clients have batches, the
/// runs of these take turns, and each client is still notified once.
#[derive(Default)]
pub(crate) struct Completions {
    /// When nothing was left to deliver.
    flushed: Option<Instant>,
    groups: Vec<EndedGroup>,
    /// The memory of a list that was delivered.
    spare: Vec<Ended>,
    /// The clients whose runs were delivered and that were not notified.
    clients: Vec<Arc<dyn Client>>,
}

/// Runs of one group.
struct EndedGroup {
    group: Arc<RunGroup>,
    ended: Vec<Ended>,
}

impl Completions {
    /// No completions; `now` is the time.
    pub(crate) fn at(now: Instant) -> Self {
        let mut this = Self::default();
        this.flushed = Some(now);
        this
    }

    pub(crate) fn add(&mut self, group: &Arc<RunGroup>, ended: Ended) {
        let is_same = |known: &&mut EndedGroup| Arc::ptr_eq(&known.group, group);
        match self.groups.iter_mut().find(is_same) {
            Some(known) => known.ended.push(ended),
            None => self.add_group(group, ended),
        }
        if !group.client.collects() {
            self.deliver();
        }
    }

    fn add_group(&mut self, group: &Arc<RunGroup>, first: Ended) {
        if self.groups.len() == MOST_GROUPS {
            self.deliver();
        }
        let mut ended = std::mem::take(&mut self.spare);
        ended.push(first);
        self.groups.push(EndedGroup {
            group: group.clone(),
            ended,
        });
    }

    /// Adds the end of runs that have not started.
    pub(crate) fn add_all(&mut self, submission: Submission, result: impl Fn() -> Result<Outcome>) {
        for QueuedRun { id, .. } in submission.runs {
            let result = result();
            self.add(&submission.group, Ended { id, result });
        }
    }

    /// Gives runs that have not started back to their client.
    pub(crate) fn give_back(&mut self, submission: Submission) {
        let client = &submission.group.client;
        submission
            .runs
            .iter()
            .for_each(|run| client.returned(run.id));
        self.will_notify(client);
    }

    /// Flushes, unless the runs are of a batch, the last flush is recent and nothing else `waits` for this
    /// thread: the thread comes back soon.
    pub(crate) fn flush_if_due(&mut self, now: Instant, waits: bool) {
        let are_of_batches = || {
            let mut groups = self.groups.iter();
            groups.len() > 0 && groups.all(|ended| ended.group.origin.batch.is_some())
        };
        let is_recent = self
            .flushed
            .is_some_and(|flushed| now - flushed < BATCH_INTERVAL);
        if waits || !is_recent || !are_of_batches() {
            self.flush();
            self.flushed = Some(now);
        }
    }

    /// Delivers all runs and notifies their clients.
    pub(crate) fn flush(&mut self) {
        self.deliver();
        for client in self.clients.drain(..) {
            client.notify();
        }
    }

    fn deliver(&mut self) {
        let groups = std::mem::take(&mut self.groups);
        for EndedGroup { group, mut ended } in groups {
            group.client.ended(&mut ended);
            ended.clear();
            self.spare = ended;
            self.will_notify(&group.client);
        }
    }

    fn will_notify(&mut self, client: &Arc<dyn Client>) {
        let is_same = |waiting: &Arc<dyn Client>| Arc::ptr_eq(waiting, client);
        if client.collects() && !self.clients.iter().any(is_same) {
            self.clients.push(client.clone());
        }
    }
}

/// A runner that is dropped between two runs, when its runtime goes down, has runs to deliver, too.
impl Drop for Completions {
    fn drop(&mut self) {
        self.flush();
    }
}

#[cfg(test)]
mod tests {
    use super::{Client, Completions, Ended, MOST_GROUPS, RunGroup};
    use crate::guest::Outcome;
    use crate::lock::lock;
    use crate::program::{Cache, LoadOptions};
    use crate::runtime::{Runtime, RuntimeOptions};
    use crate::schedule::Origin;
    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::sync::{Arc, Mutex};

    #[derive(Default)]
    struct Counting {
        collects: bool,
        ended: Mutex<Vec<u64>>,
        notified: AtomicUsize,
    }

    impl Client for Counting {
        fn ended(&self, runs: &mut Vec<Ended>) {
            lock(&self.ended).extend(runs.drain(..).map(|run| run.id));
        }

        fn collects(&self) -> bool {
            self.collects
        }

        fn notify(&self) {
            self.notified.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// Clients with a group each.
    fn clients(count: usize, collects: bool) -> Vec<(Arc<Counting>, Arc<RunGroup>)> {
        let runtime = Runtime::new(RuntimeOptions {
            threads: 1,
            max_concurrent_runs: 1,
            cache: Cache::none(),
        });
        let runtime = runtime.expect("a runtime");
        let program = runtime.load(&b"(module)"[..], LoadOptions::named("nothing"));
        let program = program.expect("a program");
        let make = |_| {
            let client = Arc::new(Counting {
                collects,
                ..Counting::default()
            });
            let group = RunGroup::new(
                Origin::default(),
                program.clone(),
                Arc::default(),
                client.clone(),
            );
            (client, Arc::new(group))
        };
        (0..count).map(make).collect()
    }

    #[test]
    fn clients_whose_runs_take_turns_are_notified_once() {
        for count in [1, 2, MOST_GROUPS, MOST_GROUPS + 1, 3 * MOST_GROUPS] {
            let clients = clients(count, true);
            let mut completions = Completions::default();
            for id in 0..100 {
                for (_, group) in &clients {
                    let result = Ok(Outcome::never_started());
                    completions.add(group, Ended { id, result });
                }
            }
            completions.flush();
            for (client, _) in &clients {
                assert_eq!(client.notified.load(Ordering::Relaxed), 1, "{count}");
                assert!(lock(&client.ended).iter().copied().eq(0..100), "{count}");
            }
        }
    }

    #[test]
    fn a_client_that_does_not_collect_hears_of_each_end_at_once() {
        let clients = clients(2, false);
        let mut completions = Completions::default();
        for id in 0..100 {
            for (client, group) in &clients {
                let result = Ok(Outcome::never_started());
                completions.add(group, Ended { id, result });
                assert_eq!(lock(&client.ended).last(), Some(&id));
            }
        }
    }
}
