//! What waits for the submitter: records of [`RECORD`] numbers, and the bytes they speak of.
//!
//! Every record is kind, id, code, stdout length, stderr length, wall ms, cpu ms, fuel low, fuel
//! high, memory peak, flags, extra length; its stdout, stderr and extra bytes follow those of the
//! record before. Fuel is -1, -1 where it was not counted.

use crate::error::{Error, Result};
use crate::outcome::{Ending, LimitKind, Outcome};
use crate::stdio::OutputStreamKind;
use serde_json::json;
use std::collections::VecDeque;
use std::time::Duration;

/// Numbers in a record.
pub(super) const RECORD: usize = 12;

pub(super) const EXIT: f64 = 0.0;
pub(super) const TRAP: f64 = 1.0;
pub(super) const LIMIT: f64 = 2.0;
pub(super) const ABORT: f64 = 3.0;
pub(super) const FAULT: f64 = 4.0;
const LOADED: f64 = 5.0;
pub(super) const ASK: f64 = 6.0;
pub(super) const OUTPUT: f64 = 7.0;
const CLOSED: f64 = 8.0;
/// From a worker to its pool alone.
pub(super) const RETURNED: f64 = 9.0;
const BYTES: f64 = 10.0;

/// The code of an abort that has its reason in itself.
pub(super) const BROKEN_PIPE: f64 = 1.0;

/// Kinds of limit.
pub(super) const LIMITS: f64 = 5.0;

const MEMORY_DENIED: u32 = 1;
const OUTPUT_TRUNCATED: u32 = 2;
pub(super) const ALL_FLAGS: u32 = MEMORY_DENIED | OUTPUT_TRUNCATED;

/// What crosses to the submitter in one go.
#[derive(Default)]
pub struct Delivery {
    /// Records.
    pub records: Vec<f64>,
    /// The bytes that they speak of.
    pub bytes: Vec<u8>,
}

impl Delivery {
    /// That of one run alone.
    pub(crate) fn of(id: u64, result: &Result<Outcome>) -> Self {
        let mut outbox = Outbox::default();
        outbox.result(id, result);
        outbox.take()
    }
}

/// A delivery is closed when it has so many bytes: JavaScript's buffers have a limit.
const FULL: usize = 256 << 20;

#[derive(Default)]
pub(crate) struct Outbox {
    full: VecDeque<Delivery>,
    delivery: Delivery,
    woken: bool,
}

impl Outbox {
    /// Whether the submitter has to be told that there is something.
    pub(crate) fn needs_wake(&mut self) -> bool {
        let empty = self.full.is_empty() && self.delivery.records.is_empty();
        let news = !self.woken && !empty;
        self.woken |= news;
        news
    }

    /// The oldest delivery; there may be more.
    pub(crate) fn take(&mut self) -> Delivery {
        self.woken = false;
        let oldest = self.full.pop_front();
        oldest.unwrap_or_else(|| std::mem::take(&mut self.delivery))
    }

    /// Closes the delivery when `bytes` more would be too many for it.
    fn make_room(&mut self, bytes: usize) {
        if !self.delivery.bytes.is_empty() && self.delivery.bytes.len() + bytes > FULL {
            self.full.push_back(std::mem::take(&mut self.delivery));
        }
    }

    pub(crate) fn outcome(&mut self, id: u64, outcome: &Outcome) {
        let Outcome {
            ending,
            stdout,
            stderr,
            usage,
        } = outcome;
        let mut extra = Vec::new();
        let (kind, code) = match ending {
            Ending::Exit { code } => (EXIT, f64::from(*code)),
            Ending::Limit(limit) => (LIMIT, limit_number(*limit)),
            Ending::Abort => (ABORT, 0.0),
            Ending::BrokenPipe => (ABORT, BROKEN_PIPE),
            Ending::Trap(trap) => {
                // Strings and numbers alone: this cannot fail.
                extra = serde_json::to_vec(trap).unwrap_or_default();
                (TRAP, 0.0)
            }
        };
        let mut flags = 0;
        if usage.memory_denied {
            flags |= MEMORY_DENIED;
        }
        if usage.output_truncated {
            flags |= OUTPUT_TRUNCATED;
        }
        let (fuel_low, fuel_high) = match usage.fuel {
            Some(fuel) => (f64::from(fuel as u32), f64::from((fuel >> 32) as u32)),
            None => (-1.0, -1.0),
        };
        self.make_room(stdout.len() + stderr.len() + extra.len());
        self.delivery.records.extend([
            kind,
            id as f64,
            code,
            stdout.len() as f64,
            stderr.len() as f64,
            milliseconds(usage.wall),
            milliseconds(usage.cpu),
            fuel_low,
            fuel_high,
            usage.memory_peak as f64,
            f64::from(flags),
            extra.len() as f64,
        ]);
        let bytes = &mut self.delivery.bytes;
        bytes.extend_from_slice(stdout);
        bytes.extend_from_slice(stderr);
        bytes.extend_from_slice(&extra);
    }

    pub(crate) fn result(&mut self, id: u64, result: &Result<Outcome>) {
        match result {
            Ok(outcome) => self.outcome(id, outcome),
            Err(error) => self.fault(id, error),
        }
    }

    /// Appends whole records that came from elsewhere.
    pub(crate) fn append(&mut self, records: Vec<f64>, bytes: Vec<u8>) {
        self.make_room(bytes.len());
        if self.delivery.records.is_empty() {
            self.delivery = Delivery { records, bytes };
            return;
        }
        self.delivery.records.extend(records);
        self.delivery.bytes.extend(bytes);
    }

    pub(crate) fn fault(&mut self, id: u64, error: &Error) {
        let text = json!({ "code": error.code().as_str(), "message": error.message() }).to_string();
        self.event(FAULT, id, 0.0, text.as_bytes());
    }

    pub(crate) fn loaded(&mut self, id: u64, info: &str) {
        self.event(LOADED, id, 0.0, info.as_bytes());
    }

    pub(crate) fn bytes(&mut self, id: u64, bytes: &[u8]) {
        self.event(BYTES, id, 0.0, bytes);
    }

    pub(crate) fn ask(&mut self, id: u64) {
        self.event(ASK, id, 0.0, &[]);
    }

    pub(crate) fn output(&mut self, id: u64, kind: OutputStreamKind, bytes: &[u8]) {
        let stream = match kind {
            OutputStreamKind::Stdout => 1.0,
            OutputStreamKind::Stderr => 2.0,
        };
        self.event(OUTPUT, id, stream, bytes);
    }

    /// The run was taken out of the queue before it started.
    pub(crate) fn returned(&mut self, id: u64) {
        self.event(RETURNED, id, 0.0, &[]);
    }

    pub(crate) fn closed(&mut self, id: u64) {
        self.event(CLOSED, id, 0.0, &[]);
    }

    fn event(&mut self, kind: f64, id: u64, code: f64, extra: &[u8]) {
        let mut record = [0.0; RECORD];
        record[0] = kind;
        record[1] = id as f64;
        record[2] = code;
        record[RECORD - 1] = extra.len() as f64;
        self.make_room(extra.len());
        self.delivery.records.extend(record);
        self.delivery.bytes.extend_from_slice(extra);
    }
}

fn limit_number(limit: LimitKind) -> f64 {
    match limit {
        LimitKind::Timeout => 0.0,
        LimitKind::Cpu => 1.0,
        LimitKind::Fuel => 2.0,
        LimitKind::Memory => 3.0,
        LimitKind::Output => 4.0,
    }
}

fn milliseconds(duration: Duration) -> f64 {
    duration.as_nanos() as f64 / 1e6
}
