use crate::host::{
    PATIENCE, Text, args, idle, load_in, options, run_in, single_threaded, start, wait_until,
};
use bytes::Bytes;
use std::sync::Arc;
use std::sync::mpsc::{self, Receiver, Sender};
use std::time::{Duration, SystemTime, UNIX_EPOCH};
use wasiexec::{
    BatchId, CallControl, Cause, Client, Ended, Ending, Origin, Outcome, QueuedRun, RunGroup,
    RunOptions, Runtime, RuntimeOptions, Submission,
};

/// The output that one run may print by default, and the part of it that a batch may have unread.
const OUTPUT: u64 = 16 << 20;
const HELD: usize = 4;

/// Sends the numbers and outcomes of runs.
struct Sends {
    ended: Sender<(usize, Outcome)>,
    collects: bool,
}

impl Client for Sends {
    fn ended(&self, runs: &mut Vec<Ended>) {
        for Ended { id, result } in runs.drain(..) {
            let id = usize::try_from(id).expect("a number that it was given");
            // The test may have stopped receiving.
            let _ = self.ended.send((id, result.expect("an outcome")));
        }
    }

    fn collects(&self) -> bool {
        self.collects
    }
}

/// A batch, and how its runs ended.
struct Batch<'a> {
    runtime: &'a Runtime,
    id: BatchId,
    collects: bool,
    controls: Vec<Arc<CallControl>>,
    sender: Sender<(usize, Outcome)>,
    ended: Receiver<(usize, Outcome)>,
}

impl<'a> Batch<'a> {
    fn open(runtime: &'a Runtime, concurrency: usize) -> Self {
        let (sender, ended) = mpsc::channel();
        Self {
            runtime,
            id: runtime.open_batch(concurrency),
            collects: false,
            controls: Vec::new(),
            sender,
            ended,
        }
    }

    fn submit(&mut self, name: &str, arguments: &[&str], count: usize) {
        let origin = Origin {
            owner: None,
            batch: Some(self.id),
        };
        let client = Sends {
            ended: self.sender.clone(),
            collects: self.collects,
        };
        let group = Arc::new(RunGroup::new(
            origin,
            load_in(self.runtime, name),
            Arc::new(args(arguments)),
            Arc::new(client),
        ));
        let first = self.controls.len();
        self.controls
            .extend((0..count).map(|_| Arc::<CallControl>::default()));
        let run = |number: usize| QueuedRun {
            id: number as u64,
            payload: Bytes::new(),
            control: Some(self.controls[number].clone()),
            instance: None,
        };
        let runs = (first..first + count).map(run).collect();
        self.runtime.submit([Submission { group, runs }]);
    }

    fn next(&self) -> (usize, Outcome) {
        self.ended.recv_timeout(PATIENCE).expect("an end")
    }

    fn take(&self, count: usize) -> Vec<(usize, Outcome)> {
        (0..count).map(|_| self.next()).collect()
    }

    fn abort(&self) {
        self.runtime.abort(|origin| origin.batch == Some(self.id));
    }
}

#[test]
fn as_many_runs_go_on_as_the_concurrency_says() {
    let runtime = idle();
    for (concurrency, at_a_time) in [(3, 3), (1, 1), (0, 1), (100, 40)] {
        let mut batch = Batch::open(&runtime, concurrency);
        batch.submit("sleep-hour", &[], 40);
        wait_until(&runtime, |queued, running, _| {
            running == at_a_time && queued == 40 - at_a_time
        });
        // Runs outside of the batch do not wait for it.
        assert_eq!(
            run_in(&runtime, "hello", RunOptions::default()).stdout(),
            "hello\n"
        );
        assert_eq!(runtime.stats().counts.queued, 40 - at_a_time);
        batch.abort();
        for (_, outcome) in batch.take(40) {
            assert_eq!(outcome.ending, Ending::Abort);
        }
        runtime.close_batch(batch.id);
        wait_until(&runtime, |queued, running, _| (queued, running) == (0, 0));
    }
}

#[test]
fn the_next_run_starts_when_one_has_ended() {
    let runtime = idle();
    let mut batch = Batch::open(&runtime, 4);
    batch.submit("sleep-argv", &["2"], 100);
    for (_, outcome) in batch.take(100) {
        assert_eq!(outcome.stdout(), "slept\n");
        assert!(runtime.stats().counts.running <= 4);
    }
}

#[test]
fn one_at_a_time_they_run_in_their_order() {
    let runtime = single_threaded();
    let mut batch = Batch::open(&runtime, 1);
    batch.submit("hello", &[], 50);
    batch.submit("sleep-argv", &["1"], 20);
    batch.submit("hello", &[], 30);
    let order: Vec<_> = batch
        .take(100)
        .into_iter()
        .map(|(number, _)| number)
        .collect();
    assert_eq!(order, (0..100).collect::<Vec<_>>());
}

#[test]
fn batches_take_turns() {
    let runtime = single_threaded();
    let (mut large, mut small) = (Batch::open(&runtime, 2), Batch::open(&runtime, 2));
    // Both send to the same receiver, in the order in which they end.
    small.sender = large.sender.clone();
    large.submit("sleep-argv", &["0"], 5_000);
    small.submit("hello", &[], 100);
    let last = large
        .take(5_100)
        .iter()
        .rposition(|(_, outcome)| outcome.stdout() == "hello\n");
    assert!(
        last < Some(1_000),
        "the last of the small one is at {last:?}"
    );
}

#[test]
fn outputs_that_are_not_read_hold_back_the_next_runs() {
    const RUNS: usize = 20;
    let runtime = idle();
    let mut batch = Batch::open(&runtime, 2);
    let bytes = OUTPUT.to_string();
    batch.submit("flood-argv", &[&bytes], RUNS);
    let mut left = RUNS;
    while left > 0 {
        let least = left.saturating_sub(HELD);
        wait_until(&runtime, |queued, running, _| {
            running == 0 && queued <= least
        });
        let held = left - runtime.stats().counts.queued;
        // And the runs that were in progress when the limit was reached.
        assert!(held <= HELD + 1, "{held} outputs");
        for (_, outcome) in batch.take(held) {
            assert_eq!(outcome.stdout.len() as u64, OUTPUT);
        }
        left -= held;
        runtime.batch_read(batch.id, OUTPUT * held as u64);
    }
}

#[test]
fn runs_that_wait_for_outputs_to_be_read_are_aborted_with_the_others() {
    let runtime = idle();
    let mut batch = Batch::open(&runtime, 1);
    let bytes = OUTPUT.to_string();
    batch.submit("flood-argv", &[&bytes], 10);
    wait_until(&runtime, |queued, running, _| (queued, running) == (6, 0));
    batch.abort();
    let endings: Vec<_> = batch.take(10).into_iter().map(|(_, o)| o.ending).collect();
    assert_eq!(endings[..4], vec![Ending::Exit { code: 0 }; 4]);
    assert_eq!(endings[4..], vec![Ending::Abort; 6]);
}

#[test]
fn an_abort_of_a_batch_is_nobody_elses() {
    let runtime = idle();
    let (mut one, mut other) = (Batch::open(&runtime, 2), Batch::open(&runtime, 2));
    one.submit("sleep-hour", &[], 5);
    other.submit("sleep-hour", &[], 5);
    let mut single = start(&runtime, "sleep-hour", RunOptions::default());
    wait_until(&runtime, |_, running, _| running == 5);
    one.abort();
    for (_, outcome) in one.take(5) {
        assert_eq!(outcome.ending, Ending::Abort);
    }
    wait_until(&runtime, |queued, running, _| (queued, running) == (3, 3));
    assert!(single.is_going_on());
    other.abort();
    for (_, outcome) in other.take(5) {
        assert_eq!(outcome.ending, Ending::Abort);
    }
    single.control.stop(Cause::Abort);
    runtime.sweep();
    assert_eq!(single.outcome().ending, Ending::Abort);
}

#[test]
fn single_runs_of_a_batch_are_stopped_wherever_they_wait() {
    let runtime = idle();
    let mut batch = Batch::open(&runtime, 2);
    batch.submit("sleep-hour", &[], 2);
    batch.submit("hello", &[], 8);
    wait_until(&runtime, |queued, running, _| (queued, running) == (8, 2));
    for number in [4, 9] {
        assert!(batch.controls[number].stop(Cause::Abort));
    }
    runtime.sweep();
    let mut stopped: Vec<_> = batch.take(2).into_iter().map(|(n, _)| n).collect();
    stopped.sort_unstable();
    assert_eq!(stopped, [4, 9]);
    assert_eq!(runtime.stats().counts.queued, 6);
    // The aborted runs do not keep the places of others.
    batch.controls[0].stop(Cause::Abort);
    runtime.sweep();
    let rest = batch.take(7);
    assert_eq!((rest[0].0, rest[0].1.ending.clone()), (0, Ending::Abort));
    assert!(rest[1..].iter().all(|(_, o)| o.stdout() == "hello\n"));
    batch.abort();
    assert_eq!(batch.next().1.ending, Ending::Abort);
}

#[test]
fn a_closed_batch_is_forgotten_with_its_last_run() {
    let runtime = idle();
    let mut batch = Batch::open(&runtime, 2);
    batch.submit("sleep-hour", &[], 1);
    let (id, other) = (batch.id, runtime.open_batch(1));
    runtime.close_batch(id);
    // The batch still has a run, so its number is not given to another batch.
    assert_ne!(runtime.open_batch(1), id);
    batch.abort();
    batch.next();
    wait_until(&runtime, |_, running, _| running == 0);
    assert_eq!(runtime.open_batch(1), id);
    runtime.close_batch(other);
    assert_eq!(runtime.open_batch(1), other);
}

#[test]
fn closing_the_runtime_aborts_what_a_batch_has() {
    let runtime = idle();
    let mut batch = Batch::open(&runtime, 3);
    batch.submit("sleep-hour", &[], 10);
    wait_until(&runtime, |queued, running, _| (queued, running) == (7, 3));
    runtime.close_and_wait();
    for (_, outcome) in batch.take(10) {
        assert_eq!(outcome.ending, Ending::Abort);
    }
    let counts = runtime.stats().counts;
    assert_eq!((counts.queued, counts.running, counts.finished), (0, 0, 10));
    runtime.close_batch(batch.id);
    runtime.batch_read(runtime.open_batch(1), 1);
}

/// The time from the first end in a batch to its notification.
fn lateness(runtime: &Runtime) -> Duration {
    let mut batch = Batch::open(runtime, 200);
    batch.collects = true;
    batch.submit("clock", &[], 200);
    let (_, first) = batch.next();
    let now = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .expect("a date");
    batch.take(199);
    runtime.close_batch(batch.id);
    let printed = first.stdout().lines().next().expect("the wall clock");
    let then = Duration::from_nanos(printed.parse().expect("nanoseconds"));
    now.saturating_sub(then)
}

#[test]
fn an_end_is_told_before_guests_that_compute_have_the_thread() {
    const COMPUTING: usize = 60;
    let runtime = Runtime::new(RuntimeOptions {
        threads: 1,
        ..options()
    })
    .expect("a runtime");
    for _ in 0..COMPUTING {
        let _ = start(&runtime, "loop", RunOptions::default());
    }
    wait_until(&runtime, |_, running, _| running == COMPUTING);
    // Each of these keeps the thread for a millisecond, and longer on a busy machine.
    let least = (0..5).map(|_| lateness(&runtime)).min();
    assert!(least < Some(Duration::from_millis(30)), "{least:?}");
    runtime.close_and_wait();
}

#[test]
fn a_runtime_is_closed_when_all_ends_have_been_told() {
    const RUNS: usize = 2_000;
    for round in 0..30 {
        let runtime = idle();
        let mut batch = Batch::open(&runtime, RUNS);
        batch.collects = true;
        batch.submit("hello", &[], RUNS);
        std::thread::sleep(Duration::from_micros(round * 297));
        runtime.close_and_wait();
        assert_eq!(batch.ended.try_iter().count(), RUNS, "round {round}");
    }
}
