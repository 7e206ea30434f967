//! Options as they cross: tagged fields, little-endian, only those that were given.

use super::pipes::PipeMaker;
use crate::error::{Error, Result};
use crate::limits::{OnMemory, OnOutput};
use crate::options::{Clock, OnBrokenPipe, Preopen, RunOptions};
use crate::stdio::{Input, Output, OutputStreamKind};
use bytes::{Buf, Bytes};
use std::sync::Arc;
use std::time::Duration;

/// Decodes the options of a run; what is not among them is as in `base`.
pub(super) fn run_options(
    base: &RunOptions,
    encoded: &Bytes,
    pipes: &mut impl PipeMaker,
) -> Result<RunOptions> {
    let mut options = base.clone();
    let mut fields = Fields(encoded.clone());
    while let Some(tag) = fields.next_tag() {
        let limits = &mut options.limits;
        match tag {
            1 => options.args = fields.list(Fields::string)?,
            2 => options.env = fields.list(|f| Ok((f.string()?, f.string()?)))?,
            3 => {
                options.stdin = match fields.byte()? {
                    0 => Input::Empty,
                    1 => Input::Bytes(fields.bytes()?),
                    2 => Input::Inherit,
                    3 => Input::Pipe(pipes.input()?),
                    _ => return Err(malformed()),
                }
            }
            4 => options.stdout = fields.output(OutputStreamKind::Stdout, pipes)?,
            5 => options.stderr = fields.output(OutputStreamKind::Stderr, pipes)?,
            6 => {
                options.preopens = fields.list(|f| {
                    Ok(Preopen {
                        guest_path: f.string()?,
                        host_path: f.string()?.into(),
                        write: f.byte()? != 0,
                    })
                })?;
            }
            7 => options.clock = Clock::Fixed(fields.milliseconds()?),
            8 => options.random_seed = Some(fields.integer()?),
            9 => limits.timeout = Some(fields.milliseconds()?),
            10 => limits.cpu = Some(fields.milliseconds()?),
            11 => limits.fuel = Some(fields.integer()?),
            12 => limits.memory_bytes = fields.number()? as u64,
            13 => {
                limits.on_memory = match fields.byte()? {
                    0 => OnMemory::Deny,
                    _ => OnMemory::Stop,
                }
            }
            14 => limits.output_bytes = Some(fields.number()? as u64),
            15 => {
                limits.on_output = match fields.byte()? {
                    0 => OnOutput::Stop,
                    _ => OnOutput::Truncate,
                }
            }
            16 => options.clock = Clock::Real,
            17 => {
                options.on_broken_pipe = match fields.byte()? {
                    0 => OnBrokenPipe::Fail,
                    _ => OnBrokenPipe::Stop,
                }
            }
            _ => return Err(malformed()),
        }
    }
    Ok(options)
}

struct Fields(Bytes);

impl Fields {
    fn next_tag(&mut self) -> Option<u8> {
        self.0.has_remaining().then(|| self.0.get_u8())
    }

    fn byte(&mut self) -> Result<u8> {
        self.0.try_get_u8().map_err(|_| malformed())
    }

    fn length(&mut self) -> Result<usize> {
        let length = self.0.try_get_u32_le().map_err(|_| malformed())?;
        Ok(length as usize)
    }

    fn integer(&mut self) -> Result<u64> {
        self.0.try_get_u64_le().map_err(|_| malformed())
    }

    fn number(&mut self) -> Result<f64> {
        self.0.try_get_f64_le().map_err(|_| malformed())
    }

    fn milliseconds(&mut self) -> Result<Duration> {
        let milliseconds = self.number()?;
        // Apart, because a date in nanoseconds has more digits than a double. The casts saturate:
        // longer than any clock runs is as good as for ever.
        let seconds = (milliseconds / 1000.0).floor();
        let nanoseconds = (milliseconds - seconds * 1000.0) * 1e6;
        let whole = Duration::from_secs(seconds as u64);
        Ok(whole.saturating_add(Duration::from_nanos(nanoseconds.round() as u64)))
    }

    fn bytes(&mut self) -> Result<Bytes> {
        let length = self.length()?;
        match length <= self.0.len() {
            true => Ok(self.0.split_to(length)),
            false => Err(malformed()),
        }
    }

    fn string(&mut self) -> Result<String> {
        String::from_utf8(self.bytes()?.into()).map_err(|_| malformed())
    }

    fn list<T>(&mut self, mut item: impl FnMut(&mut Self) -> Result<T>) -> Result<Arc<[T]>> {
        let length = self.length()?;
        (0..length).map(|_| item(self)).collect()
    }

    fn output(&mut self, kind: OutputStreamKind, pipes: &mut impl PipeMaker) -> Result<Output> {
        match self.byte()? {
            0 => Ok(Output::Capture),
            1 => Ok(Output::Ignore),
            2 => Ok(Output::Inherit),
            3 => Ok(Output::Pipe(pipes.output(kind)?)),
            _ => Err(malformed()),
        }
    }
}

fn malformed() -> Error {
    Error::internal("options are not well-formed")
}
