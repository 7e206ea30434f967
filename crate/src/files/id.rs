//! How nodes are told apart.

/// The number of a node. A number is not used again.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct NodeId(pub(super) u64);

pub(crate) const ROOT: NodeId = NodeId(0);

impl NodeId {
    /// As a guest sees it.
    pub(crate) fn inode(self) -> u64 {
        self.0 + 1
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Directory,
    File,
    Symlink,
}
