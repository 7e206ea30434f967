//! Programs in files.

use crate::error::{Error, ErrorCode, Result};
use crate::platform;
use std::fmt::Display;
use std::fs::{self, File};
use std::io::{self, Read};
use std::path::Path;

/// Reads a whole regular file.
pub(super) fn read_program(path: &Path) -> Result<Vec<u8>> {
    let failed = |reason: &dyn Display| {
        let message = format!("cannot read the program {}: {reason}", path.display());
        Error::new(ErrorCode::ReadFailed, message)
    };
    let metadata = fs::metadata(path).map_err(|error| failed(&error))?;
    // A pipe may never end, nor does /dev/zero.
    if !metadata.is_file() {
        return Err(failed(match metadata.is_dir() {
            true => &"it is a directory",
            false => &"it is not a regular file",
        }));
    }
    read(path, metadata.len()).map_err(|error| failed(&error))
}

fn read(path: &Path, length: u64) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    let length = usize::try_from(length).unwrap_or(usize::MAX);
    // One more, so that the end is seen without growing.
    bytes.try_reserve_exact(length.saturating_add(1))?;
    platform::use_huge_pages(&mut bytes);
    File::open(path)?.read_to_end(&mut bytes)?;
    Ok(bytes)
}
