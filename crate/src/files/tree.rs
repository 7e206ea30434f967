//! The files of one run.

use super::budget::{Budget, FileLimits};
use super::code::Code;
use super::contents::Contents;
use super::directory::{Directory, DirectoryView};
use super::given::{GivenNode, GivenTree};
use super::id::{Kind, NodeId};
use super::node::{Node, NodeContent, Stat};
use super::time::{NewTimes, Now, Times};
use std::collections::HashMap;
use std::sync::Arc;

/// The files of one run: what it was given, and its own nodes over that. Nodes are kept by number and not inside one
/// another, so that nothing recurses, however deep the directories are.
pub(crate) struct Tree {
    given: Arc<GivenTree>,
    /// Nodes that the run has made or changed.
    own: HashMap<NodeId, Node>,
    /// How often a node is open. A node without entries lives as long as it is open.
    open: HashMap<NodeId, usize>,
    next: u64,
    pub(super) budget: Budget,
    now: Now,
    /// The times of what was given.
    start: u64,
}

/// An entry of a directory.
pub(crate) struct Listed<'a> {
    pub(crate) place: u64,
    pub(crate) name: &'a str,
    pub(crate) node: NodeId,
    pub(crate) kind: Kind,
}

/// A node, changed or as it was given.
pub(super) enum NodeView<'a> {
    Directory(DirectoryView<'a>),
    File(&'a [u8]),
    Symlink(&'a str),
}

impl NodeView<'_> {
    pub(super) fn kind(&self) -> Kind {
        match self {
            Self::Directory(_) => Kind::Directory,
            Self::File(_) => Kind::File,
            Self::Symlink(_) => Kind::Symlink,
        }
    }
}

impl Tree {
    pub(crate) fn new(given: Arc<GivenTree>, limits: FileLimits, now: Now) -> Self {
        Self {
            next: given.len(),
            given,
            own: HashMap::new(),
            open: HashMap::new(),
            budget: Budget::new(limits),
            now,
            start: now.read(),
        }
    }

    pub(super) fn view(&self, node: NodeId) -> NodeView<'_> {
        if let Some(own) = self.own.get(&node) {
            return match &own.content {
                NodeContent::Directory(directory) => {
                    NodeView::Directory(DirectoryView::Own(directory))
                }
                NodeContent::File(contents) => NodeView::File(contents.bytes()),
                NodeContent::Symlink(target) => NodeView::Symlink(target),
            };
        }
        match self.given.get(node) {
            Some(GivenNode::Directory(directory)) => {
                NodeView::Directory(DirectoryView::Given(directory))
            }
            Some(GivenNode::File(bytes)) => NodeView::File(bytes),
            // Nobody has the number of a node that is gone.
            None => NodeView::File(&[]),
        }
    }

    pub(super) fn kind(&self, node: NodeId) -> Kind {
        self.view(node).kind()
    }

    pub(super) fn directory(&self, node: NodeId) -> Result<DirectoryView<'_>, Code> {
        match self.view(node) {
            NodeView::Directory(directory) => Ok(directory),
            _ => Err(Code::NotDirectory),
        }
    }

    /// The node, to be changed.
    pub(super) fn own(&mut self, node: NodeId) -> &mut Node {
        let (given, start) = (&self.given, self.start);
        self.own.entry(node).or_insert_with(|| Node {
            content: match given.get(node) {
                Some(GivenNode::Directory(directory)) => {
                    NodeContent::Directory(Directory::of(directory))
                }
                Some(GivenNode::File(bytes)) => NodeContent::File(Contents::Given(bytes.clone())),
                None => NodeContent::File(Contents::Own(Vec::new())),
            },
            links: 1,
            times: Times::all(start),
        })
    }

    pub(super) fn now(&self) -> u64 {
        self.now.read()
    }

    pub(super) fn links(&self, node: NodeId) -> u64 {
        self.own.get(&node).map_or(1, |own| own.links)
    }

    pub(super) fn add(&mut self, content: NodeContent) -> NodeId {
        let node = NodeId(self.next);
        self.next += 1;
        let now = self.now();
        let added = Node {
            content,
            links: 0,
            times: Times::all(now),
        };
        self.own.insert(node, added);
        node
    }

    /// Frees the node if nobody can reach it any more.
    pub(super) fn free(&mut self, node: NodeId) {
        if self.links(node) > 0 || self.open.contains_key(&node) {
            return;
        }
        let Some(freed) = self.own.remove(&node) else {
            return;
        };
        match freed.content {
            NodeContent::File(contents) => self.budget.give_bytes(contents.counted()),
            NodeContent::Symlink(target) => self.budget.give_bytes(target.len() as u64),
            NodeContent::Directory(_) => {}
        }
    }

    /// The node is open once more.
    pub(crate) fn retain(&mut self, node: NodeId) {
        *self.open.entry(node).or_default() += 1;
    }

    pub(crate) fn close(&mut self, node: NodeId) {
        if let Some(times) = self.open.get_mut(&node) {
            *times -= 1;
            if *times == 0 {
                self.open.remove(&node);
                self.free(node);
            }
        }
    }

    pub(crate) fn stat(&self, node: NodeId) -> Stat {
        let view = self.view(node);
        let own = self.own.get(&node);
        let times = own.map_or(Times::all(self.start), |own| own.times);
        Stat {
            node,
            kind: view.kind(),
            links: self.links(node),
            size: match view {
                NodeView::Directory(_) => 0,
                NodeView::File(bytes) => bytes.len() as u64,
                NodeView::Symlink(target) => target.len() as u64,
            },
            accessed: times.accessed,
            modified: times.modified,
            changed: times.changed,
        }
    }

    pub(crate) fn set_times(&mut self, node: NodeId, times: NewTimes) {
        let now = self.now();
        self.own(node).times.set(times, now);
    }

    /// Reads from a file; 0 at its end.
    pub(crate) fn read(&self, node: NodeId, offset: u64, buffer: &mut [u8]) -> usize {
        let NodeView::File(bytes) = self.view(node) else {
            return 0;
        };
        let rest = usize::try_from(offset).ok();
        let rest = rest.and_then(|offset| bytes.get(offset..));
        let rest = rest.unwrap_or_default();
        let length = rest.len().min(buffer.len());
        buffer[..length].copy_from_slice(&rest[..length]);
        length
    }

    /// Writes what there is room for: at the offset, or at the end. Returns how many bytes these are, and where they
    /// end.
    pub(crate) fn write(
        &mut self,
        node: NodeId,
        offset: Option<u64>,
        bytes: &[u8],
    ) -> Result<(usize, u64), Code> {
        self.change_contents(node, |contents, budget| {
            let offset = offset.unwrap_or(contents.size());
            let written = contents.write(offset, bytes, budget)?;
            Ok((written, offset + written as u64))
        })
    }

    pub(crate) fn set_size(&mut self, node: NodeId, size: u64) -> Result<(), Code> {
        self.change_contents(node, |contents, budget| contents.set_size(size, budget))
    }

    /// Makes a file at least so large.
    pub(crate) fn allocate(&mut self, node: NodeId, offset: u64, length: u64) -> Result<(), Code> {
        if length == 0 {
            return Err(Code::Invalid);
        }
        let end = offset.checked_add(length);
        let end = end.filter(|end| i64::try_from(*end).is_ok());
        let end = end.ok_or(Code::FileTooLarge)?;
        match self.stat(node).size < end {
            true => self.set_size(node, end),
            false => Ok(()),
        }
    }

    fn change_contents<T>(
        &mut self,
        node: NodeId,
        change: impl FnOnce(&mut Contents, &mut Budget) -> Result<T, Code>,
    ) -> Result<T, Code> {
        let now = self.now();
        self.own(node);
        // The node and the budget are borrowed together.
        let Some(own) = self.own.get_mut(&node) else {
            return Err(Code::BadDescriptor);
        };
        let NodeContent::File(contents) = &mut own.content else {
            return Err(Code::IsDirectory);
        };
        let done = change(contents, &mut self.budget)?;
        own.times.modify(now);
        Ok(done)
    }

    /// The first entry of a directory from this place on, unless it was made after the place `end` was the end.
    pub(crate) fn entry(
        &self,
        directory: NodeId,
        place: u64,
        end: u64,
    ) -> Result<Option<Listed<'_>>, Code> {
        let found = self.directory(directory)?.from(place);
        let found = found.filter(|(place, ..)| *place < end);
        Ok(found.map(|(place, name, node)| Listed {
            place,
            name,
            node,
            kind: self.kind(node),
        }))
    }

    /// Where entries of the directory end now.
    pub(crate) fn end(&self, directory: NodeId) -> Result<u64, Code> {
        Ok(self.directory(directory)?.end())
    }
}
