//! The bytes of programs.

use crate::error::{Error, ErrorCode, Result};
use crate::program_info::ProgramKind;
use std::borrow::Cow;
use wasmparser::{Parser, Payload};

/// What a caller gave, and the digest of it.
pub(crate) struct Source<'a> {
    pub(crate) bytes: Cow<'a, [u8]>,
    pub(crate) digest: blake3::Hash,
}

/// A Wasm binary, and the digest of what it came from.
pub(crate) struct Wasm {
    pub(crate) bytes: Vec<u8>,
    pub(crate) digest: blake3::Hash,
}

impl Wasm {
    /// The binary of `source`, which may be WAT text.
    pub(crate) fn new(source: Source<'_>) -> Result<Self> {
        let Source { bytes, digest } = source;
        if bytes.is_empty() {
            let message = "the program is empty (0 bytes)";
            return Err(Error::new(ErrorCode::InvalidWasm, message));
        }
        let bytes = match wat::parse_bytes(&bytes) {
            Ok(Cow::Owned(binary)) => binary,
            Ok(Cow::Borrowed(_)) => bytes.into_owned(),
            Err(error) => return Err(not_a_program(&bytes, &error)),
        };
        Ok(Self { bytes, digest })
    }
}

fn not_a_program(bytes: &[u8], error: &wat::Error) -> Error {
    let detail = match std::str::from_utf8(bytes) {
        Ok(_) => error.to_string(),
        Err(_) => "it does not begin with the Wasm magic number and is no text either".into(),
    };
    Error::new(
        ErrorCode::InvalidWasm,
        format!("the program is neither a Wasm binary nor WAT text: {detail}"),
    )
}

pub(crate) fn kind_of(wasm: &[u8]) -> Result<ProgramKind> {
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

/// Whether code of the program may run while it is instantiated.
pub(crate) fn has_start_section(wasm: &[u8]) -> bool {
    Parser::new(0)
        .parse_all(wasm)
        .any(|payload| matches!(payload, Ok(Payload::StartSection { .. })))
}
