//! Programs compiled ahead: their code and the Wasm that it was made from, in one file.
//!
//! A file is [`MAGIC`], the length of its head, the head as JSON, the sections that the head lists, and the
//! BLAKE3 digest of all that. The digest detects damage; it does not show who made the file. To
//! load one is to run machine code from it, outside of any sandbox.

use super::wasm::Wasm;
use crate::digest::digest;
use crate::engine::{Checks, Compilation, Heap, Nans, Tier};
use crate::error::{Error, ErrorCode, Result};
use serde::{Deserialize, Serialize};

/// The first bytes of every such file, of whichever version.
const MAGIC: &[u8; 16] = b"\0wasiexec\0cwasm\0";
const DIGEST: usize = blake3::OUT_LEN;
const VERSION: &str = env!("CARGO_PKG_VERSION");

/// What the file says of itself.
#[derive(Serialize, Deserialize)]
struct FileHeader {
    /// Of wasiexec.
    version: String,
    target: String,
    interruptible: bool,
    /// Digest of what the Wasm came from, as hexadecimal digits.
    source: String,
    /// Whether the code needs a heap.
    heap: Option<Heap>,
    /// In the order of their bytes.
    sections: Vec<FileSection>,
}

#[derive(Serialize, Deserialize)]
struct FileSection {
    holds: Holds,
    bytes: usize,
}

/// What the bytes of a section are.
#[derive(Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum Holds {
    /// The Wasm that the code was made from.
    Wasm,
    /// Code of the program's kind.
    Code {
        checks: Checks,
        tier: Tier,
        nans: Nans,
    },
}

/// The parts of a file.
pub(crate) struct Precompiled<'a> {
    pub(crate) interruptible: bool,
    /// Digest of what the Wasm came from, by which code that the file does not have is found in the cache.
    source: blake3::Hash,
    heap: Option<Heap>,
    wasm: &'a [u8],
    pub(crate) code: Vec<(Checks, Tier, Nans, PrecompiledCode<'a>)>,
}

/// Compiled code from a file that was accepted.
#[derive(Clone, Copy)]
pub(crate) struct PrecompiledCode<'a>(&'a [u8]);

impl<'a> PrecompiledCode<'a> {
    pub(crate) fn bytes(self) -> &'a [u8] {
        self.0
    }
}

/// All of a precompiled program but its digest, which is computed once; nothing for other bytes. What is cut off
/// before its digest is content, too: its digest will be wrong.
pub(crate) fn content(bytes: &[u8]) -> Option<&[u8]> {
    let content = bytes.split_last_chunk::<DIGEST>();
    bytes
        .starts_with(MAGIC)
        .then(|| content.map_or(bytes, |(content, _)| content))
}

pub(crate) fn encode(
    wasm: &Wasm,
    interruptible: bool,
    code: &[(Compilation, Vec<u8>)],
) -> Result<Vec<u8>> {
    let code = code.iter();
    let sections = code.map(|(compilation, bytes)| {
        let &Compilation {
            checks, tier, nans, ..
        } = compilation;
        (Holds::Code { checks, tier, nans }, &bytes[..])
    });
    let sections: Vec<_> = std::iter::once((Holds::Wasm, &wasm.bytes[..]))
        .chain(sections)
        .collect();
    let head = FileHeader {
        version: VERSION.into(),
        target: target(),
        interruptible,
        source: wasm.digest.to_hex().to_string(),
        heap: wasm.heap.get().copied(),
        sections: sections
            .iter()
            .map(|&(holds, bytes)| FileSection {
                holds,
                bytes: bytes.len(),
            })
            .collect(),
    };
    let head = serde_json::to_vec(&head).map_err(Error::internal)?;
    let mut file = MAGIC.to_vec();
    file.extend((head.len() as u32).to_le_bytes());
    file.extend_from_slice(&head);
    for (_, bytes) in sections {
        file.extend_from_slice(bytes);
    }
    file.extend(digest(&file).as_bytes());
    Ok(file)
}

impl<'a> Precompiled<'a> {
    /// `actual` is the digest of the [`content`] of the file.
    ///
    /// # Safety
    ///
    /// The caller vouches that the file was made with [`encode`]; that it did not change
    /// since then, and was made by this version, is found out here.
    ///
    /// # Errors
    ///
    /// [`ErrorCode::PrecompiledDamaged`] and [`ErrorCode::PrecompiledIncompatible`].
    pub(crate) unsafe fn parse(file: &'a [u8], actual: &blake3::Hash) -> Result<Self> {
        let (content, digest) = file.split_last_chunk::<DIGEST>().ok_or_else(damaged)?;
        if actual != digest {
            return Err(damaged());
        }
        let rest = content.strip_prefix(MAGIC).ok_or_else(damaged)?;
        let (length, rest) = rest.split_first_chunk().ok_or_else(damaged)?;
        let length = u32::from_le_bytes(*length) as usize;
        let (head, rest) = rest.split_at_checked(length).ok_or_else(damaged)?;
        // Another version may have another head.
        let made: Made = serde_json::from_slice(head).map_err(|_| damaged())?;
        if made.version != VERSION {
            return Err(incompatible(format!(
                "it was compiled by wasiexec {}, this is {VERSION}",
                made.version
            )));
        }
        if made.target != target() {
            let (theirs, ours) = (made.target, target());
            return Err(incompatible(format!(
                "it was compiled for {theirs}, this is {ours}"
            )));
        }
        let head: FileHeader = serde_json::from_slice(head).map_err(|_| damaged())?;
        let (mut wasm, mut code, mut rest) = (None, Vec::new(), rest);
        for section in &head.sections {
            let (bytes, others) = rest.split_at_checked(section.bytes).ok_or_else(damaged)?;
            rest = others;
            match section.holds {
                Holds::Wasm => wasm = Some(bytes),
                Holds::Code { checks, tier, nans } => {
                    code.push((checks, tier, nans, PrecompiledCode(bytes)));
                }
            }
        }
        if !rest.is_empty() {
            return Err(damaged());
        }
        Ok(Self {
            interruptible: head.interruptible,
            source: blake3::Hash::from_hex(&head.source).map_err(|_| damaged())?,
            heap: head.heap,
            wasm: wasm.ok_or_else(damaged)?,
            code,
        })
    }

    /// # Errors
    ///
    /// [`ErrorCode::InvalidWasm`].
    pub(crate) fn wasm(&self) -> Result<Wasm> {
        let wasm = Wasm::from_binary(self.wasm.to_vec(), self.source)?;
        if let Some(heap) = self.heap {
            let _ = wasm.heap.set(heap);
        }
        Ok(wasm)
    }
}

/// The part of a head that all versions have.
#[derive(Deserialize)]
struct Made {
    version: String,
    target: String,
}

pub(crate) fn damaged() -> Error {
    Error::new(
        ErrorCode::PrecompiledDamaged,
        "the precompiled program is damaged: its content is not what was written; check that the file was \
         copied completely, or compile it again",
    )
}

/// What `why` says of the file, and what to do.
pub(crate) fn incompatible(why: impl std::fmt::Display) -> Error {
    Error::new(
        ErrorCode::PrecompiledIncompatible,
        format!(
            "the precompiled program cannot be used here: {why}; compile it again on this machine"
        ),
    )
}

fn target() -> String {
    format!("{}-{}", std::env::consts::ARCH, std::env::consts::OS)
}
