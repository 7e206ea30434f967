//! What a submitter can ask for: records of [`FIELDS`] numbers.
//!
//! | kind | id | argument | offset, length | flags | batch |
//! |---|---|---|---|---|---|
//! | 1 run | id | program handle | options | 1 abortable, 2 piped | batch or 0 |
//! | 2 abort | id | | | | |
//! | 3 release a program's handle | handle | | | | |
//! | 4 dispose of a program | handle | | | | |
//! | 5 stdin chunk | id | | bytes | | |
//! | 6 stdin end | id | | | | |
//! | 7 output taken | id | 1 stdout, 2 stderr | bytes, 0 | | |
//! | 8 output closed | id | 1 stdout, 2 stderr | | | |
//! | 9 open a batch | batch | concurrency | shared options | | |
//! | 10 abort a batch | batch | | | | |
//! | 12 output of a batch was read | batch | bytes | | | |
//! | 11 close a batch: no more runs of it follow | batch | | | | |

use super::pipes::PipeEvent;
use crate::error::{Error, Result};
use crate::stdio::OutputStreamKind;
use bytes::Bytes;

/// Numbers in a record: kind, id, argument, offset, length, flags, batch.
pub(super) const FIELDS: usize = 7;

const ABORTABLE: u32 = 1;

pub(super) enum Operation {
    Run(RunOperation),
    Abort {
        id: u64,
    },
    Release {
        handle: u64,
    },
    Dispose {
        handle: u64,
    },
    Pipe {
        id: u64,
        event: PipeEvent,
    },
    OpenBatch {
        id: u64,
        concurrency: usize,
        options: Bytes,
    },
    AbortBatch {
        id: u64,
    },
    BatchRead {
        id: u64,
        output: u64,
    },
    CloseBatch {
        id: u64,
    },
}

pub(super) struct RunOperation {
    pub(super) id: u64,
    pub(super) handle: u64,
    pub(super) options: Bytes,
    pub(super) abortable: bool,
    /// 0 for none.
    pub(super) batch: u64,
}

impl Operation {
    pub(super) fn parse(record: &[f64], bytes: &Bytes) -> Result<Self> {
        let &[kind, id, argument, offset, length, flags, batch] = record else {
            return Err(Error::internal("a submission is cut off"));
        };
        let id = id as u64;
        let slice = || {
            let (start, end) = (offset as usize, offset as usize + length as usize);
            match end <= bytes.len() {
                true => Ok(bytes.slice(start..end)),
                false => Err(Error::internal("a submission refers to bytes it has not")),
            }
        };
        let stream = || match argument as u32 {
            1 => Ok(OutputStreamKind::Stdout),
            2 => Ok(OutputStreamKind::Stderr),
            _ => Err(Error::internal("a submission names an unknown stream")),
        };
        let pipe = |event| Self::Pipe { id, event };
        Ok(match kind as u32 {
            1 => Self::Run(RunOperation {
                id,
                handle: argument as u64,
                options: slice()?,
                abortable: flags as u32 & ABORTABLE != 0,
                batch: batch as u64,
            }),
            2 => Self::Abort { id },
            3 => Self::Release { handle: id },
            4 => Self::Dispose { handle: id },
            5 => pipe(PipeEvent::Push(slice()?)),
            6 => pipe(PipeEvent::End),
            7 => pipe(PipeEvent::Taken(stream()?, offset as u64)),
            8 => pipe(PipeEvent::Closed(stream()?)),
            9 => Self::OpenBatch {
                id,
                concurrency: argument as usize,
                options: slice()?,
            },
            10 => Self::AbortBatch { id },
            11 => Self::CloseBatch { id },
            12 => Self::BatchRead {
                id,
                output: argument as u64,
            },
            _ => return Err(Error::internal("a submission has an unknown operation")),
        })
    }
}
