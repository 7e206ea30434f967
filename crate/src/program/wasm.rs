//! The bytes of programs.

use super::snapshot::{SNAPSHOT_SECTION, SnapshotSection};
use super::tasks::tasks_of;
use crate::engine::{EngineNeeds, Heap, ProgramKind, Tasks};
use crate::error::{Error, ErrorCode, Result};
use std::borrow::Cow;
use std::sync::{Arc, OnceLock};
use wasmparser::{Parser, Payload, TypeRef};

/// A Wasm binary, and the digest of the source that it came from.
pub(crate) struct Wasm {
    pub(crate) bytes: Vec<u8>,
    pub(crate) digest: blake3::Hash,
    pub(crate) kind: ProgramKind,
    /// Whether its code may run while it is instantiated.
    pub(crate) starts_early: bool,
    /// Set if it is a snapshot.
    pub(crate) snapshot: Option<Arc<SnapshotSection>>,
    /// Whether it needs a heap; known once there is code of it.
    pub(super) heap: OnceLock<Heap>,
    tasks: Tasks,
}

impl Wasm {
    /// The binary of `bytes`, which may be WAT text.
    ///
    /// # Errors
    ///
    /// [`ErrorCode::InvalidWasm`].
    pub(crate) fn parse(bytes: Cow<'_, [u8]>, digest: blake3::Hash) -> Result<Self> {
        if bytes.is_empty() {
            let message = "the program is empty (0 bytes)";
            return Err(Error::new(ErrorCode::InvalidWasm, message));
        }
        let bytes = match wat::parse_bytes(&bytes) {
            Ok(Cow::Owned(binary)) => binary,
            Ok(Cow::Borrowed(_)) => bytes.into_owned(),
            Err(error) => return Err(not_a_program(&bytes, &error)),
        };
        Self::from_binary(bytes, digest)
    }

    /// # Errors
    ///
    /// [`ErrorCode::InvalidWasm`].
    pub(crate) fn from_binary(bytes: Vec<u8>, digest: blake3::Hash) -> Result<Self> {
        let kind = binary_kind(&bytes)?;
        let mut starts_early = false;
        let mut snapshot = None;
        for payload in Parser::new(0).parse_all(&bytes) {
            match payload {
                Ok(Payload::StartSection { .. }) => starts_early = true,
                Ok(Payload::CustomSection(section))
                    if kind == ProgramKind::Module && section.name() == SNAPSHOT_SECTION =>
                {
                    snapshot = Some(Arc::new(SnapshotSection::parse(section.data())?));
                }
                Ok(_) => {}
                // The compiler reports malformed programs.
                Err(_) => break,
            }
        }
        let tasks = match kind {
            ProgramKind::Module => Tasks::Absent,
            ProgramKind::Component => tasks_of(&bytes),
        };
        Ok(Self {
            kind,
            starts_early,
            snapshot,
            bytes,
            digest,
            heap: OnceLock::new(),
            tasks,
        })
    }

    /// What it needs of an engine, as far as is known.
    pub(super) fn needs(&self) -> EngineNeeds {
        EngineNeeds {
            heap: self.heap.get().copied().unwrap_or(Heap::Absent),
            tasks: self.tasks,
        }
    }
}

fn not_a_program(bytes: &[u8], error: &wat::Error) -> Error {
    let detail = match std::str::from_utf8(bytes) {
        Ok(_) => error.to_string(),
        Err(_) => "it does not begin with the Wasm magic number and is not text either".into(),
    };
    Error::new(
        ErrorCode::InvalidWasm,
        format!("the program is neither a Wasm binary nor WAT text: {detail}"),
    )
}

fn binary_kind(wasm: &[u8]) -> Result<ProgramKind> {
    match wasm.get(4..8) {
        Some([1, 0, 0, 0]) => Ok(ProgramKind::Module),
        Some([13, 0, 1, 0]) => Ok(ProgramKind::Component),
        Some(version) => Err(Error::new(
            ErrorCode::InvalidWasm,
            format!("the program has an unknown Wasm version: {version:02x?}"),
        )),
        None => Err(Error::new(
            ErrorCode::InvalidWasm,
            "the program is truncated within its first 8 bytes",
        )),
    }
}

/// Refuses programs that need threads. wasmtime would refuse them only at instantiation, and would not say
/// why.
///
/// # Errors
///
/// [`ErrorCode::UnsupportedWasm`].
pub(crate) fn refuse_threads(wasm: &Wasm) -> Result<()> {
    let needs = |what: &str| {
        let message = format!(
            "the program needs threads ({what}), which wasiexec does not support: nothing could stop them with \
             their run; compile it without them (Rust: for wasm32-wasip1, not wasm32-wasip1-threads; C and C++: \
             without -pthread, for wasm32-wasip1, not wasm32-wasip1-threads), and let several runs share the work"
        );
        Err(Error::new(ErrorCode::UnsupportedWasm, message))
    };
    for payload in Parser::new(0).parse_all(&wasm.bytes) {
        match payload {
            Ok(Payload::ImportSection(section)) => {
                for import in section.into_imports().flatten() {
                    let shared = matches!(import.ty, TypeRef::Memory(memory) if memory.shared);
                    if shared || (import.module, import.name) == ("wasi", "thread-spawn") {
                        return needs(&format!("it imports {}.{}", import.module, import.name));
                    }
                }
            }
            Ok(Payload::MemorySection(section)) => {
                if section.into_iter().flatten().any(|memory| memory.shared) {
                    return needs("it has a shared memory");
                }
            }
            // Neither section can follow, unless other modules do.
            Ok(Payload::CodeSectionStart { .. }) if wasm.kind == ProgramKind::Module => break,
            // The compiler reports malformed programs.
            Err(_) => break,
            Ok(_) => {}
        }
    }
    Ok(())
}
