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
//! | 13 give back the runs that have not started; from a pool to its workers alone | | | | | |

use super::pipes::PipeEvent;
use crate::error::{Error, Result};
use crate::stdio::OutputStreamKind;
use bytes::Bytes;

/// Numbers in a record: kind, id, argument, offset, length, flags, batch.
pub(crate) const FIELDS: usize = 7;

/// The kind of a run.
pub(crate) const RUN: f64 = 1.0;

const ABORTABLE: u32 = 1;
const PIPED: u32 = 2;

pub(crate) enum Operation {
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
    Recall,
}

#[derive(Clone)]
pub(crate) struct RunOperation {
    pub(crate) id: u64,
    pub(crate) handle: u64,
    pub(crate) options: Bytes,
    pub(crate) abortable: bool,
    /// Has streams whose other end is with the submitter.
    pub(crate) piped: bool,
    /// 0 for none.
    pub(crate) batch: u64,
}

impl Operation {
    pub(crate) fn parse(record: &[f64], bytes: &Bytes) -> Result<Self> {
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
                piped: flags as u32 & PIPED != 0,
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
            13 => Self::Recall,
            _ => return Err(Error::internal("a submission has an unknown operation")),
        })
    }

    /// Appends it in the form that [`parse`](Self::parse) reads.
    pub(crate) fn write(&self, numbers: &mut Vec<f64>, bytes: &mut Vec<u8>) {
        let start = bytes.len() as f64;
        let mut put = |payload: &[u8]| {
            bytes.extend_from_slice(payload);
            payload.len() as f64
        };
        let plain = |kind, id: u64| [kind, id as f64, 0.0, 0.0, 0.0, 0.0, 0.0];
        numbers.extend(match self {
            Self::Run(run) => {
                let mut flags = 0;
                if run.abortable {
                    flags |= ABORTABLE;
                }
                if run.piped {
                    flags |= PIPED;
                }
                let length = put(&run.options);
                let (id, handle, batch) = (run.id as f64, run.handle as f64, run.batch as f64);
                [RUN, id, handle, start, length, f64::from(flags), batch]
            }
            Self::Abort { id } => plain(2.0, *id),
            Self::Release { handle } => plain(3.0, *handle),
            Self::Dispose { handle } => plain(4.0, *handle),
            Self::Pipe { id, event } => {
                let id = *id as f64;
                match event {
                    PipeEvent::Push(chunk) => [5.0, id, 0.0, start, put(chunk), 0.0, 0.0],
                    PipeEvent::End => [6.0, id, 0.0, 0.0, 0.0, 0.0, 0.0],
                    PipeEvent::Taken(stream, taken) => [
                        7.0,
                        id,
                        stream_number(*stream),
                        *taken as f64,
                        0.0,
                        0.0,
                        0.0,
                    ],
                    PipeEvent::Closed(stream) => {
                        [8.0, id, stream_number(*stream), 0.0, 0.0, 0.0, 0.0]
                    }
                }
            }
            Self::OpenBatch {
                id,
                concurrency,
                options,
            } => {
                let length = put(options);
                [
                    9.0,
                    *id as f64,
                    *concurrency as f64,
                    start,
                    length,
                    0.0,
                    0.0,
                ]
            }
            Self::AbortBatch { id } => plain(10.0, *id),
            Self::CloseBatch { id } => plain(11.0, *id),
            Self::BatchRead { id, output } => {
                [12.0, *id as f64, *output as f64, 0.0, 0.0, 0.0, 0.0]
            }
            Self::Recall => plain(13.0, 0),
        });
    }
}

fn stream_number(stream: OutputStreamKind) -> f64 {
    match stream {
        OutputStreamKind::Stdout => 1.0,
        OutputStreamKind::Stderr => 2.0,
    }
}
