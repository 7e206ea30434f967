//! Options as they cross: tagged fields, little-endian, only those that were given.

use super::fields::{Fields, malformed};
use super::pipe_maker::{NoPipes, PipeMaker};
use super::protocol::{on_broken_pipe, on_memory, on_output, option, output, stdin};
use super::{http, network};
use crate::error::Result;
use crate::files::{GivenFile, GivenTree, Patterns};
use crate::guest::{Limits, OnMemory, OnOutput};
use crate::options::{Clock, Preopen, RunOptions};
use crate::stdio::{Input, OnBrokenPipe, Output, OutputStreamKind};
use bytes::Bytes;
use std::sync::Arc;

/// Decodes the options of a run; what is not among them is as in `base`.
pub(crate) fn run_options(
    base: &RunOptions,
    encoded: &Bytes,
    pipes: &mut impl PipeMaker,
) -> Result<RunOptions> {
    let mut options = base.clone();
    let mut fields = Fields(encoded.clone());
    while let Some(tag) = fields.next_tag() {
        if fields.limit(tag, &mut options.limits)? {
            continue;
        }
        match tag {
            option::ARGS => options.args = fields.list(Fields::string)?,
            option::ENV => options.env = fields.list(|f| Ok((f.string()?, f.string()?)))?,
            option::STDIN => {
                options.stdin = match fields.case()? {
                    stdin::EMPTY => Input::Empty,
                    stdin::BYTES => Input::Bytes(fields.bytes()?),
                    stdin::INHERIT => Input::Inherit,
                    stdin::PULL => Input::Pipe(pipes.pulled_input()?),
                    stdin::PUSH => Input::Pipe(pipes.pushed_input()?),
                    _ => return Err(malformed()),
                }
            }
            option::STDOUT => options.stdout = fields.output(OutputStreamKind::Stdout, pipes)?,
            option::STDERR => options.stderr = fields.output(OutputStreamKind::Stderr, pipes)?,
            option::PREOPENS => {
                options.preopens = fields.list(|f| {
                    Ok(Preopen {
                        guest_path: f.string()?,
                        host_path: f.string()?.into(),
                        write: f.byte()? != 0,
                    })
                })?;
            }
            option::CLOCK_FIXED => options.clock = Clock::Fixed(fields.milliseconds()?),
            option::RANDOM_SEED => options.random_seed = Some(fields.integer()?),
            option::CLOCK_REAL => options.clock = Clock::Real,
            option::ON_BROKEN_PIPE => {
                options.on_broken_pipe = match fields.case()? {
                    on_broken_pipe::FAIL => OnBrokenPipe::Fail,
                    on_broken_pipe::STOP => OnBrokenPipe::Stop,
                    _ => return Err(malformed()),
                }
            }
            option::IMPORTS => options.host_calls = Some(pipes.host_calls()?),
            option::FILES => {
                let files = fields.list(|f| {
                    Ok(GivenFile {
                        path: f.string()?,
                        contents: match f.byte()? {
                            0 => Some(f.bytes()?),
                            _ => None,
                        },
                    })
                })?;
                options.files = Some(Arc::new(GivenTree::new(files.iter().cloned())?));
            }
            option::FILES_AT => options.files_at = Some(fields.string()?.into()),
            option::COLLECT => {
                let patterns = fields.list(Fields::string)?;
                let patterns = Patterns::new(patterns.iter().map(String::as_str))?;
                options.collect = Some(Arc::new(patterns));
            }
            option::CONFIG => options.config = fields.list(|f| Ok((f.string()?, f.string()?)))?,
            option::KEY_VALUES => {
                options.key_values = Some(
                    fields
                        .list(|f| Ok((f.string()?, f.list(|f| Ok((f.string()?, f.bytes()?)))?)))?,
                );
            }
            option::NO_NETWORK => options.network = None,
            option::NETWORK => options.network = Some(Arc::new(network::decode(&mut fields)?)),
            option::NO_HTTP => options.http = None,
            option::HTTP => options.http = Some(Arc::new(http::decode_origins(&mut fields)?)),
            option::REQUEST => options.exchange = Some(http::decode_request(&mut fields, pipes)?),
            _ => return Err(malformed()),
        }
    }
    Ok(options)
}

/// Whether a run with these options may call functions of the submitter.
pub(crate) fn calls_host(encoded: &Bytes) -> Result<bool> {
    let options = run_options(&RunOptions::default(), encoded, &mut NoPipes)?;
    Ok(options.host_calls.is_some())
}

/// Decodes limits; what is not among them is as in `base`.
pub(crate) fn limits(base: Limits, encoded: &Bytes) -> Result<Limits> {
    let mut limits = base;
    let mut fields = Fields(encoded.clone());
    while let Some(tag) = fields.next_tag() {
        if !fields.limit(tag, &mut limits)? {
            return Err(malformed());
        }
    }
    Ok(limits)
}

impl Fields {
    /// Reads the field of this tag into `limits`, if it is a limit.
    fn limit(&mut self, tag: u32, limits: &mut Limits) -> Result<bool> {
        match tag {
            option::TIMEOUT_MS => limits.timeout = Some(self.milliseconds()?),
            option::CPU_MS => limits.cpu = Some(self.milliseconds()?),
            option::FUEL => limits.fuel = Some(self.integer()?),
            option::MEMORY_BYTES => limits.memory_bytes = self.number()? as u64,
            option::ON_MEMORY => {
                limits.on_memory = match self.case()? {
                    on_memory::DENY => OnMemory::Deny,
                    on_memory::STOP => OnMemory::Stop,
                    _ => return Err(malformed()),
                }
            }
            option::OUTPUT_BYTES => limits.output_bytes = Some(self.number()? as u64),
            option::ON_OUTPUT => {
                limits.on_output = match self.case()? {
                    on_output::STOP => OnOutput::Stop,
                    on_output::TRUNCATE => OnOutput::Truncate,
                    _ => return Err(malformed()),
                }
            }
            option::FILES_BYTES => limits.files.bytes = self.number()? as u64,
            option::FILES_COUNT => limits.files.count = self.number()? as u64,
            option::SOCKETS => limits.sockets = self.number()? as u32,
            option::NETWORK_SENT_BYTES => {
                limits.network_sent_bytes = Some(self.number()? as u64);
            }
            option::NETWORK_RECEIVED_BYTES => {
                limits.network_received_bytes = Some(self.number()? as u64);
            }
            option::REQUEST_BYTES => limits.request_bytes = Some(self.number()? as u64),
            option::RESPONSE_BYTES => limits.response_bytes = Some(self.number()? as u64),
            _ => return Ok(false),
        }
        Ok(true)
    }

    fn output(&mut self, kind: OutputStreamKind, pipes: &mut impl PipeMaker) -> Result<Output> {
        match self.case()? {
            output::CAPTURE => Ok(Output::Capture),
            output::IGNORE => Ok(Output::Ignore),
            output::INHERIT => Ok(Output::Inherit),
            output::PIPE => Ok(Output::Pipe(pipes.output(kind)?)),
            _ => Err(malformed()),
        }
    }
}
