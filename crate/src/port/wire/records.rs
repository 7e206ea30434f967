//! Records that wait for the submitter: [`RECORD`] numbers each, as [`super::protocol`] has them, and the bytes
//! they speak of.

use super::protocol::{
    abort, limit, outcome_flag, record, record_field, section, section_layout, stream,
};
use crate::error::{Error, Result};
use crate::guest::{CallOutcome, Ending, LimitKind, Outcome, Returned, Usage};
use crate::stdio::OutputStreamKind;
use serde_json::json;
use std::collections::VecDeque;
use std::time::Duration;

/// Numbers in a record.
pub(super) const RECORD: usize = record_field::COUNT;

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
        Self::default().replace(|outbox| outbox.result(id, result))
    }

    /// That of one run or call alone, in the place of this one.
    pub(crate) fn replace(mut self, write: impl FnOnce(&mut Outbox)) -> Self {
        self.records.clear();
        self.bytes.clear();
        let mut outbox = Outbox {
            delivery: self,
            ..Outbox::default()
        };
        write(&mut outbox);
        outbox.take()
    }
}

/// Functions that return more values are rare.
const FEW_VALUES: usize = 4;

/// A delivery is closed when it has this many bytes: JavaScript's buffers have a limit.
const FULL: usize = 256 << 20;

#[derive(Default)]
pub(crate) struct Outbox {
    full: VecDeque<Delivery>,
    delivery: Delivery,
    woken: bool,
}

impl Outbox {
    /// Whether the submitter has to be woken because there is something.
    pub(crate) fn needs_wake(&mut self) -> bool {
        let empty = self.full.is_empty() && self.delivery.records.is_empty();
        let must_wake = !self.woken && !empty;
        self.woken |= must_wake;
        must_wake
    }

    /// Has the submitter not woken, because it looks by itself; false if it has been woken, or has to be.
    pub(crate) fn hold(&mut self) -> bool {
        let holds = !self.woken && self.full.is_empty() && self.delivery.records.is_empty();
        self.woken |= holds;
        holds
    }

    /// Ends that. The delivery, if it is one record with at most this many bytes; otherwise it has to be woken for.
    pub(crate) fn take_single(&mut self, most_bytes: usize) -> Option<Delivery> {
        self.woken = false;
        let is_single = self.full.is_empty()
            && self.delivery.records.len() == RECORD
            && self.delivery.bytes.len() <= most_bytes;
        is_single.then(|| std::mem::take(&mut self.delivery))
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
        let mut trap_json = Vec::new();
        let (kind, code) = match ending {
            Ending::Exit { code } => (record::EXIT, *code),
            Ending::Limit(kind) => (record::LIMIT, limit_number(*kind)),
            Ending::Abort => (record::ABORT, abort::OURS),
            Ending::BrokenPipe => (record::ABORT, abort::BROKEN_PIPE),
            Ending::Trap(trap) => {
                // Strings and numbers alone: this cannot fail.
                trap_json = serde_json::to_vec(trap).unwrap_or_default();
                (record::TRAP, 0)
            }
        };
        let sections: &[RecordSection<'_>] = match kind {
            record::TRAP => &[(section::TRAP, &trap_json)],
            _ => &[],
        };
        self.printed((kind, id, code), [stdout, stderr], usage, sections);
    }

    /// Kind, id and code of a record, with what was printed and used.
    fn printed(
        &mut self,
        (kind, id, code): (u32, u64, u32),
        [stdout, stderr]: [&[u8]; 2],
        usage: &Usage,
        sections: &[RecordSection<'_>],
    ) {
        let mut flags = 0;
        if usage.memory_denied {
            flags |= outcome_flag::MEMORY_DENIED;
        }
        if usage.output_truncated {
            flags |= outcome_flag::OUTPUT_TRUNCATED;
        }
        let (fuel_low, fuel_high) = match usage.fuel {
            Some(fuel) => (f64::from(fuel as u32), f64::from((fuel >> 32) as u32)),
            None => (-1.0, -1.0),
        };
        let section_bytes = length(sections);
        self.make_room(stdout.len() + stderr.len() + section_bytes);
        self.delivery.records.extend([
            f64::from(kind),
            id as f64,
            f64::from(code),
            stdout.len() as f64,
            stderr.len() as f64,
            milliseconds(usage.wall),
            milliseconds(usage.cpu),
            fuel_low,
            fuel_high,
            usage.memory_peak as f64,
            f64::from(flags),
            section_bytes as f64,
        ]);
        let bytes = &mut self.delivery.bytes;
        bytes.extend_from_slice(stdout);
        bytes.extend_from_slice(stderr);
        write(sections, bytes);
    }

    pub(crate) fn instantiated(&mut self, id: u64, returned: &Returned, exports: &str) {
        let sections = [(section::EXPORTS, exports.as_bytes())];
        self.returned_with((record::INSTANTIATED, id, 0), returned, &sections);
    }

    pub(crate) fn call(&mut self, id: u64, result: &Result<CallOutcome>) {
        match result {
            Ok(CallOutcome::Returned(returned)) => {
                let head = (record::CALL_RETURNED, id, returned.values.len() as u32);
                let mut few = [0; FEW_VALUES * 8];
                let bytes = returned.values.iter().flat_map(|value| value.to_le_bytes());
                match few.get_mut(..returned.values.len() * 8) {
                    Some(few) => {
                        few.iter_mut().zip(bytes).for_each(|(to, byte)| *to = byte);
                        self.returned_with(head, returned, &[(section::VALUES, few)]);
                    }
                    None => {
                        let many: Vec<_> = bytes.collect();
                        self.returned_with(head, returned, &[(section::VALUES, &many)]);
                    }
                }
            }
            Ok(CallOutcome::Ended(outcome)) => self.outcome(id, outcome),
            Ok(CallOutcome::NeverStarted) => {
                let head = (record::ABORT, id, abort::OURS);
                self.printed(head, [&[], &[]], &Usage::default(), &[]);
                if let Some([.., flags, _]) = self.delivery.records.last_chunk_mut::<RECORD>() {
                    *flags = f64::from(outcome_flag::NEVER_STARTED);
                }
            }
            Err(error) => self.fault(id, error),
        }
    }

    fn returned_with(
        &mut self,
        head: (u32, u64, u32),
        returned: &Returned,
        sections: &[RecordSection<'_>],
    ) {
        let output = [&returned.stdout[..], &returned.stderr];
        self.printed(head, output, &returned.usage, sections);
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
        self.event(record::FAULT, id, 0, &[(section::ERROR, text.as_bytes())]);
    }

    pub(crate) fn loaded(&mut self, id: u64, info: &str) {
        self.event(
            record::LOADED,
            id,
            0,
            &[(section::PROGRAM, info.as_bytes())],
        );
    }

    pub(crate) fn bytes(&mut self, id: u64, bytes: &[u8]) {
        self.event(record::BYTES, id, 0, &[(section::BYTES, bytes)]);
    }

    pub(crate) fn ask(&mut self, id: u64) {
        self.event(record::ASK, id, 0, &[]);
    }

    pub(crate) fn output(&mut self, id: u64, kind: OutputStreamKind, bytes: &[u8]) {
        let code = match kind {
            OutputStreamKind::Stdout => stream::STDOUT,
            OutputStreamKind::Stderr => stream::STDERR,
        };
        self.event(record::OUTPUT, id, code, &[(section::BYTES, bytes)]);
    }

    /// The run was taken out of the queue before it started.
    pub(crate) fn returned(&mut self, id: u64) {
        self.event(record::RETURNED, id, 0, &[]);
    }

    pub(crate) fn closed(&mut self, id: u64) {
        self.event(record::CLOSED, id, 0, &[]);
    }

    fn event(&mut self, kind: u32, id: u64, code: u32, sections: &[RecordSection<'_>]) {
        let section_bytes = length(sections);
        let mut record = [0.0; RECORD];
        record[record_field::KIND as usize] = f64::from(kind);
        record[record_field::ID as usize] = id as f64;
        record[record_field::CODE as usize] = f64::from(code);
        record[record_field::SECTIONS as usize] = section_bytes as f64;
        self.make_room(section_bytes);
        self.delivery.records.extend(record);
        write(sections, &mut self.delivery.bytes);
    }
}

/// What a section holds, and its content.
pub(super) type RecordSection<'a> = (u32, &'a [u8]);

const HEADER: usize = section_layout::CONTENT as usize;

/// Bytes that these sections take.
fn length(sections: &[RecordSection<'_>]) -> usize {
    let lengths = sections.iter().map(|(_, content)| HEADER + content.len());
    lengths.sum()
}

fn write(sections: &[RecordSection<'_>], bytes: &mut Vec<u8>) {
    for (kind, content) in sections {
        bytes.extend(kind.to_le_bytes());
        bytes.extend((content.len() as u64).to_le_bytes());
        bytes.extend_from_slice(content);
    }
}

/// The sections that these bytes are; none when they are anything else.
pub(super) fn read(mut bytes: &[u8]) -> Option<Vec<RecordSection<'_>>> {
    let mut sections = Vec::new();
    while !bytes.is_empty() {
        let (kind, rest) = bytes.split_first_chunk()?;
        let (length, rest) = rest.split_first_chunk()?;
        let length = usize::try_from(u64::from_le_bytes(*length)).ok()?;
        let (content, rest) = rest.split_at_checked(length)?;
        sections.push((u32::from_le_bytes(*kind), content));
        bytes = rest;
    }
    Some(sections)
}

fn limit_number(kind: LimitKind) -> u32 {
    match kind {
        LimitKind::Timeout => limit::TIMEOUT,
        LimitKind::Cpu => limit::CPU,
        LimitKind::Fuel => limit::FUEL,
        LimitKind::Memory => limit::MEMORY,
        LimitKind::Output => limit::OUTPUT,
    }
}

fn milliseconds(duration: Duration) -> f64 {
    duration.as_nanos() as f64 / 1e6
}
