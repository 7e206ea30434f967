//! Records that wait for the submitter: [`RECORD`] numbers each, as [`super::protocol`] has them, and the bytes
//! they speak of.

use super::files_section::encode_files;
use super::protocol::pipe::WINDOW as PIPE_WINDOW;
use super::protocol::{
    abort, limit, memory_answer, outcome_flag, record, record_field, response_end, section,
    section_layout, stream,
};
use super::words::bytes_of;
use crate::error::{Error, Result};
use crate::guest::{CallOutcome, ENCODED_ROOM, Ending, LimitKind, Outcome, Returned, Usage};
use crate::host_functions::{HostCall, MemoryAnswer};
use crate::http::ResponseEvent;
use crate::stdio::OutputStreamKind;
use http::HeaderMap;
use serde_json::json;
use std::collections::VecDeque;
use std::iter::once;
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

/// What a component returns beyond this many bytes is not copied into a delivery that it is all of.
const MUCH: usize = 4096;

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
            files,
            usage,
        } = outcome;
        let mut trap_json = Vec::new();
        let (kind, code) = match ending {
            Ending::Exit { code } => (record::EXIT, *code),
            Ending::Limit(kind) => (record::LIMIT, limit_number(*kind)),
            Ending::Abort => (record::ABORT, abort::OURS),
            Ending::BrokenPipe => (record::ABORT, abort::BROKEN_PIPE),
            Ending::HostError => (record::HOST_ERROR, 0),
            Ending::Trap(trap) => {
                // Strings and numbers alone: this cannot fail.
                trap_json = serde_json::to_vec(trap).unwrap_or_default();
                (record::TRAP, 0)
            }
        };
        let trap = (kind == record::TRAP).then_some((section::TRAP, &trap_json[..]));
        let files = files.as_ref().map(encode_files);
        let files = files.as_deref().map(|files| (section::FILES, files));
        let head = (kind, id, code);
        let output = [&stdout[..], stderr];
        // No allocation for the outcomes that have neither.
        match (trap, files) {
            (None, None) => self.printed(head, output, usage, &[]),
            (Some(one), None) | (None, Some(one)) => self.printed(head, output, usage, &[one]),
            (Some(trap), Some(files)) => self.printed(head, output, usage, &[trap, files]),
        }
    }

    /// Kind, id and code of a record, with what was printed and used.
    fn printed(
        &mut self,
        head: (u32, u64, u32),
        output: [&[u8]; 2],
        usage: &Usage,
        sections: &[RecordSection<'_>],
    ) {
        self.printed_with(head, output, usage, Vec::new(), sections);
    }

    /// The same with a section whose head is written, before the others.
    fn printed_with(
        &mut self,
        (kind, id, code): (u32, u64, u32),
        [stdout, stderr]: [&[u8]; 2],
        usage: &Usage,
        first: Vec<u8>,
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
        let network = usage.network.map(|used| {
            let mut content = [0; 2 * size_of::<u64>()];
            let (received, sent) = content.split_at_mut(size_of::<u64>());
            received.copy_from_slice(&used.received.to_le_bytes());
            sent.copy_from_slice(&used.sent.to_le_bytes());
            content
        });
        let network = network.as_ref();
        let network = network.map(|content| (section::NETWORK, &content[..]));
        let section_bytes =
            first.len() + length(sections) + network.as_ref().map_or(0, section_length);
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
        match bytes.is_empty() && first.len() > MUCH {
            true => *bytes = first,
            false => bytes.extend_from_slice(&first),
        }
        write(sections, bytes);
        write(network.as_slice(), bytes);
    }

    pub(crate) fn instantiated(&mut self, id: u64, returned: &Returned, exports: &str) {
        let sections = [(section::EXPORTS, exports.as_bytes())];
        self.returned_with((record::INSTANTIATED, id, 0), returned, &sections);
    }

    pub(crate) fn call(&mut self, id: u64, mut result: Result<CallOutcome>) {
        match &mut result {
            Ok(CallOutcome::Returned(returned)) if !returned.encoded.is_empty() => {
                let mut values = std::mem::take(&mut returned.encoded);
                let length = values.len() - HEADER;
                values[..HEADER].copy_from_slice(&header(section::VALUES, length));
                let head = (record::CALL_RETURNED, id, 0);
                let output = [&returned.stdout[..], &returned.stderr];
                self.printed_with(head, output, &returned.usage, values, &[]);
            }
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

    /// `room` is how many more bytes may be pushed; 0 asks for one chunk.
    pub(crate) fn ask(&mut self, id: u64, room: u64) {
        self.event(record::ASK, id, room as u32, &[]);
    }

    pub(crate) fn output(&mut self, id: u64, kind: OutputStreamKind, bytes: &[u8]) {
        let code = match kind {
            OutputStreamKind::Stdout => stream::STDOUT,
            OutputStreamKind::Stderr => stream::STDERR,
        };
        self.stream(id, code, bytes);
    }

    /// Bytes of the body of the response that a run gives.
    pub(crate) fn body(&mut self, id: u64, bytes: &[u8]) {
        self.stream(id, stream::BODY, bytes);
    }

    fn stream(&mut self, id: u64, code: u32, bytes: &[u8]) {
        if !self.extend_output(id, code, bytes) {
            self.event(record::OUTPUT, id, code, &[(section::BYTES, bytes)]);
        }
    }

    pub(crate) fn response(&mut self, id: u64, event: ResponseEvent<'_>) {
        let trailers;
        let (code, bytes) = match event {
            ResponseEvent::Head { status, headers } => {
                let head = encode_headers(headers);
                let sections = [(section::BYTES, &head[..])];
                self.event(record::RESPONSE, id, status.into(), &sections);
                return;
            }
            ResponseEvent::End(headers) => {
                trailers = encode_headers(headers);
                (response_end::WHOLE, &trailers[..])
            }
            ResponseEvent::Broken(why) => (response_end::BROKEN, why.as_bytes()),
            ResponseEvent::Refused(why) => (response_end::REFUSED, why.as_bytes()),
            ResponseEvent::TooLarge => (response_end::TOO_LARGE, &[][..]),
        };
        let sections = [(section::BYTES, bytes)];
        self.event(record::RESPONSE_END, id, code, &sections);
    }

    /// Adds to the last record, if it is of the same output.
    fn extend_output(&mut self, id: u64, code: u32, more: &[u8]) -> bool {
        let Delivery { records, bytes } = &mut self.delivery;
        let Some(last) = records.last_chunk_mut::<RECORD>() else {
            return false;
        };
        let of = |field: u32| last[field as usize];
        let is_same = of(record_field::KIND) == f64::from(record::OUTPUT)
            && of(record_field::ID) == id as f64
            && of(record_field::CODE) == f64::from(code);
        if !is_same || bytes.len() + more.len() > FULL {
            return false;
        }
        let section = of(record_field::SECTIONS) as usize;
        let length = bytes.len() - section + section_layout::LENGTH as usize;
        let content = (section - HEADER + more.len()) as u64;
        bytes[length..HEADER - section_layout::LENGTH as usize + length]
            .copy_from_slice(&content.to_le_bytes());
        if bytes.capacity() - bytes.len() < more.len() {
            // Guests print in pieces: a window at once, and not one size after the other.
            bytes.reserve(more.len().max(PIPE_WINDOW as usize));
        }
        bytes.extend_from_slice(more);
        last[record_field::SECTIONS as usize] = (section + more.len()) as f64;
        true
    }

    pub(crate) fn host_call(&mut self, id: u64, call: HostCall<'_>) {
        let number = (call.number as f64).to_bits();
        let content = bytes_of(once(&number).chain(call.arguments));
        self.event(
            record::CALL,
            id,
            call.function,
            &[(section::CALL, &content)],
        );
    }

    pub(crate) fn memory(&mut self, number: u64, answer: MemoryAnswer, read: &[u8]) {
        let (code, size) = match answer {
            MemoryAnswer::Ended => (memory_answer::ENDED, 0),
            MemoryAnswer::Missing => (memory_answer::MISSING, 0),
            MemoryAnswer::Size(size) => (memory_answer::SIZE, size),
        };
        let content = [&size.to_le_bytes(), read].concat();
        self.event(record::MEMORY, number, code, &[(section::BYTES, &content)]);
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

fn encode_headers(headers: &HeaderMap) -> Vec<u8> {
    let mut encoded = Vec::new();
    for (name, value) in headers {
        for text in [name.as_str().as_bytes(), value.as_bytes()] {
            encoded.extend((text.len() as u32).to_le_bytes());
            encoded.extend(text);
        }
    }
    encoded
}

/// What a section holds, and its content.
pub(super) type RecordSection<'a> = (u32, &'a [u8]);

const HEADER: usize = section_layout::CONTENT as usize;
const _: () = assert!(HEADER == ENCODED_ROOM);

/// What comes before so many bytes of a section.
fn header(kind: u32, length: usize) -> [u8; HEADER] {
    let mut header = [0; HEADER];
    let (first, second) = header.split_at_mut(section_layout::LENGTH as usize);
    first.copy_from_slice(&kind.to_le_bytes());
    second.copy_from_slice(&(length as u64).to_le_bytes());
    header
}

/// Bytes that these sections take.
fn length(sections: &[RecordSection<'_>]) -> usize {
    sections.iter().map(section_length).sum()
}

fn section_length((_, content): &RecordSection<'_>) -> usize {
    HEADER + content.len()
}

fn write(sections: &[RecordSection<'_>], bytes: &mut Vec<u8>) {
    for section in sections {
        write_section(section, bytes);
    }
}

fn write_section((kind, content): &RecordSection<'_>, bytes: &mut Vec<u8>) {
    bytes.extend(header(*kind, content.len()));
    bytes.extend_from_slice(content);
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
        LimitKind::Network => limit::NETWORK,
        LimitKind::Request => limit::REQUEST,
        LimitKind::Response => limit::RESPONSE,
    }
}

fn milliseconds(duration: Duration) -> f64 {
    duration.as_nanos() as f64 / 1e6
}

#[cfg(test)]
mod tests {
    use super::{Delivery, ENCODED_ROOM, MUCH, Outbox, RECORD, read, record_field, section};
    use crate::guest::{CallOutcome, NetworkUsage, Returned, Usage};
    use crate::port::wire::Record;
    use crate::stdio::OutputStreamKind::{Stderr, Stdout};

    #[test]
    fn what_a_component_returned_is_copied_unless_it_is_much_and_alone() {
        let network = Some(NetworkUsage::default());
        for (size, before, stdout, network) in [
            (0, "", "", None),
            (10, "", "", network),
            (1 << 20, "", "", None),
            (1 << 20, "", "", network),
            (1 << 20, "before", "", None),
            (1 << 20, "", "out", network),
        ] {
            let content = vec![7; size];
            let encoded = [&[0; ENCODED_ROOM], &content[..]].concat();
            let place = encoded.as_ptr();
            let mut outbox = Outbox::default();
            if !before.is_empty() {
                outbox.output(1, Stdout, before.as_bytes());
            }
            let returned = Returned {
                values: Vec::new(),
                encoded,
                stdout: stdout.into(),
                stderr: Vec::new(),
                usage: Usage {
                    network,
                    ..Usage::default()
                },
            };
            outbox.call(2, Ok(CallOutcome::Returned(returned)));
            let Delivery { records, bytes } = outbox.take();
            let last = records.last_chunk::<RECORD>().expect("a record");
            let start = bytes.len() - last[record_field::SECTIONS as usize] as usize;
            let sections = read(&bytes[start..]).expect("sections");
            assert_eq!(sections[0], (section::VALUES, &content[..]));
            assert_eq!(sections.len(), 1 + usize::from(network.is_some()));
            assert!(bytes[..start].ends_with(stdout.as_bytes()));
            if network.is_none() {
                let is_alone = before.is_empty() && stdout.is_empty();
                assert_eq!(bytes.as_ptr() == place, is_alone && size > MUCH);
            }
        }
    }

    #[test]
    fn what_follows_of_the_same_output_is_added_to_its_record() {
        let mut outbox = Outbox::default();
        let printed = [
            (1, Stdout, "a"),
            (1, Stdout, "bc"),
            (1, Stderr, "d"),
            (1, Stdout, "e"),
            (2, Stdout, "f"),
            (2, Stdout, "ghi"),
        ];
        for (id, kind, text) in printed {
            outbox.output(id, kind, text.as_bytes());
        }
        outbox.ask(2, 0);
        outbox.output(2, Stdout, b"j");
        let Delivery { records, bytes } = outbox.take();
        let mut expected = Outbox::default();
        for (id, kind, text) in [
            (1, Stdout, "abc"),
            (1, Stderr, "d"),
            (1, Stdout, "e"),
            (2, Stdout, "fghi"),
        ] {
            expected.output(id, kind, text.as_bytes());
        }
        expected.ask(2, 0);
        expected.output(2, Stdout, b"j");
        let expected = expected.take();
        assert_eq!((&records, &bytes), (&expected.records, &expected.bytes));
        assert_eq!(Record::all(&records, &bytes).expect("records").len(), 6);
    }
}
