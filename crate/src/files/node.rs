//! One file, directory or symbolic link of a run.

use super::contents::Contents;
use super::directory::Directory;
use super::id::{Kind, NodeId};
use super::time::Times;
use std::sync::Arc;

/// A node that the run has made or changed.
pub(super) struct Node {
    pub(super) content: NodeContent,
    /// How many entries of directories name it.
    pub(super) links: u64,
    pub(super) times: Times,
}

pub(super) enum NodeContent {
    Directory(Directory),
    File(Contents),
    Symlink(Arc<str>),
}

/// What is known of a node.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Stat {
    pub(crate) node: NodeId,
    pub(crate) kind: Kind,
    pub(crate) links: u64,
    pub(crate) size: u64,
    /// Nanoseconds since 1970.
    pub(crate) accessed: u64,
    pub(crate) modified: u64,
    pub(crate) changed: u64,
}
