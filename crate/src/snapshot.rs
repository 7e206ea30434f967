//! Snapshots: programs that start where another run of theirs was when it first read stdin.
//!
//! A program is run once, compiled such that its frames can be looked at, up to its first call that would read stdin or
//! wait for it. What it is at that moment (its call stack, memories, globals and tables) is written into a module that
//! otherwise is the program's own, and whose `_start` goes on from there. Nothing of it is slower than in the program,
//! but for the functions that had not returned.
//!
//! The runs of a snapshot give what the program would have given, with these differences:
//!
//! - What the guest has read is inside: arguments, environment, files, the wall clock, random numbers. Clocks and random
//!   numbers are read anew after that. The monotonic clock goes on from where it was. Seeded random numbers go on, too,
//!   unless a run has a seed of its own.
//! - Whether stdout and stderr were terminals is inside as well: they were not.
//! - Fuel is counted from the snapshot on, and its memory costs fuel like other data of a program.
//! - Frames of a trap have the names and numbers that they have in the program, but other offsets, and those of
//!   functions that had not returned have neither file nor line.

mod capture;
mod contents;
mod duplicates;
mod image;
mod instrument;
mod labels;
mod locals;
mod module;
mod names;
mod path;
mod probe;
mod recording;
mod refusal;
mod resume;
mod rewrite;
mod source;
mod state;
mod types;
mod way;

use crate::engine::{Allocation, EngineNeeds, Engines, Heap, Host, Linker, ProgramKind, Tasks};
use crate::error::{Error, Result};
use crate::guest::{Limits, OnOutput, Outcome};
use crate::options::{Clock, Preopen, RunOptions};
use crate::program::{GrantedPath, Program, SnapshotHead, SnapshotSection};
use crate::stdio::{Input, OutputStreamKind};
use crate::wasi::{self, StdinHook};
use capture::Layout;
use instrument::{Drops, instrument};
use probe::{Captured, Probe};
use recording::Recording;
use refusal::refusal;
use source::Source;
use std::fmt;
use std::sync::Arc;

/// How a snapshot is taken. The options mean what they mean for a run.
#[derive(Clone, Debug, Default)]
pub struct SnapshotOptions {
    /// argv from index 1 on.
    pub args: Arc<[String]>,
    /// The whole environment.
    pub env: Arc<[(String, String)]>,
    /// Granted directories. They are opened anew for each run of the snapshot.
    pub preopens: Arc<[Preopen]>,
    /// What the clocks say until then.
    pub clock: Clock,
    /// Seed for deterministic random numbers, which go on in the runs of the snapshot.
    pub random_seed: Option<u64>,
    /// The caps of the run up to the snapshot. Output over its cap always ends that run.
    pub limits: Limits,
    /// When it is taken.
    pub until: SnapshotUntil,
}

impl SnapshotOptions {
    /// All that the snapshot depends on besides its program; none if that includes files.
    pub(crate) fn cache_key(&self) -> Option<String> {
        self.preopens.is_empty().then(|| format!("{self:?}"))
    }
}

/// When a snapshot is taken.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum SnapshotUntil {
    /// At the first call that would read stdin or wait for it.
    #[default]
    Stdin,
    /// When this export, which has no parameters, has returned. It is called before `_start`, and after `_initialize`
    /// if the program has that, too.
    Call {
        /// Its name.
        name: String,
    },
}

/// A snapshot: an ordinary module.
#[derive(Debug)]
pub struct Snapshot {
    /// Its binary, which can be loaded like any other.
    pub wasm: Vec<u8>,
    /// The directories that were granted, for [`LoadOptions::preopens`](crate::LoadOptions::preopens). The binary
    /// names only their guest paths.
    pub preopens: Arc<[Preopen]>,
}

/// Why there is no snapshot.
#[derive(Debug)]
pub struct SnapshotError {
    /// The host fault.
    pub error: Error,
    /// How the program ended, if it ended before the snapshot could be taken.
    pub outcome: Option<Box<Outcome>>,
}

impl SnapshotError {
    /// The error for a program that ended too early.
    pub(crate) fn ended(outcome: Outcome, until: &SnapshotUntil) -> Self {
        let error = match until {
            SnapshotUntil::Stdin => refusal("the program ended before it read stdin"),
            SnapshotUntil::Call { name } => refusal(format_args!(
                "the program ended before {name:?} had returned"
            )),
        };
        Self {
            error,
            outcome: Some(Box::new(outcome)),
        }
    }
}

impl From<Error> for SnapshotError {
    fn from(error: Error) -> Self {
        Self {
            error,
            outcome: None,
        }
    }
}

impl fmt::Display for SnapshotError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.error.fmt(f)
    }
}

impl std::error::Error for SnapshotError {}

/// A run that is about to start, and that ends where the snapshot is taken.
pub(crate) struct Prepared {
    pub(crate) program: Arc<Program>,
    original: Arc<Program>,
    drops: Drops,
    probe: Arc<Probe>,
    recording: Recording,
    options: SnapshotOptions,
}

/// Compiles a program such that its frames can be looked at; takes longer than for a run.
///
/// # Errors
///
/// [`ErrorCode::Snapshot`](crate::ErrorCode::Snapshot) for a program of which no snapshot can be taken, and those of loading it.
pub(crate) fn prepare(
    program: &Arc<Program>,
    engines: &Engines,
    options: &SnapshotOptions,
) -> Result<Prepared> {
    if program.info().kind == ProgramKind::Component {
        return Err(refusal("the program is a component"));
    }
    program.check_entry()?;
    let source = Source::parse(program.wasm())?;
    let (changed, drops) = instrument(&source)?;
    let changed = changed.as_deref().map(Source::parse).transpose()?;
    let source = changed.as_ref().unwrap_or(&source);
    let probe = Arc::new(Probe::new(Layout {
        counts: source.counts,
        uninitialized: source.uninitialized.clone(),
        preopens: preopens(program, options).clone(),
        until: match &options.until {
            SnapshotUntil::Stdin => None,
            SnapshotUntil::Call { name } => Some(name.clone()),
        },
    }));
    let needs = program.needs(options.clock, options.random_seed, &options.limits);
    let engine = engines.debug(needs.fuel)?;
    let mut linker = wasi::module_linker(&engine).map_err(Error::internal)?;
    let hook: Arc<dyn StdinHook> = probe.clone();
    wasi::hook_stdin(&mut linker, &hook).map_err(Error::internal)?;
    let host = Host {
        engine,
        linker: Linker::Module(linker),
        allocation: Allocation::OnDemand,
        needs: EngineNeeds {
            heap: Heap::Present,
            tasks: Tasks::Absent,
        },
    };
    Ok(Prepared {
        program: program.instrumented(source.bytes.to_vec(), host, needs, probe.clone())?,
        original: program.clone(),
        drops,
        probe,
        recording: Recording::default(),
        options: options.clone(),
    })
}

/// Those of the options, or those that a snapshot has of its own.
fn preopens<'a>(program: &'a Program, options: &'a SnapshotOptions) -> &'a Arc<[Preopen]> {
    match program.snapshot() {
        Some(snapshot) if options.preopens.is_empty() => &snapshot.resumption().preopens,
        Some(_) | None => &options.preopens,
    }
}

impl Prepared {
    /// The options of the run.
    pub(crate) fn options(&self) -> RunOptions {
        let SnapshotOptions {
            args,
            env,
            preopens,
            clock,
            random_seed,
            limits,
            until: _,
        } = self.options.clone();
        let output = limits.output_bytes.unwrap_or(Limits::DEFAULT_OUTPUT_BYTES);
        RunOptions {
            args,
            env,
            stdin: Input::Empty,
            stdout: self.recording.of(OutputStreamKind::Stdout),
            stderr: self.recording.of(OutputStreamKind::Stderr),
            preopens,
            clock,
            random_seed,
            limits: Limits {
                output_bytes: Some(output),
                on_output: OnOutput::Stop,
                ..limits
            },
            ..RunOptions::default()
        }
    }

    /// What was captured in the run, which has ended.
    ///
    /// # Errors
    ///
    /// [`ErrorCode::Snapshot`](crate::ErrorCode::Snapshot) when that is nothing.
    pub(crate) fn captured(
        self,
        mut outcome: Outcome,
    ) -> std::result::Result<Unwritten, SnapshotError> {
        match self.probe.take() {
            Some(captured) => Ok(Unwritten {
                captured: captured?,
                program: self.program,
                original: self.original,
                drops: self.drops,
                recording: self.recording,
                options: self.options,
            }),
            None => {
                for printed in self.recording.take() {
                    match printed.stream {
                        OutputStreamKind::Stdout => outcome.stdout.extend(printed.bytes),
                        OutputStreamKind::Stderr => outcome.stderr.extend(printed.bytes),
                    }
                }
                Err(SnapshotError::ended(outcome, &self.options.until))
            }
        }
    }
}

/// A snapshot that is yet to be written.
pub(crate) struct Unwritten {
    captured: Captured,
    program: Arc<Program>,
    original: Arc<Program>,
    drops: Drops,
    recording: Recording,
    options: SnapshotOptions,
}

impl Unwritten {
    /// Writes the module.
    ///
    /// # Errors
    ///
    /// [`ErrorCode::Snapshot`](crate::ErrorCode::Snapshot) when the state does not fit into one.
    pub(crate) fn write(self) -> Result<Snapshot> {
        let Captured { state, resumption } = &self.captured;
        let earlier = self.original.snapshot();
        let begun = match earlier {
            Some(earlier) => earlier.section().head.clone(),
            None => SnapshotHead {
                name: self.original.name().to_owned(),
                args: self.options.args.to_vec(),
                env: self.options.env.to_vec(),
                ..SnapshotHead::default()
            },
        };
        let granted = resumption.preopens.iter().map(|preopen| GrantedPath {
            path: preopen.guest_path.clone(),
            write: preopen.write,
        });
        let copied = state.frames.iter().map(|frame| match earlier {
            Some(earlier) => earlier.original(frame.function),
            None => Some(frame.function),
        });
        // Those of an earlier snapshot are still there, in front of these.
        let mut copies = begun.copies.clone();
        copies.extend(copied);
        if state.starting {
            copies.push(None);
        }
        let section = SnapshotSection {
            head: SnapshotHead {
                preopens: granted.collect(),
                monotonic: resumption.monotonic,
                random: resumption.random,
                descriptors: resumption.descriptors,
                copies,
                ..begun
            },
            printed: self.recording.take().into(),
        };
        let source = Source::parse(self.program.wasm())?;
        let wasm = rewrite::rewrite(&source, &self.drops, state, |first_copy| {
            let mut section = section;
            if earlier.is_none() {
                section.head.first_copy = first_copy;
            }
            section.encode()
        })?;
        Ok(Snapshot {
            wasm,
            preopens: resumption.preopens.clone(),
        })
    }
}
