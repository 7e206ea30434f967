use super::super::frame::{Frame, Kind};
use super::super::member::{Member, Outgoing, Phase};
use super::super::run::{PoolProgram, PoolRun, WORTH};
use super::super::state::{PoolDeferred, PoolState};
use crate::guest::{Ending, Outcome, Usage};
use crate::port::{Delivery, Operation, Outbox, PipeEvent, RunOperation};
use crate::stdio::OutputStreamKind;
use bytes::Bytes;
use std::iter::once;
use std::ops::Range;
use std::sync::Arc;
use std::time::{Duration, Instant};

const WORKERS: usize = 16;
const BATCH: u64 = 7;
/// A batch in which only the first worker has a share.
const ONE_AT_A_TIME: u64 = 8;
/// One in which the first two have.
const TWO_AT_A_TIME: u64 = 9;
const SHORT: Duration = Duration::from_micros(5);
const MEDIUM: Duration = Duration::from_millis(1);
const LONG: Duration = Duration::from_secs(1);
/// By then, a worker with short runs would have sent something.
const SILENCE: Duration = Duration::from_millis(4);

/// A pool whose workers are all up.
fn pool(cores: usize) -> PoolState {
    let members = (0..WORKERS).map(|_| {
        let mut member = Member::new(64, Vec::new());
        member.phase = Phase::Up;
        drop(member.take_frames());
        member
    });
    let mut state = PoolState::new(members.collect());
    state.cores = cores;
    for (id, concurrency) in [(BATCH, WORKERS), (ONE_AT_A_TIME, 1), (TWO_AT_A_TIME, 2)] {
        let batch = Operation::OpenBatch {
            id,
            concurrency,
            options: Bytes::new(),
        };
        let carried = state.apply_all(once(Ok(batch)), &mut PoolDeferred::default());
        carried.expect("a batch");
    }
    state
}

/// A program whose runs are expected to take this time.
fn program(time: Option<Duration>) -> Arc<PoolProgram> {
    let program = PoolProgram::new(1, Bytes::new());
    if let Some(time) = time {
        program.has_taken(time, 0);
    }
    Arc::new(program)
}

/// Submits this number of runs.
fn submit(state: &mut PoolState, program: &Arc<PoolProgram>, batch: u64, runs: u64, now: Instant) {
    let first = 1 + state.queue.len() as u64 + loads(state).iter().sum::<usize>() as u64;
    submit_as(state, program, batch, first..first + runs, now);
}

/// Submits runs with these ids, which are also their numbers.
fn submit_as(
    state: &mut PoolState,
    program: &Arc<PoolProgram>,
    batch: u64,
    ids: Range<u64>,
    now: Instant,
) {
    for id in ids {
        state.queue.add(run(id, program, batch));
    }
    state.spread_at(now);
}

/// A run with this id, which is also its number.
fn run(id: u64, program: &Arc<PoolProgram>, batch: u64) -> PoolRun {
    let operation = RunOperation {
        id,
        handle: 1,
        options: Bytes::new(),
        abortable: false,
        piped: false,
        batch,
    };
    PoolRun::new(id, operation, program.clone())
}

fn loads(state: &PoolState) -> Vec<usize> {
    state.members.iter().map(Member::load).collect()
}

/// How many workers have runs.
fn at_work(state: &PoolState) -> usize {
    loads(state).iter().filter(|load| **load > 0).count()
}

/// Takes the frames for all workers, as if they had been written.
fn deliver(state: &mut PoolState) {
    for index in 0..WORKERS {
        drop(state.take_frames(index));
        state.members[index].is_sending = false;
    }
}

#[test]
fn long_runs_and_those_of_unknown_length_go_to_all_workers_at_once() {
    for time in [None, Some(LONG), Some(MEDIUM)] {
        for batch in [0, BATCH] {
            for cores in [1, WORKERS] {
                let mut state = pool(cores);
                submit(
                    &mut state,
                    &program(time),
                    batch,
                    WORKERS as u64,
                    Instant::now(),
                );
                assert_eq!(loads(&state), [1; WORKERS], "{time:?} {batch} {cores}");
            }
        }
    }
}

#[test]
fn short_runs_go_to_as_few_workers_as_they_are_worth() {
    let mut before = 0;
    for micros in [1, 2, 5, 10, 20, 50, 100, 200, 400, 600, 10_000] {
        let mut state = pool(WORKERS);
        let program = program(Some(Duration::from_micros(micros)));
        submit(&mut state, &program, BATCH, WORKERS as u64, Instant::now());
        let used = at_work(&state);
        assert_eq!(state.queue.len(), 0);
        let work = program.time() * WORKERS as u32;
        let worth = work.as_micros().div_ceil(WORTH.as_micros()) as usize;
        assert!(
            used <= worth.clamp(1, WORKERS),
            "{used} workers for {micros} µs"
        );
        assert!(
            used >= before,
            "{used} workers for {micros} µs, {before} for less"
        );
        before = used;
    }
    assert_eq!(before, WORKERS);
}

#[test]
fn runs_that_come_one_by_one_go_to_a_worker_that_is_at_work() {
    for batch in [0, BATCH] {
        let now = Instant::now();
        let mut state = pool(WORKERS);
        let program = program(Some(SHORT));
        for _ in 0..5 {
            submit(&mut state, &program, batch, 1, now);
            deliver(&mut state);
        }
        assert_eq!(at_work(&state), 1, "{batch}");
        assert_eq!(state.queue.len(), 0);
    }
}

#[test]
fn a_worker_that_is_being_told_of_some_is_waited_for() {
    let now = Instant::now();
    let mut state = pool(WORKERS);
    let program = program(Some(SHORT));
    submit(&mut state, &program, BATCH, 1, now);
    assert!(!state.take_frames(0).is_empty());
    submit(&mut state, &program, BATCH, 5, now);
    assert_eq!((at_work(&state), state.queue.len()), (1, 5));
    state.members[0].is_sending = false;
    state.spread_at(now);
    assert_eq!((loads(&state)[0], state.queue.len()), (6, 0));
}

#[test]
fn no_more_workers_get_short_runs_than_there_are_cores() {
    for cores in [1, 2, 5, WORKERS, 2 * WORKERS] {
        let mut state = pool(cores);
        submit(
            &mut state,
            &program(Some(SHORT)),
            BATCH,
            20_000,
            Instant::now(),
        );
        assert_eq!(at_work(&state), cores.min(WORKERS));
        let used = cores.min(WORKERS);
        assert!(loads(&state)[used..].iter().all(|load| *load == 0));
    }
}

#[test]
fn a_worker_is_woken_for_what_those_at_work_do_not_take() {
    for cores in [1, 2, WORKERS] {
        let now = Instant::now();
        let mut state = pool(cores);
        let program = program(Some(SHORT));
        state.members[0].is_sending = true;
        submit(&mut state, &program, BATCH, 20_000, now);
        deliver(&mut state);
        assert_eq!(loads(&state)[0], 0);
        submit(&mut state, &program, ONE_AT_A_TIME, 1, now);
        let mut others = state.queue.remove(|run| run.batch == ONE_AT_A_TIME);
        assert!(others.pop().is_none(), "left with {cores} cores");
    }
}

#[test]
fn short_runs_pass_by_workers_with_long_ones() {
    for cores in [1, WORKERS] {
        let now = Instant::now();
        let mut state = pool(cores);
        submit(&mut state, &program(Some(LONG)), 0, 3, now);
        deliver(&mut state);
        submit(&mut state, &program(Some(SHORT)), BATCH, 3, now);
        assert_eq!(loads(&state)[..5], [1, 1, 1, 3, 0], "{cores}");
    }
}

#[test]
fn short_runs_pass_by_a_worker_that_says_nothing() {
    let mut now = Instant::now();
    let mut state = pool(1);
    let program = program(Some(SHORT));
    for stuck in 1..=3 {
        submit(&mut state, &program, 0, 1, now);
        deliver(&mut state);
        assert_eq!(at_work(&state), stuck);
        now += SILENCE;
    }
    assert_eq!(loads(&state)[..4], [1, 1, 1, 0]);
}

#[test]
fn where_all_say_nothing_runs_still_go_out() {
    for batch in [0, BATCH] {
        let mut now = Instant::now();
        let mut state = pool(WORKERS);
        let program = program(Some(SHORT));
        for _ in 0..WORKERS {
            submit(&mut state, &program, batch, 1, now);
            deliver(&mut state);
            now += SILENCE;
        }
        assert_eq!(loads(&state), [1; WORKERS]);
        submit(&mut state, &program, batch, 1, now);
        assert_eq!(state.queue.len(), 0, "{batch}");
    }
}

/// The first worker sends a frame, after it has taken `started` runs from its queue.
fn says(state: &mut PoolState, kind: Kind, delivery: Delivery, started: u64, now: Instant) {
    let mut frame = Frame::new(kind, delivery.records, delivery.bytes);
    frame.started = started;
    assert!(!state.arrived(0, frame).is_damaged);
    state.spread_at(now);
    deliver(state);
}

#[test]
fn a_run_that_is_on_its_way_back_goes_before_newer_ones() {
    let now = Instant::now();
    let mut state = pool(WORKERS);
    let program = program(Some(MEDIUM));
    submit(&mut state, &program, ONE_AT_A_TIME, 2, now);
    deliver(&mut state);
    assert_eq!(loads(&state)[0], 2);
    state.members[0].recall();
    deliver(&mut state);
    // The worker had not received the recall when the first run ended.
    let end = Delivery::of(1, &Ok(Outcome::never_started()));
    says(&mut state, Kind::Delivery, end, 1, now);
    submit_as(&mut state, &program, ONE_AT_A_TIME, 3..4, now);
    deliver(&mut state);
    assert_eq!((loads(&state)[0], state.queue.len()), (1, 1));
    let mut outbox = Outbox::default();
    outbox.returned(2);
    says(&mut state, Kind::Delivery, outbox.take(), 2, now);
    assert!(state.members[0].run(2).is_some());
    assert_eq!((loads(&state)[0], state.queue.len()), (1, 1));
    // Now the worker can take runs again.
    says(&mut state, Kind::Recalled, Delivery::default(), 2, now);
    assert_eq!((loads(&state)[0], state.queue.len()), (2, 0));
}

/// The operations that a worker would be sent now.
fn operations(member: &mut Member) -> Vec<Operation> {
    let frames = member.take_frames();
    let operations = |outgoing: &Outgoing| {
        let Frame { numbers, bytes, .. } = &outgoing.frame;
        Operation::all(numbers, bytes).collect::<Vec<_>>()
    };
    let of_operations = |outgoing: &&Outgoing| outgoing.frame.kind == Kind::Operations;
    { frames.iter().filter(of_operations).flat_map(operations) }
        .map(|operation| operation.expect("a whole operation"))
        .collect()
}

#[test]
fn each_worker_that_gets_a_run_learns_of_its_closed_streams() {
    let now = Instant::now();
    let mut state = pool(1);
    let closes = |state: &mut PoolState, kind| {
        let event = PipeEvent::Closed(kind);
        let close = Operation::Pipe { id: 1, event };
        let applied = state.apply_all(once(Ok(close)), &mut PoolDeferred::default());
        applied.expect("known to pools");
    };
    let closed = |operations: Vec<Operation>| {
        let kind = |operation| match operation {
            Operation::Pipe {
                id: 1,
                event: PipeEvent::Closed(kind),
            } => Some(kind),
            _ => None,
        };
        operations.into_iter().filter_map(kind).collect::<Vec<_>>()
    };
    let [stdout, stderr] = [OutputStreamKind::Stdout, OutputStreamKind::Stderr];
    state.queue.add(run(1, &program(None), 0));
    closes(&mut state, stdout);
    state.spread_at(now);
    assert_eq!(closed(operations(&mut state.members[0])), [stdout]);
    closes(&mut state, stderr);
    assert_eq!(closed(operations(&mut state.members[0])), [stderr]);
    // The run comes back without having started.
    state.members[0].recall();
    let mut outbox = Outbox::default();
    outbox.returned(1);
    state.members[0].phase = Phase::Up;
    let Delivery { records, bytes } = outbox.take();
    let frame = Frame::new(Kind::Recalled, records, bytes);
    assert!(!state.arrived(0, frame).is_damaged);
    state.spread_at(now);
    let told: Vec<_> = { state.members.iter_mut() }
        .map(|member| closed(operations(member)))
        .collect();
    assert_eq!(told.concat(), [stdout, stderr]);
}

type Change = fn(&mut Member);

/// Why the first worker cannot be given a run, and how that ends.
const OBSTACLES: [(Change, Change); 4] = [
    (
        |first| first.is_sending = true,
        |first| first.is_sending = false,
    ),
    (
        |first| first.phase = Phase::Starting,
        |first| first.phase = Phase::Up,
    ),
    (
        |first| first.phase = Phase::Gone,
        |first| first.phase = Phase::Up,
    ),
    // Other runs, which have not started.
    (
        |first| {
            for id in 100..110 {
                let mut run = run(id, &program(Some(MEDIUM)), 0);
                run.time = MEDIUM;
                first.send(run, Instant::now(), || (0, Operation::Recall));
            }
        },
        |first| first.progress(11, 0, false),
    ),
];

#[test]
fn a_run_that_comes_back_does_not_wait_behind_a_later_one_of_its_batch() {
    for (begin, end) in OBSTACLES {
        for time in [None, Some(SHORT), Some(MEDIUM), Some(LONG)] {
            let now = Instant::now();
            let mut state = pool(1);
            submit_as(&mut state, &program(time), TWO_AT_A_TIME, 1..2, now);
            submit_as(&mut state, &program(Some(MEDIUM)), TWO_AT_A_TIME, 2..3, now);
            deliver(&mut state);
            assert_eq!(loads(&state)[..2], [1, 1]);
            state.members[0].recall();
            deliver(&mut state);
            let mut outbox = Outbox::default();
            outbox.returned(1);
            let Delivery { records, bytes } = outbox.take();
            for mut frame in [
                Frame::new(Kind::Delivery, records, bytes),
                Frame::new(Kind::Recalled, Vec::new(), Bytes::new()),
            ] {
                frame.started = 1;
                assert!(!state.arrived(0, frame).is_damaged);
            }
            begin(&mut state.members[0]);
            state.spread_at(now);
            assert_eq!(state.queue.len(), 1, "{time:?}");
            end(&mut state.members[0]);
            state.spread_at(now);
            assert!(state.members[0].run(1).is_some(), "{time:?}");
        }
    }
}

#[test]
fn runs_of_a_batch_wait_in_a_worker_only_behind_those_that_end_soon() {
    for (time, waits) in [
        (None, false),
        (Some(SHORT), true),
        (Some(MEDIUM), true),
        (Some(LONG), false),
    ] {
        let now = Instant::now();
        let mut state = pool(1);
        submit_as(&mut state, &program(time), TWO_AT_A_TIME, 1..3, now);
        deliver(&mut state);
        // Those with shares are filled before that.
        let before = loads(&state)[..2].iter().sum::<usize>();
        submit_as(&mut state, &program(Some(MEDIUM)), TWO_AT_A_TIME, 3..9, now);
        let after = loads(&state)[..2].iter().sum::<usize>();
        assert_eq!(before, 2, "{time:?}");
        assert_eq!(after > before, waits, "{time:?}");
    }
}

#[test]
fn a_run_that_was_aborted_says_nothing_of_the_time_of_later_ones() {
    let now = Instant::now();
    let ending = [Ending::Abort, Ending::BrokenPipe];
    for ending in ending.into_iter().chain([Ending::Exit { code: 0 }]) {
        for (known, wall) in [(SHORT, LONG), (LONG, SHORT)] {
            let mut state = pool(WORKERS);
            let program = program(Some(known));
            let before = program.time();
            submit_as(&mut state, &program, 0, 1..2, now);
            deliver(&mut state);
            let usage = Usage {
                wall,
                ..Usage::default()
            };
            let outcome = Outcome {
                ending: ending.clone(),
                usage,
                ..Outcome::never_started()
            };
            says(
                &mut state,
                Kind::Delivery,
                Delivery::of(1, &Ok(outcome)),
                1,
                now,
            );
            assert_eq!(loads(&state)[0], 0, "the run has ended");
            let is_aborted = !matches!(ending, Ending::Exit { .. });
            assert_eq!(program.time() == before, is_aborted, "{ending:?} {known:?}");
        }
    }
}
