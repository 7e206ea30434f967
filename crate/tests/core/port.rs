use crate::host::{PATIENCE, idle, source, wait_until};
use bytes::Bytes;
use std::sync::Arc;
use std::sync::mpsc::{self, Receiver};
use wasiexec::{ErrorCode, LoadOptions, LoadRequest, Port, ProgramSource, Result, Runtime};

/// The other end of a port: sends operations as numbers, and receives records as they come.
struct Submitter {
    port: Arc<Port>,
    woken: Receiver<()>,
}

const RUN: u32 = 1;
const OPEN_BATCH: u32 = 9;
const ABORT_BATCH: u32 = 10;
const CLOSE_BATCH: u32 = 11;
const BATCH_READ: u32 = 12;

const PROGRAM: u32 = 7;

/// One argument, encoded as options of a run.
fn argument(text: &str) -> Vec<u8> {
    let mut bytes = vec![1, 1, 0, 0, 0];
    bytes.extend((text.len() as u32).to_le_bytes());
    bytes.extend(text.as_bytes());
    bytes
}

impl Submitter {
    /// With one program loaded.
    fn new(runtime: &Arc<Runtime>, name: &str) -> Self {
        let (sender, woken) = mpsc::channel();
        let port = Port::new(runtime.clone(), move || {
            let _ = sender.send(());
        });
        let request = LoadRequest {
            source_maps: false,
            source: ProgramSource::Bytes(source(name)),
            options: LoadOptions {
                cache: None,
                ..LoadOptions::named(name)
            },
        };
        port.load_sync(u64::from(PROGRAM), request)
            .expect("a program");
        Self { port, woken }
    }

    /// Kind, id, argument, options and batch of an operation.
    fn submit(&self, operations: &[(u32, u32, u32, &[u8], u32)]) -> Result<()> {
        let mut bytes = Vec::new();
        let mut numbers = Vec::new();
        for &(kind, id, argument, options, batch) in operations {
            let (offset, length) = (bytes.len() as f64, options.len() as f64);
            numbers.extend([kind, id, argument].map(f64::from));
            numbers.extend([offset, length, 0.0, f64::from(batch)]);
            bytes.extend(options);
        }
        self.port.submit(&numbers, &Bytes::from(bytes))
    }

    /// Kind, id and exit code of `count` records, sorted by id.
    fn receive(&self, count: usize) -> Vec<[u32; 3]> {
        let mut records = Vec::new();
        while records.len() < count {
            self.woken.recv_timeout(PATIENCE).expect("a wake-up");
            let delivery = self.port.receive();
            let fields = delivery.records.chunks(12);
            records.extend(fields.map(|f| [f[0] as u32, f[1] as u32, f[2] as u32]));
        }
        records.sort_unstable_by_key(|record| record[1]);
        records
    }
}

const EXIT: u32 = 0;
const ABORT: u32 = 3;

#[test]
fn runs_of_a_batch_have_its_options_unless_they_give_their_own() {
    let runtime = Arc::new(idle());
    let submitter = Submitter::new(&runtime, "exit-argv");
    let (shared, own) = (argument("5"), argument("6"));
    let operations = [
        (OPEN_BATCH, 1, 2, &shared[..], 0),
        (OPEN_BATCH, 2, 2, &[][..], 0),
        (RUN, 10, PROGRAM, &[], 1),
        (RUN, 11, PROGRAM, &own, 1),
        (RUN, 12, PROGRAM, &[], 2),
        (RUN, 13, PROGRAM, &[], 0),
        (CLOSE_BATCH, 1, 0, &[], 0),
    ];
    submitter.submit(&operations).expect("well-formed");
    let expected = [[EXIT, 10, 5], [EXIT, 11, 6], [EXIT, 12, 0], [EXIT, 13, 0]];
    assert_eq!(submitter.receive(4), expected);
}

#[test]
fn a_port_aborts_its_batches_one_by_one() {
    let runtime = Arc::new(idle());
    let submitter = Submitter::new(&runtime, "sleep-hour");
    let open = |id| (OPEN_BATCH, id, 2, &[][..], 0);
    let run = |id, batch| (RUN, id, PROGRAM, &[][..], batch);
    let mut operations = vec![open(1), open(2)];
    operations.extend((10..15).map(|id| run(id, 1)));
    operations.extend((20..25).map(|id| run(id, 2)));
    submitter.submit(&operations).expect("well-formed");
    wait_until(&runtime, |_, running, _| running == 4);
    for batch in [1, 2] {
        let abort = (ABORT_BATCH, batch, 0, &[][..], 0);
        submitter.submit(&[abort]).expect("well-formed");
        let ids = batch * 10..batch * 10 + 5;
        let expected: Vec<_> = ids.map(|id| [ABORT, id, 0]).collect();
        assert_eq!(submitter.receive(5), expected);
    }
    // All in one submission, so none starts.
    let abort = (ABORT_BATCH, 1, 0, &[][..], 0);
    submitter.submit(&[run(30, 1), abort]).expect("well-formed");
    assert_eq!(submitter.receive(1), [[ABORT, 30, 0]]);
}

#[test]
fn a_port_that_is_closed_leaves_nothing_of_its_batches() {
    let runtime = Arc::new(idle());
    let submitter = Submitter::new(&runtime, "sleep-hour");
    let mut operations = vec![(OPEN_BATCH, 1, 2, &[][..], 0)];
    operations.extend((10..20).map(|id| (RUN, id, PROGRAM, &[][..], 1)));
    submitter.submit(&operations).expect("well-formed");
    wait_until(&runtime, |_, running, _| running == 2);
    submitter.port.close();
    wait_until(&runtime, |queued, running, finished| {
        (queued, running, finished) == (0, 0, 10)
    });
}

#[test]
fn batches_that_the_port_does_not_know() {
    let runtime = Arc::new(idle());
    let submitter = Submitter::new(&runtime, "hello");
    let refused = submitter.submit(&[(RUN, 10, PROGRAM, &[], 9)]);
    assert_eq!(
        refused.expect_err("a host fault").code(),
        ErrorCode::Internal
    );
    // The programs of a closed runtime are forgotten before their submitter knows.
    for kind in [ABORT_BATCH, BATCH_READ, CLOSE_BATCH] {
        submitter
            .submit(&[(kind, 9, 0, &[], 0)])
            .expect("well-formed");
    }
}
