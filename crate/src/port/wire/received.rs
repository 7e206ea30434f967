//! Records as they come from another process: nothing that they say is believed unseen.

use super::files_section::{are_files, contents};
use super::protocol::{
    abort, limit, memory_answer, outcome_flag, pipe, record, record_field, response_end, section,
    sections_of, stream,
};
use super::records::{self, Delivery, RECORD};
use crate::error::{Error, Result};
use serde::Deserialize;
use serde::de::IgnoredAny;
use std::time::Duration;

/// One record of a delivery, of a run.
pub(crate) struct Record<'a> {
    numbers: &'a [f64; RECORD],
    bytes: &'a [u8],
    /// The run.
    pub(crate) id: u64,
    pub(crate) kind: RecordKind,
}

/// What a record says of its run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum RecordKind {
    /// It has ended.
    End,
    /// It goes on, and asks for stdin, has printed into a pipe or calls a host function.
    Piped,
    /// It was given back before it started.
    Returned,
    /// An answer to an access to its memory; the number of the access stands in place of the run.
    Memory,
}

impl<'a> Record<'a> {
    /// Splits what a worker sent into its records.
    ///
    /// # Errors
    ///
    /// When any of it is not what [`super::Outbox`] writes of runs.
    pub(crate) fn all(numbers: &'a [f64], bytes: &'a [u8]) -> Result<Vec<Self>> {
        let (numbers, rest) = numbers.as_chunks::<RECORD>();
        let mut left = bytes;
        let records = numbers.iter().map(|numbers| {
            let record = Self::parse(numbers, &mut left)?;
            record.has_right_bytes().then_some(record)
        });
        let records: Option<Vec<_>> = records.collect();
        match records {
            Some(records) if rest.is_empty() && left.is_empty() => Ok(records),
            _ => Err(Error::internal("a worker sent damaged records")),
        }
    }

    /// Takes its bytes off those that are left.
    fn parse(numbers: &'a [f64; RECORD], left: &mut &'a [u8]) -> Option<Self> {
        let &[
            kind,
            id,
            code,
            stdout,
            stderr,
            wall,
            cpu,
            fuel_low,
            fuel_high,
            peak,
            flags,
            sections,
        ] = numbers;
        let kind = whole(kind, U32_MAX).then_some(kind as u32)?;
        let most_code = match kind {
            record::EXIT => u32::MAX,
            record::LIMIT => limit::COUNT as u32 - 1,
            record::OUTPUT => stream::BODY,
            record::RESPONSE => 599,
            record::RESPONSE_END => response_end::TOO_LARGE,
            record::ABORT => abort::BROKEN_PIPE,
            record::ASK => pipe::WINDOW,
            record::TRAP | record::FAULT | record::RETURNED | record::HOST_ERROR => 0,
            record::CALL => u32::MAX,
            record::MEMORY => memory_answer::SIZE,
            _ => return None,
        };
        let all_flags = outcome_flag::MEMORY_DENIED | outcome_flag::OUTPUT_TRUNCATED;
        let is_real = whole(id, MAX_SAFE)
            && whole(code, most_code.into())
            && (wall >= 0.0 && wall.is_finite())
            && (cpu >= 0.0 && cpu.is_finite())
            && ((fuel_low, fuel_high) == (-1.0, -1.0)
                || whole(fuel_low, U32_MAX) && whole(fuel_high, U32_MAX))
            && whole(peak, MAX_SAFE)
            && whole(flags, all_flags.into())
            && [stdout, stderr, sections]
                .iter()
                .all(|&n| whole(n, MAX_SAFE));
        if !is_real {
            return None;
        }
        // Three numbers of at most 53 bits.
        let length = stdout as u64 + stderr as u64 + sections as u64;
        let (bytes, rest) = left.split_at_checked(usize::try_from(length).ok()?)?;
        *left = rest;
        let kind = match kind {
            record::ASK
            | record::OUTPUT
            | record::CALL
            | record::RESPONSE
            | record::RESPONSE_END => RecordKind::Piped,
            record::RETURNED => RecordKind::Returned,
            record::MEMORY => RecordKind::Memory,
            _ => RecordKind::End,
        };
        Some(Self {
            numbers,
            bytes,
            id: id as u64,
            kind,
        })
    }

    /// Whether its bytes are what its kind has.
    fn has_right_bytes(&self) -> bool {
        let kind = self.numbers[record_field::KIND as usize] as u32;
        let Some(sections) = records::read(&self.bytes[self.output() as usize..]) else {
            return false;
        };
        let mut kinds: Vec<_> = sections.iter().map(|(kind, _)| *kind).collect();
        let is_outcome = matches!(
            kind,
            record::EXIT | record::TRAP | record::LIMIT | record::ABORT | record::HOST_ERROR
        );
        if is_outcome {
            kinds.pop_if(|kind| *kind == section::NETWORK);
            kinds.pop_if(|kind| *kind == section::FILES);
        }
        let content = sections.first().map_or(&[][..], |(_, content)| content);
        let has_code = |code: u32| self.numbers[record_field::CODE as usize] == f64::from(code);
        kinds == sections_of(kind)
            && sections.iter().all(is_right_section)
            && match kind {
                _ if is_outcome => true,
                record::RESPONSE => {
                    self.output() == 0
                        && self.numbers[record_field::CODE as usize] >= 200.0
                        && are_headers(content)
                }
                record::RESPONSE_END if has_code(response_end::WHOLE) => {
                    self.output() == 0 && are_headers(content)
                }
                record::OUTPUT => {
                    self.output() == 0 && self.numbers[record_field::CODE as usize] > 0.0
                }
                _ => self.output() == 0,
            }
    }

    /// Bytes of captured stdout and stderr.
    pub(crate) fn output(&self) -> u64 {
        self.numbers[record_field::STDOUT as usize] as u64
            + self.numbers[record_field::STDERR as usize] as u64
    }

    /// Bytes of captured output and of collected files.
    pub(crate) fn kept(&self) -> u64 {
        let output = self.output();
        let sections = records::read(&self.bytes[output as usize..]).unwrap_or_default();
        let files = sections.iter().find(|(kind, _)| *kind == section::FILES);
        output + files.map_or(0, |(_, files)| contents(files))
    }

    /// Wall clock from the guest's start to its end.
    pub(crate) fn wall_time(&self) -> Duration {
        Duration::try_from_secs_f64(self.numbers[record_field::WALL_MS as usize] / 1e3)
            .unwrap_or(Duration::MAX)
    }

    /// Whether the run was stopped by somebody else, before its guest or a limit ended it.
    pub(crate) fn is_abort(&self) -> bool {
        self.numbers[record_field::KIND as usize] == f64::from(record::ABORT)
    }

    pub(crate) fn append_to(&self, delivery: &mut Delivery) {
        delivery.records.extend_from_slice(self.numbers);
        delivery.bytes.extend_from_slice(self.bytes);
    }

    pub(crate) fn alone(&self) -> Delivery {
        let mut delivery = Delivery::default();
        self.append_to(&mut delivery);
        delivery
    }
}

const U32_MAX: f64 = u32::MAX as f64;

/// JavaScript's largest safe integer.
const MAX_SAFE: f64 = ((1_u64 << 53) - 1) as f64;

fn whole(number: f64, most: f64) -> bool {
    (0.0..=most).contains(&number) && number.fract() == 0.0
}

fn is_right_section(&(kind, content): &records::RecordSection<'_>) -> bool {
    match kind {
        section::TRAP => serde_json::from_slice::<Trap>(content).is_ok(),
        section::FILES => are_files(content),
        section::NETWORK => are_counts(content),
        section::ERROR => serde_json::from_slice::<Fault>(content).is_ok(),
        section::CALL => !content.is_empty() && content.len().is_multiple_of(size_of::<u64>()),
        _ => true,
    }
}

/// Whether it is texts with their lengths, in pairs.
fn are_headers(mut content: &[u8]) -> bool {
    let mut texts = 0;
    while !content.is_empty() {
        let Some((length, rest)) = content.split_first_chunk() else {
            return false;
        };
        let length = u32::from_le_bytes(*length) as usize;
        let Some((_, rest)) = rest.split_at_checked(length) else {
            return false;
        };
        content = rest;
        texts += 1;
    }
    texts % 2 == 0
}

/// Whether it is two numbers that JavaScript can have.
fn are_counts(content: &[u8]) -> bool {
    let (counts, rest) = content.as_chunks::<8>();
    let mut counts = counts.iter().map(|count| u64::from_le_bytes(*count));
    rest.is_empty() && counts.len() == 2 && counts.all(|count| count <= MAX_SAFE as u64)
}

/// What JavaScript reads of a trap.
#[derive(Deserialize)]
#[expect(dead_code, reason = "read by nobody, but has to be there")]
struct Trap {
    code: String,
    message: String,
    frames: Vec<IgnoredAny>,
}

/// What JavaScript reads of a host fault.
#[derive(Deserialize)]
#[expect(dead_code, reason = "read by nobody, but has to be there")]
struct Fault {
    code: String,
    message: String,
}

#[cfg(test)]
mod tests {
    use super::super::protocol::{pipe, record, record_field, section};
    use super::super::records::{Delivery, Outbox, RECORD};
    use super::{MAX_SAFE, Record, RecordKind};
    use crate::error::{Error, ErrorCode};
    use crate::guest::{Ending, NetworkUsage, Outcome, Usage};
    use crate::host_functions::{HostCall, MemoryAnswer};
    use crate::http::ResponseEvent;
    use crate::stdio::OutputStreamKind;
    use http::header::{ACCEPT, HeaderMap, HeaderValue};
    use std::time::Duration;

    /// One record of each kind that a worker sends.
    fn delivery() -> Delivery {
        let mut outbox = Outbox::default();
        let outcome = Outcome {
            ending: Ending::Exit { code: u32::MAX },
            stdout: b"out".to_vec(),
            stderr: b"error".to_vec(),
            files: None,
            usage: Usage {
                wall: Duration::from_millis(3),
                fuel: Some(u64::MAX),
                memory_denied: true,
                network: Some(NetworkUsage {
                    received: 1 << 40,
                    sent: 2,
                }),
                ..Usage::default()
            },
        };
        outbox.outcome(1, &outcome);
        outbox.outcome(2, &Outcome::never_started());
        outbox.fault(3, &Error::new(ErrorCode::Preopen, "no \"folder\""));
        outbox.ask(4, 0);
        outbox.ask(4, u64::from(pipe::WINDOW));
        outbox.output(4, OutputStreamKind::Stderr, b"piped");
        outbox.returned(5);
        outbox.host_call(
            6,
            HostCall {
                number: 1,
                function: u32::MAX,
                arguments: &[u64::MAX, 0],
            },
        );
        let headers = HeaderMap::from_iter([(ACCEPT, HeaderValue::from_static("text/plain"))]);
        let head = ResponseEvent::Head {
            status: 599,
            headers: &headers,
        };
        outbox.response(9, head);
        outbox.body(9, b"body");
        outbox.response(9, ResponseEvent::End(&headers));
        outbox.response(10, ResponseEvent::Refused("why"));
        outbox.response(11, ResponseEvent::TooLarge);
        outbox.memory(7, MemoryAnswer::Size(1 << 32), b"read");
        outbox.outcome(
            8,
            &Outcome {
                ending: Ending::HostError,
                ..Outcome::never_started()
            },
        );
        outbox.take()
    }

    #[test]
    fn what_an_outbox_writes_is_read_back() {
        let Delivery { records, bytes } = delivery();
        let read = Record::all(&records, &bytes).expect("records");
        let seen: Vec<_> = read.iter().map(|r| (r.id, r.kind, r.output())).collect();
        use RecordKind::{End, Memory, Piped, Returned};
        let expected = [
            (1, End, 8),
            (2, End, 0),
            (3, End, 0),
            (4, Piped, 0),
            (4, Piped, 0),
            (4, Piped, 0),
            (5, Returned, 0),
            (6, Piped, 0),
            (9, Piped, 0),
            (9, Piped, 0),
            (9, Piped, 0),
            (10, Piped, 0),
            (11, Piped, 0),
            (7, Memory, 0),
            (8, End, 0),
        ];
        assert_eq!(seen, expected);
        let mut copy = Delivery::default();
        read.iter().for_each(|record| record.append_to(&mut copy));
        assert_eq!((copy.records, copy.bytes), (records, bytes));
    }

    #[test]
    fn records_of_which_any_number_is_none_are_refused() {
        let Delivery { records, bytes } = delivery();
        let refuses = |records: &[f64], bytes: &[u8]| Record::all(records, bytes).is_err();
        let bad = [f64::NAN, f64::INFINITY, -0.5, -2.0, MAX_SAFE * 4.0];
        for at in 0..records.len() {
            for number in bad {
                // How long it took may be any time.
                if matches!(at % RECORD, 5 | 6) && number == MAX_SAFE * 4.0 {
                    continue;
                }
                let mut records = records.clone();
                records[at] = number;
                assert!(refuses(&records, &bytes), "{number} at {at}");
            }
            // Between two records it may be whole.
            if at % RECORD != 0 {
                assert!(refuses(&records[..at], &bytes), "cut at {at}");
            }
        }
        for at in 0..bytes.len() {
            assert!(refuses(&records, &bytes[..at]), "bytes cut at {at}");
        }
        let longer = [&bytes[..], b"more"].concat();
        assert!(refuses(&records, &longer));
        // Lengths whose sum would wrap around.
        let mut records = records[..RECORD].to_vec();
        for at in [3, 4, 11] {
            records[at] = MAX_SAFE;
        }
        assert!(refuses(&records, &bytes[..8]));
    }

    /// A record of a trap that has these sections.
    fn trap_with(sections: &[u8]) -> Delivery {
        let mut numbers = [0.0; RECORD];
        numbers[record_field::KIND as usize] = f64::from(record::TRAP);
        numbers[record_field::SECTIONS as usize] = sections.len() as f64;
        Delivery {
            records: numbers.into(),
            bytes: sections.to_vec(),
        }
    }

    fn section_of(kind: u32, length: u64, content: &[u8]) -> Vec<u8> {
        [&kind.to_le_bytes()[..], &length.to_le_bytes(), content].concat()
    }

    #[test]
    fn a_record_has_the_sections_of_its_kind_and_no_others() {
        let json = br#"{"code":"unreachable","message":"","frames":[]}"#;
        let length = json.len() as u64;
        let right = section_of(section::TRAP, length, json);
        let accepts = |sections: &[u8]| {
            let Delivery { records, bytes } = trap_with(sections);
            Record::all(&records, &bytes).is_ok()
        };
        assert!(accepts(&right));
        let wrong = [
            vec![],
            [&right[..], &right[..]].concat(),
            [&right[..], &[0]].concat(),
            section_of(section::TRAP, length - 1, json),
            section_of(section::TRAP, length + 1, json),
            section_of(section::TRAP, u64::MAX, json),
            section_of(section::TRAP, 2, b"{}"),
        ];
        for sections in wrong {
            assert!(!accepts(&sections), "{sections:?}");
        }
        let network = |length: usize, byte: u8| {
            let content = section_of(section::NETWORK, length as u64, &vec![byte; length]);
            [&right[..], &content].concat()
        };
        assert!(accepts(&network(16, 0)));
        for (length, byte) in [(0, 0), (8, 0), (15, 0), (17, 0), (24, 0), (16, 255)] {
            assert!(!accepts(&network(length, byte)), "{length} of {byte}");
        }
        for kind in (0..=section::COUNT as u32 + 1).chain([u32::MAX]) {
            let sections = section_of(kind, length, json);
            assert_eq!(accepts(&sections), kind == section::TRAP, "{kind}");
        }
    }

    #[test]
    fn records_of_random_numbers_and_bytes_are_no_panic() {
        let Delivery { records, bytes } = delivery();
        let mut random = blake3::Hasher::new().update(b"records").finalize_xof();
        let mut next = || {
            let mut word = [0; 8];
            random.fill(&mut word);
            u64::from_le_bytes(word)
        };
        for _ in 0..20_000 {
            let (mut records, mut bytes) = (records.clone(), bytes.clone());
            for _ in 0..next() % 3 + 1 {
                let at = next() as usize % records.len();
                records[at] = match next() % 4 {
                    0 => f64::from_bits(next()),
                    1 => (next() % 16) as f64,
                    2 => next() as f64,
                    _ => records[next() as usize % records.len()],
                };
                let at = next() as usize % bytes.len();
                bytes[at] = next() as u8;
            }
            // What passes can be taken apart.
            for record in Record::all(&records, &bytes).into_iter().flatten() {
                assert!(record.alone().bytes.len() as u64 >= record.output());
            }
        }
    }
}
