//! The entries of a directory, by name and in their order.

use super::given::GivenDirectory;
use super::id::NodeId;
use std::collections::BTreeMap;
use std::sync::Arc;

/// A directory that the run has made or changed. Entries are in the order in which they were made; those that were
/// given come first, by name.
pub(super) struct Directory {
    pub(super) parent: NodeId,
    names: BTreeMap<Arc<str>, (u64, NodeId)>,
    order: BTreeMap<u64, Arc<str>>,
    /// The place of the next entry. Places are not used again, so that a guest that reads the directory goes on where
    /// it was, whatever it has removed.
    next: u64,
}

impl Directory {
    pub(super) fn new(parent: NodeId) -> Self {
        Self {
            parent,
            names: BTreeMap::new(),
            order: BTreeMap::new(),
            next: 0,
        }
    }

    pub(super) fn of(given: &GivenDirectory) -> Self {
        let mut this = Self::new(given.parent);
        for (name, node) in &given.entries {
            this.insert(name.clone(), *node);
        }
        this
    }

    pub(super) fn insert(&mut self, name: Arc<str>, node: NodeId) {
        self.order.insert(self.next, name.clone());
        self.names.insert(name, (self.next, node));
        self.next += 1;
    }

    pub(super) fn remove(&mut self, name: &str) {
        if let Some((place, _)) = self.names.remove(name) {
            self.order.remove(&place);
        }
    }
}

/// A directory of a run, changed or as it was given.
#[derive(Clone, Copy)]
pub(super) enum DirectoryView<'a> {
    Given(&'a GivenDirectory),
    Own(&'a Directory),
}

impl<'a> DirectoryView<'a> {
    pub(super) fn parent(self) -> NodeId {
        match self {
            Self::Given(directory) => directory.parent,
            Self::Own(directory) => directory.parent,
        }
    }

    pub(super) fn find(self, name: &str) -> Option<NodeId> {
        match self {
            Self::Given(directory) => directory.find(name),
            Self::Own(directory) => directory.names.get(name).map(|(_, node)| *node),
        }
    }

    pub(super) fn is_empty(self) -> bool {
        match self {
            Self::Given(directory) => directory.entries.is_empty(),
            Self::Own(directory) => directory.names.is_empty(),
        }
    }

    /// Where entries that are made from now on will be.
    pub(super) fn end(self) -> u64 {
        match self {
            Self::Given(directory) => directory.entries.len() as u64,
            Self::Own(directory) => directory.next,
        }
    }

    /// The first entry that is not before this place, and its place.
    pub(super) fn from(self, place: u64) -> Option<(u64, &'a str, NodeId)> {
        match self {
            Self::Given(directory) => {
                let entry = directory.entries.get(usize::try_from(place).ok()?);
                entry.map(|(name, node)| (place, &**name, *node))
            }
            Self::Own(directory) => {
                let (place, name) = directory.order.range(place..).next()?;
                let (_, node) = directory.names.get(name)?;
                Some((*place, name, *node))
            }
        }
    }
}
