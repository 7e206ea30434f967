//! What a submitter can request: records of [`FIELDS`] numbers, as [`super::protocol`] has them.

use super::calls::GuestAccess;
use super::protocol::{operation, operation_field, run_flag, stream};
use super::words::{bytes_of, words};
use crate::error::{Error, Result};
use crate::host_functions::{HostResult, Thrown};
use crate::stdio::OutputStreamKind;
use bytes::Bytes;

/// Numbers in a record.
const FIELDS: usize = operation_field::COUNT;

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
    HostResult {
        id: u64,
        call: u64,
        result: HostResult,
    },
    Memory {
        id: u64,
        /// The number of the access; its answer is a record for it.
        number: u64,
        access: GuestAccess,
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
    Instantiate(RunOperation),
    Call {
        id: u64,
        instance: u64,
        function: usize,
        payload: Bytes,
        abortable: bool,
    },
    CloseInstance {
        instance: u64,
    },
}

#[derive(Clone)]
pub(crate) struct RunOperation {
    pub(crate) id: u64,
    pub(crate) handle: u64,
    pub(crate) options: Bytes,
    pub(crate) abortable: bool,
    /// Has streams whose other end is with the submitter, or calls its functions.
    pub(crate) piped: bool,
    /// 0 for none.
    pub(crate) batch: u64,
}

/// What the submitter says about a stream.
pub(crate) enum PipeEvent {
    /// The next chunk of stdin.
    Push(Bytes),
    /// The end of stdin.
    End,
    /// This many bytes of output have been taken.
    Taken(OutputStreamKind, u64),
    /// The reader of this output is gone.
    Closed(OutputStreamKind),
    /// This many bytes of the response's body have been taken.
    BodyTaken(u64),
    /// This output goes into the stdin of this run; to the submitter again without one.
    Relayed(OutputStreamKind, Option<u64>),
}

impl Operation {
    /// The operations of one submission.
    pub(crate) fn all<'a>(
        operations: &'a [f64],
        bytes: &'a Bytes,
    ) -> impl Iterator<Item = Result<Self>> + 'a {
        let records = operations.chunks(FIELDS);
        records.map(move |record| Self::parse(record, bytes))
    }

    /// How many of the operations of a submission are runs.
    pub(crate) fn count_runs(operations: &[f64]) -> u64 {
        let records = operations.chunks(FIELDS);
        records
            .filter(|record| record[0] as u32 == operation::RUN)
            .count() as u64
    }

    /// Whether one of the operations of a submission asks for the runs that have not started.
    pub(crate) fn recalls(operations: &[f64]) -> bool {
        let mut records = operations.chunks(FIELDS);
        records.any(|record| record[0] as u32 == operation::RECALL)
    }

    /// Whether a thread waits for what one of the operations asks.
    pub(crate) fn is_urgent(operations: &[f64]) -> bool {
        let mut records = operations.chunks(FIELDS);
        let urgent = [operation::MEMORY_READ, operation::MEMORY_WRITE];
        records.any(|record| urgent.contains(&(record[0] as u32)))
    }

    fn parse(record: &[f64], bytes: &Bytes) -> Result<Self> {
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
        // A chunk may wait for long: it must not hold much more memory than its own.
        let chunk = || {
            slice().map(|chunk| match chunk.len() * 4 < bytes.len() {
                true => Bytes::copy_from_slice(&chunk),
                false => chunk,
            })
        };
        let stream = || match argument as u32 {
            stream::STDOUT => Ok(OutputStreamKind::Stdout),
            stream::STDERR => Ok(OutputStreamKind::Stderr),
            _ => Err(Error::internal("a submission names an unknown stream")),
        };
        let pipe = |event| Self::Pipe { id, event };
        let has = |flag| flags as u32 & flag != 0;
        let run = || {
            Ok(RunOperation {
                id,
                handle: argument as u64,
                options: slice()?,
                abortable: has(run_flag::ABORTABLE),
                piped: has(run_flag::PIPED),
                batch: batch as u64,
            })
        };
        Ok(match kind as u32 {
            operation::RUN => Self::Run(run()?),
            operation::ABORT => Self::Abort { id },
            operation::RELEASE => Self::Release { handle: id },
            operation::DISPOSE => Self::Dispose { handle: id },
            operation::STDIN_CHUNK => pipe(PipeEvent::Push(chunk()?)),
            operation::STDIN_END => pipe(PipeEvent::End),
            operation::OUTPUT_TAKEN if argument as u32 == stream::BODY => {
                pipe(PipeEvent::BodyTaken(offset as u64))
            }
            operation::OUTPUT_TAKEN => pipe(PipeEvent::Taken(stream()?, offset as u64)),
            operation::OUTPUT_CLOSED => pipe(PipeEvent::Closed(stream()?)),
            operation::OUTPUT_RELAYED => {
                let to = Some(offset as u64).filter(|to| *to != 0);
                pipe(PipeEvent::Relayed(stream()?, to))
            }
            operation::HOST_RETURN => Self::HostResult {
                id,
                call: argument as u64,
                result: Ok(words(&slice()?)),
            },
            operation::HOST_THROW => Self::HostResult {
                id,
                call: argument as u64,
                result: Err(Thrown),
            },
            operation::MEMORY_READ | operation::MEMORY_WRITE => {
                let is_write = kind as u32 == operation::MEMORY_WRITE;
                let cut = || Error::internal("an access to memory is cut off");
                Self::Memory {
                    id,
                    number: argument as u64,
                    access: GuestAccess::parse(slice()?, is_write).ok_or_else(cut)?,
                }
            }
            operation::OPEN_BATCH => Self::OpenBatch {
                id,
                concurrency: argument as usize,
                options: slice()?,
            },
            operation::ABORT_BATCH => Self::AbortBatch { id },
            operation::CLOSE_BATCH => Self::CloseBatch { id },
            operation::BATCH_READ => Self::BatchRead {
                id,
                output: argument as u64,
            },
            operation::RECALL => Self::Recall,
            operation::INSTANTIATE => Self::Instantiate(run()?),
            operation::CALL => Self::Call {
                id,
                instance: argument as u64,
                function: batch as usize,
                payload: slice()?,
                abortable: has(run_flag::ABORTABLE),
            },
            operation::CLOSE_INSTANCE => Self::CloseInstance { instance: id },
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
        // Kind, id, argument, offset, length, flags and batch.
        let (kind, id, argument, offset, length, flags, batch) = match self {
            Self::Run(run) | Self::Instantiate(run) => {
                let kind = match self {
                    Self::Run(_) => operation::RUN,
                    _ => operation::INSTANTIATE,
                };
                let mut flags = 0;
                if run.abortable {
                    flags |= run_flag::ABORTABLE;
                }
                if run.piped {
                    flags |= run_flag::PIPED;
                }
                let length = put(&run.options);
                let handle = run.handle as f64;
                (kind, run.id, handle, start, length, flags, run.batch)
            }
            Self::Abort { id } => plain(operation::ABORT, *id),
            Self::Release { handle } => plain(operation::RELEASE, *handle),
            Self::Dispose { handle } => plain(operation::DISPOSE, *handle),
            Self::Pipe { id, event } => match event {
                PipeEvent::Push(chunk) => {
                    let length = put(chunk);
                    (operation::STDIN_CHUNK, *id, 0.0, start, length, 0, 0)
                }
                PipeEvent::End => plain(operation::STDIN_END, *id),
                PipeEvent::Taken(stream, taken) => {
                    let stream = stream_number(*stream);
                    (
                        operation::OUTPUT_TAKEN,
                        *id,
                        stream,
                        *taken as f64,
                        0.0,
                        0,
                        0,
                    )
                }
                PipeEvent::BodyTaken(taken) => {
                    let (stream, taken) = (f64::from(stream::BODY), *taken as f64);
                    (operation::OUTPUT_TAKEN, *id, stream, taken, 0.0, 0, 0)
                }
                PipeEvent::Closed(stream) => {
                    let stream = stream_number(*stream);
                    (operation::OUTPUT_CLOSED, *id, stream, 0.0, 0.0, 0, 0)
                }
                PipeEvent::Relayed(stream, to) => {
                    let (stream, to) = (stream_number(*stream), to.unwrap_or(0) as f64);
                    (operation::OUTPUT_RELAYED, *id, stream, to, 0.0, 0, 0)
                }
            },
            Self::HostResult { id, call, result } => {
                let (kind, length) = match result {
                    Ok(words) => (operation::HOST_RETURN, put(&bytes_of(words))),
                    Err(Thrown) => (operation::HOST_THROW, 0.0),
                };
                (kind, *id, *call as f64, start, length, 0, 0)
            }
            Self::Memory { id, number, access } => {
                let kind = match access.is_write() {
                    true => operation::MEMORY_WRITE,
                    false => operation::MEMORY_READ,
                };
                let length = put(&access.encode());
                (kind, *id, *number as f64, start, length, 0, 0)
            }
            Self::OpenBatch {
                id,
                concurrency,
                options,
            } => {
                let length = put(options);
                let concurrency = *concurrency as f64;
                (operation::OPEN_BATCH, *id, concurrency, start, length, 0, 0)
            }
            Self::AbortBatch { id } => plain(operation::ABORT_BATCH, *id),
            Self::CloseBatch { id } => plain(operation::CLOSE_BATCH, *id),
            Self::BatchRead { id, output } => {
                (operation::BATCH_READ, *id, *output as f64, 0.0, 0.0, 0, 0)
            }
            Self::Recall => plain(operation::RECALL, 0),
            Self::Call {
                id,
                instance,
                function,
                payload,
                abortable,
            } => {
                let flags = match abortable {
                    true => run_flag::ABORTABLE,
                    false => 0,
                };
                let length = put(payload);
                let (instance, function) = (*instance as f64, *function as u64);
                (
                    operation::CALL,
                    *id,
                    instance,
                    start,
                    length,
                    flags,
                    function,
                )
            }
            Self::CloseInstance { instance } => plain(operation::CLOSE_INSTANCE, *instance),
        };
        let record: [f64; FIELDS] = [
            f64::from(kind),
            id as f64,
            argument,
            offset,
            length,
            f64::from(flags),
            batch as f64,
        ];
        numbers.extend(record);
    }
}

type Fields = (u32, u64, f64, f64, f64, u32, u64);

fn plain(kind: u32, id: u64) -> Fields {
    (kind, id, 0.0, 0.0, 0.0, 0, 0)
}

fn stream_number(kind: OutputStreamKind) -> f64 {
    f64::from(match kind {
        OutputStreamKind::Stdout => stream::STDOUT,
        OutputStreamKind::Stderr => stream::STDERR,
    })
}
