//! The files that a run leaves behind.

use super::automaton::Place;
use super::id::{NodeId, ROOT};
use super::name::MAX_PATH;
use super::pattern::Patterns;
use super::tree::{NodeView, Tree};
use crate::error::{Error, ErrorCode, Result};
use std::collections::{BTreeMap, HashMap};
use std::ops::Range;
use std::sync::Arc;

/// More does not cross to a submitter in one piece.
const MAX_BYTES: usize = i32::MAX as usize;
/// What a file takes besides its path and its bytes.
const ENTRY: usize = 64;

/// The work of one entry of a directory. A byte of its name is as much work as the patterns are wide.
const ENTRY_WORK: usize = 50;
/// So many bytes of a file are copied at a time, and so many are as much work as one byte of a name.
const COPY_AT_ONCE: usize = 1 << 20;
const COPY_WORK: usize = 32;

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

/// The collecting of the files whose paths match, a piece at a time. Symbolic links are not among them and are not
/// followed.
pub(crate) struct Collecting {
    patterns: Arc<Patterns>,
    /// How many patterns that are paths have been looked up.
    looked_up: usize,
    /// The directories that the walk is in, the innermost last.
    levels: Vec<Level>,
    /// The path of the innermost one, with a `/` at its end.
    path: String,
    found: BTreeMap<String, NodeId>,
    /// Where the bytes of each file are; there is one of these for all names of a file.
    copies: HashMap<NodeId, Copied>,
    /// What all of it takes, and the bytes of the files alone.
    taken: usize,
    bytes: usize,
    files: CollectedFiles,
}

/// A directory in which the walk goes on.
struct Level {
    node: NodeId,
    /// The place of the next entry.
    next: u64,
    /// Where the patterns are before a name of it.
    matching: Place,
    /// The length of the path above it.
    above: usize,
}

#[derive(Default)]
struct Copied {
    range: Option<Range<usize>>,
}

impl Collecting {
    pub(crate) fn new(patterns: Arc<Patterns>) -> Self {
        let walks = patterns.automaton().width() > 0;
        let root = walks.then(|| Level {
            node: ROOT,
            next: 0,
            matching: patterns.automaton().start(),
            above: 0,
        });
        Self {
            patterns,
            looked_up: 0,
            levels: root.into_iter().collect(),
            path: String::new(),
            found: BTreeMap::new(),
            copies: HashMap::new(),
            taken: 0,
            bytes: 0,
            files: CollectedFiles::default(),
        }
    }

    /// Goes on for about this much work, of which a unit takes a few nanoseconds. Returns whether all is done.
    ///
    /// # Errors
    ///
    /// [`ErrorCode::OutOfResources`] for more than 2 GiB of files.
    pub(crate) fn go_on(&mut self, tree: &Tree, work: usize) -> Result<bool> {
        let mut done = 0;
        while done < work {
            done += match self.step(tree)? {
                Some(step) => step,
                None => return Ok(true),
            };
        }
        Ok(false)
    }

    /// All files, once all is done.
    pub(crate) fn finish(self) -> CollectedFiles {
        self.files
    }

    /// Returns how much work there was; `None` if there is no more.
    fn step(&mut self, tree: &Tree) -> Result<Option<usize>> {
        if self.looked_up < self.patterns.paths().len() {
            return self.look_up(tree).map(Some);
        }
        if self.levels.is_empty() {
            return self.copy(tree);
        }
        self.walk(tree).map(Some)
    }

    /// Finds a file by its path.
    fn look_up(&mut self, tree: &Tree) -> Result<usize> {
        let path = self.patterns.paths()[self.looked_up].clone();
        self.looked_up += 1;
        let mut node = Some(ROOT);
        let mut work = 0;
        for name in path.split('/') {
            work += ENTRY_WORK;
            node = node.and_then(|node| tree.directory(node).ok()?.find(name));
        }
        if let Some(node) = node
            && let NodeView::File(bytes) = tree.view(node)
        {
            self.add(path.into(), node, bytes.len())?;
        }
        Ok(work)
    }

    /// Looks at the next entry of the innermost directory.
    fn walk(&mut self, tree: &Tree) -> Result<usize> {
        let Some(level) = self.levels.last_mut() else {
            return Ok(0);
        };
        let entry = tree
            .directory(level.node)
            .ok()
            .and_then(|view| view.from(level.next));
        let Some((at, name, node)) = entry else {
            self.path.truncate(level.above);
            self.levels.pop();
            return Ok(ENTRY_WORK);
        };
        level.next = at + 1;
        let work = ENTRY_WORK + name.len() * self.patterns.automaton().width();
        // A guest can make longer paths, but nobody can open them.
        if self.path.len() + name.len() > MAX_PATH {
            return Ok(work);
        }
        let automaton = self.patterns.automaton();
        let view = tree.view(node);
        if matches!(view, NodeView::Symlink(_)) {
            return Ok(work);
        }
        let mut matching = level.matching.clone();
        automaton.read(&mut matching, name);
        match view {
            NodeView::Directory(_) if automaton.enter(&mut matching) => {
                let above = self.path.len();
                self.path.push_str(name);
                self.path.push('/');
                self.levels.push(Level {
                    node,
                    next: 0,
                    matching,
                    above,
                });
            }
            NodeView::File(bytes) if automaton.accepts(&matching) => {
                let path = format!("{}{name}", self.path);
                self.add(path, node, bytes.len())?;
            }
            _ => {}
        }
        Ok(work)
    }

    /// Adds a file, unless it is there by another pattern.
    fn add(&mut self, path: String, node: NodeId, length: usize) -> Result<()> {
        let path_length = path.len();
        if self.found.insert(path, node).is_some() {
            return Ok(());
        }
        self.taken += path_length + ENTRY;
        self.copies.entry(node).or_insert_with(|| {
            self.taken += length;
            self.bytes += length;
            Copied::default()
        });
        match self.taken > MAX_BYTES {
            true => Err(too_much()),
            false => Ok(()),
        }
    }

    /// Copies a piece of the next file.
    fn copy(&mut self, tree: &Tree) -> Result<Option<usize>> {
        let Some(first) = self.found.first_entry() else {
            return Ok(None);
        };
        let NodeView::File(bytes) = tree.view(*first.get()) else {
            first.remove();
            return Ok(Some(ENTRY_WORK));
        };
        let files = &mut self.files;
        let copied = self.copies.entry(*first.get()).or_default();
        let end = files.bytes.len();
        let range = copied.range.get_or_insert(end..end);
        let rest = &bytes[range.len()..];
        let rest = &rest[..rest.len().min(COPY_AT_ONCE)];
        if files.bytes.capacity() < self.bytes {
            let reserved = files.bytes.try_reserve_exact(self.bytes);
            reserved.map_err(|_| too_much())?;
        }
        files.bytes.extend_from_slice(rest);
        range.end += rest.len();
        if range.len() == bytes.len() {
            let range = range.clone();
            files.entries.push((first.remove_entry().0, range));
        }
        Ok(Some(ENTRY_WORK + rest.len() / COPY_WORK))
    }
}

fn too_much() -> Error {
    Error::new(
        ErrorCode::OutOfResources,
        "`collect` matches more than 2 GiB of files; give patterns of fewer files, or lower `limits.filesBytes`",
    )
}
