//! What a submitter asks to be loaded.

use crate::program::LoadOptions;

/// What to load, and how.
pub struct LoadRequest {
    /// Where the bytes are.
    pub source: ProgramSource,
    /// How to load it.
    pub options: LoadOptions,
}

/// Where a program's bytes are.
pub enum ProgramSource {
    /// In a file.
    File(String),
    /// Here.
    Bytes(Vec<u8>),
}
