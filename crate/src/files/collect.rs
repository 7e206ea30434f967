//! The files that a run leaves behind.

use super::id::{NodeId, ROOT};
use super::name::MAX_PATH;
use super::pattern::Patterns;
use super::tree::{NodeView, Tree};
use crate::error::{Error, ErrorCode, Result};
use std::collections::HashMap;
use std::ops::Range;

/// More does not cross to a submitter in one piece.
const MAX_BYTES: usize = i32::MAX as usize;
/// What a file takes besides its path and its bytes.
const ENTRY: usize = 64;

/// Files, by path.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CollectedFiles {
    /// Sorted. Names of one file have the same range.
    entries: Vec<(String, Range<usize>)>,
    bytes: Vec<u8>,
}

impl CollectedFiles {
    /// The contents of a file.
    pub fn get(&self, path: &str) -> Option<&[u8]> {
        let entries = &self.entries;
        let at = entries.binary_search_by(|(own, _)| (**own).cmp(path));
        Some(&self.bytes[entries[at.ok()?].1.clone()])
    }

    /// All files, sorted by path.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = (&str, &[u8])> {
        let entries = self.entries.iter();
        entries.map(|(path, range)| (&**path, &self.bytes[range.clone()]))
    }

    pub(crate) fn entries(&self) -> &[(String, Range<usize>)] {
        &self.entries
    }

    pub(crate) fn bytes(&self) -> &[u8] {
        &self.bytes
    }
}

impl Tree {
    /// The files whose paths match; symbolic links are not among them and are not followed.
    ///
    /// # Errors
    ///
    /// [`ErrorCode::OutOfResources`] for more than 2 GiB of them.
    pub(crate) fn collect(&self, patterns: &Patterns) -> Result<CollectedFiles> {
        let mut found = CollectedFiles::default();
        // Where the bytes of files are that have several names.
        let mut ranges = HashMap::<NodeId, Range<usize>>::new();
        let mut taken = 0_usize;
        let mut directories = vec![(ROOT, String::new(), patterns.start())];
        while let Some((directory, above, matching)) = directories.pop() {
            let Ok(view) = self.directory(directory) else {
                continue;
            };
            let mut place = 0;
            while let Some((at, name, node)) = view.from(place) {
                place = at + 1;
                let matching = patterns.next(&matching, name);
                // A guest can make longer paths, but nobody can open them.
                if matching.is_dead() || above.len() + name.len() > MAX_PATH {
                    continue;
                }
                let path = format!("{above}{name}");
                match self.view(node) {
                    NodeView::Directory(_) => directories.push((node, path + "/", matching)),
                    NodeView::File(bytes) if patterns.accepts(&matching) => {
                        let start = found.bytes.len();
                        let range = ranges.entry(node).or_insert(start..start + bytes.len());
                        let is_new = range.start == start;
                        taken += path.len() + ENTRY;
                        if is_new {
                            taken += bytes.len();
                        }
                        if taken > MAX_BYTES {
                            return Err(too_much());
                        }
                        if is_new {
                            let reserved = found.bytes.try_reserve(bytes.len());
                            reserved.map_err(|_| too_much())?;
                            found.bytes.extend_from_slice(bytes);
                        }
                        found.entries.push((path, range.clone()));
                    }
                    NodeView::File(_) | NodeView::Symlink(_) => {}
                }
            }
        }
        found.entries.sort_unstable_by(|a, b| a.0.cmp(&b.0));
        Ok(found)
    }
}

fn too_much() -> Error {
    Error::new(
        ErrorCode::OutOfResources,
        "`collect` matches more than 2 GiB of files; give patterns of fewer files, or lower `limits.filesBytes`",
    )
}
