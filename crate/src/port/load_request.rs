//! What a submitter asks to be loaded, or to be made a snapshot of.

use crate::program::LoadOptions;
use crate::snapshot::SnapshotUntil;
use bytes::Bytes;

/// What to load, and how.
pub struct LoadRequest {
    /// Where the bytes are.
    pub source: ProgramSource,
    /// How to load it.
    pub options: LoadOptions,
    /// Whether a source map that lies beside the file may be read.
    pub source_maps: bool,
}

/// Where a program's bytes are.
pub enum ProgramSource {
    /// In a file.
    File(String),
    /// Here.
    Bytes(Vec<u8>),
}

/// What to take a snapshot of, and how.
pub struct SnapshotRequest {
    /// The options of the run up to the snapshot, as those of a run cross.
    pub options: Bytes,
    /// When it is taken.
    pub until: SnapshotUntil,
    /// How the snapshot is loaded.
    pub load: LoadOptions,
}
