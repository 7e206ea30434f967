//! What a program that is a snapshot says of itself, in a custom section of its module.
//!
//! The section has the length of its head, the head as JSON, and the bytes that were printed. It never names a path
//! of the host: whoever makes such a file must not be able to grant anything.

use crate::error::{Error, ErrorCode, Result};
use crate::guest::Frame;
use crate::options::{Preopen, RunOptions};
use crate::stdio::{OutputStreamKind, Printed};
use crate::wasi::{MAX_DESCRIPTORS, Resumption};
use bytes::Bytes;
use serde::{Deserialize, Serialize};
use std::sync::Arc;

/// The name of the section.
pub(crate) const SNAPSHOT_SECTION: &str = "wasiexec.snapshot";
/// The most arguments and variables that a message lists.
const MAX_LISTED: usize = 20;
/// Another number is another format.
const FORMAT: u32 = 1;

/// What later runs need besides the module.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct SnapshotSection {
    pub(crate) head: SnapshotHead,
    pub(crate) printed: Arc<[Printed]>,
}

/// The part of the section that is not output.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct SnapshotHead {
    /// argv\[0\].
    pub(crate) name: String,
    /// The arguments that the guest has had from its start.
    pub(crate) args: Vec<String>,
    /// Its environment.
    pub(crate) env: Vec<(String, String)>,
    /// The directories that it was granted, in the order of their descriptors.
    pub(crate) preopens: Vec<GrantedPath>,
    /// What its monotonic clock said.
    pub(crate) monotonic: u64,
    /// The state of its random numbers, if these were seeded.
    pub(crate) random: Option<u64>,
    /// The number of descriptors that it had open at a time beyond those that it was given.
    pub(crate) descriptors: usize,
    /// The functions that were added to the program: which of its functions each is a copy of, and none for one that
    /// only calls others. The first of them has the number `first_copy` in the snapshot, and so on.
    pub(crate) copies: Vec<Option<u32>>,
    pub(crate) first_copy: u32,
}

/// A granted directory, as the guest sees it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct GrantedPath {
    pub(crate) path: String,
    pub(crate) write: bool,
}

#[derive(Serialize, Deserialize)]
struct File<Head> {
    format: u32,
    #[serde(flatten)]
    head: Head,
    /// Streams and numbers of bytes.
    printed: Vec<(u8, usize)>,
}

/// The part that all formats have.
#[derive(Deserialize)]
struct Format {
    format: u32,
}

impl SnapshotSection {
    /// The content of the section.
    ///
    /// # Errors
    ///
    /// [`ErrorCode::Internal`].
    pub(crate) fn encode(&self) -> Result<Vec<u8>> {
        let printed = self.printed.iter();
        let printed = printed.map(|printed| (number(printed.stream), printed.bytes.len()));
        let head = File {
            format: FORMAT,
            head: &self.head,
            printed: printed.collect(),
        };
        let head = serde_json::to_vec(&head).map_err(Error::internal)?;
        let length = u32::try_from(head.len()).map_err(Error::internal)?;
        let mut section = length.to_le_bytes().to_vec();
        section.extend(head);
        for Printed { bytes, .. } in self.printed.iter() {
            section.extend_from_slice(bytes);
        }
        Ok(section)
    }

    /// # Errors
    ///
    /// [`ErrorCode::InvalidWasm`], and [`ErrorCode::UnsupportedWasm`] for a snapshot of another format.
    pub(crate) fn parse(section: &[u8]) -> Result<Self> {
        let (length, rest) = section.split_first_chunk().ok_or_else(damaged)?;
        let length = u32::from_le_bytes(*length) as usize;
        let (head, mut rest) = rest.split_at_checked(length).ok_or_else(damaged)?;
        let Format { format } = serde_json::from_slice(head).map_err(|_| damaged())?;
        if format != FORMAT {
            let message = format!(
                "the snapshot has format {format}, and this version of wasiexec knows format {FORMAT}; take the \
                 snapshot again with this version"
            );
            return Err(Error::new(ErrorCode::UnsupportedWasm, message));
        }
        let file: File<SnapshotHead> = serde_json::from_slice(head).map_err(|_| damaged())?;
        let mut printed = Vec::new();
        for (stream, length) in file.printed {
            // The writer leaves these out; any number of them would cost each run time.
            if length == 0 {
                return Err(damaged());
            }
            let (bytes, others) = rest.split_at_checked(length).ok_or_else(damaged)?;
            rest = others;
            printed.push(Printed {
                stream: stream_of(stream).ok_or_else(damaged)?,
                bytes: Bytes::copy_from_slice(bytes),
            });
        }
        if !rest.is_empty() || file.head.descriptors > MAX_DESCRIPTORS {
            return Err(damaged());
        }
        Ok(Self {
            head: file.head,
            printed: printed.into(),
        })
    }
}

fn number(stream: OutputStreamKind) -> u8 {
    match stream {
        OutputStreamKind::Stdout => 1,
        OutputStreamKind::Stderr => 2,
    }
}

fn stream_of(number: u8) -> Option<OutputStreamKind> {
    let streams = [OutputStreamKind::Stdout, OutputStreamKind::Stderr];
    streams
        .into_iter()
        .find(|&stream| self::number(stream) == number)
}

fn damaged() -> Error {
    let message = format!("the section `{SNAPSHOT_SECTION}` of the program is damaged");
    Error::new(ErrorCode::InvalidWasm, message)
}

/// A snapshot that is loaded.
pub(crate) struct LoadedSnapshot {
    section: Arc<SnapshotSection>,
    resumption: Resumption,
}

impl LoadedSnapshot {
    /// `preopens` are granted to runs that grant none themselves.
    ///
    /// # Errors
    ///
    /// [`ErrorCode::InvalidOption`] when these are others than those of the snapshot.
    pub(crate) fn new(section: Arc<SnapshotSection>, preopens: Arc<[Preopen]>) -> Result<Self> {
        if !preopens.is_empty() {
            check_preopens(&section.head.preopens, &preopens)?;
        }
        let head = &section.head;
        Ok(Self {
            resumption: Resumption {
                name: head.name.clone(),
                args: head.args.clone().into(),
                env: head.env.clone().into(),
                preopens,
                monotonic: head.monotonic,
                random: head.random,
                descriptors: head.descriptors,
            },
            section,
        })
    }

    pub(crate) fn section(&self) -> &SnapshotSection {
        &self.section
    }

    pub(crate) fn resumption(&self) -> &Resumption {
        &self.resumption
    }

    /// Refuses what a run of a snapshot can no longer have, and directories that the guest does not know.
    ///
    /// # Errors
    ///
    /// [`ErrorCode::InvalidOption`].
    pub(crate) fn check_options(&self, options: &RunOptions) -> Result<()> {
        let head = &self.section.head;
        let inside = match (&options.args[..], &options.env[..]) {
            ([], []) => None,
            ([_, ..], _) => Some(("args", format!("{:?}", first(&head.args)))),
            ([], [_, ..]) => {
                let names = first(&head.env).iter().map(|(name, _)| name);
                Some(("env", format!("{:?}", names.collect::<Vec<_>>())))
            }
        };
        if let Some((option, inside)) = inside {
            let message = format!(
                "`{option}` cannot be given to a run of a snapshot: it was given when the snapshot was taken, and \
                 it is {inside}"
            );
            return Err(Error::new(ErrorCode::InvalidOption, message));
        }
        let granted = match options.preopens.is_empty() {
            true => &self.resumption.preopens,
            false => &options.preopens,
        };
        check_preopens(&head.preopens, granted)
    }

    /// Makes the frames of functions that were added for the snapshot look like those of the program.
    pub(crate) fn restore(&self, frames: &mut Vec<Frame>) {
        frames.retain_mut(|frame| match self.original(frame.function_index) {
            Some(original) => {
                frame.function_index = original;
                true
            }
            None => false,
        });
    }

    /// The function of the program that this one is, or is a copy of. None for one that the program has not.
    pub(crate) fn original(&self, function: u32) -> Option<u32> {
        let head = &self.section.head;
        let number = function.checked_sub(head.first_copy);
        match number.and_then(|number| head.copies.get(number as usize)) {
            Some(copied) => *copied,
            None => Some(function),
        }
    }
}

/// As many as a message shows.
fn first<T>(all: &[T]) -> &[T] {
    &all[..all.len().min(MAX_LISTED)]
}

/// # Errors
///
/// [`ErrorCode::InvalidOption`] unless `given` has the same guest paths in the same order.
fn check_preopens(expected: &[GrantedPath], given: &[Preopen]) -> Result<()> {
    let paths = expected.iter().map(|granted| &granted.path);
    if paths.eq(given.iter().map(|preopen| &preopen.guest_path)) {
        return Ok(());
    }
    let expected = match expected {
        [] => "no `preopens`".to_owned(),
        _ => {
            let list = expected.iter().map(|GrantedPath { path, write }| {
                let access = if *write { "write" } else { "read" };
                format!("{path:?} ({access})")
            });
            let list: Vec<_> = list.collect();
            format!(
                "`preopens` with the guest paths {} in this order",
                list.join(", ")
            )
        }
    };
    let given: Vec<_> = given.iter().map(|preopen| &preopen.guest_path).collect();
    let message = format!("the snapshot was taken with {expected}; the run has {given:?}");
    Err(Error::new(ErrorCode::InvalidOption, message))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn section() -> SnapshotSection {
        let printed = |stream, bytes: &'static [u8]| Printed {
            stream,
            bytes: Bytes::from_static(bytes),
        };
        SnapshotSection {
            head: SnapshotHead {
                name: "name".into(),
                args: vec!["a".into(), "\0\u{ffff}".into()],
                env: vec![("B".into(), "c".into())],
                preopens: vec![GrantedPath {
                    path: "/data".into(),
                    write: true,
                }],
                monotonic: u64::MAX,
                random: Some(u64::MAX),
                descriptors: 3,
                copies: vec![Some(7), Some(7), None, Some(1)],
                first_copy: 9,
            },
            printed: [
                printed(OutputStreamKind::Stderr, b"one"),
                printed(OutputStreamKind::Stdout, b"\xff\0"),
                printed(OutputStreamKind::Stdout, b"two"),
            ]
            .into(),
        }
    }

    #[test]
    fn a_section_is_read_as_it_was_written() {
        let section = section();
        let bytes = section.encode().expect("a section");
        assert_eq!(SnapshotSection::parse(&bytes).ok(), Some(section));
    }

    #[test]
    fn a_damaged_section_is_refused_wherever_it_is_cut_or_changed() {
        let bytes = section().encode().expect("a section");
        for length in 0..bytes.len() {
            let error = SnapshotSection::parse(&bytes[..length]).expect_err("it is cut");
            assert_eq!(error.code(), ErrorCode::InvalidWasm);
        }
        let longer = [&bytes[..], b"x"].concat();
        assert!(SnapshotSection::parse(&longer).is_err());
        for at in 0..bytes.len() {
            let mut changed = bytes.clone();
            changed[at] ^= 0x55;
            // It may still be a section, but nothing panics.
            let _ = SnapshotSection::parse(&changed);
        }
    }

    #[test]
    fn another_format_is_named() {
        let head = br#"{"format":2,"new":[]}"#;
        let bytes = [&(head.len() as u32).to_le_bytes()[..], head].concat();
        let error = SnapshotSection::parse(&bytes).expect_err("an unknown format");
        assert_eq!(error.code(), ErrorCode::UnsupportedWasm);
        assert!(error.message().contains("format 2"), "{error}");
    }
}
