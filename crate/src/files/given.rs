//! The tree that is given to runs. Nothing changes it.

use super::id::NodeId;
use super::name::{MAX_PATH, check_name};
use crate::error::{Error, ErrorCode, Result};
use bytes::Bytes;
use std::collections::BTreeMap;
use std::sync::Arc;

/// A file or directory of a tree that is to be made.
#[derive(Clone, Debug)]
pub struct GivenFile {
    /// Relative, with `/` between names.
    pub path: String,
    /// `None` for a directory.
    pub contents: Option<Bytes>,
}

/// Files and directories that runs have in common.
#[derive(Debug)]
pub struct GivenTree {
    nodes: Vec<GivenNode>,
}

#[derive(Debug)]
pub(super) enum GivenNode {
    Directory(GivenDirectory),
    File(Bytes),
}

#[derive(Debug)]
pub(super) struct GivenDirectory {
    pub(super) parent: NodeId,
    /// Sorted by name.
    pub(super) entries: Vec<(Arc<str>, NodeId)>,
}

impl GivenDirectory {
    pub(super) fn find(&self, name: &str) -> Option<NodeId> {
        let entries = &self.entries;
        let at = entries.binary_search_by(|(own, _)| (**own).cmp(name));
        Some(entries[at.ok()?].1)
    }
}

/// A node while the tree is made.
enum Growing {
    Directory {
        parent: usize,
        entries: BTreeMap<Arc<str>, usize>,
    },
    File(Bytes),
}

impl GivenTree {
    /// A tree of these files. Directories above them are made, too. The numbers of the nodes, which a guest sees as
    /// inodes, depend on the paths alone and not on the order in which they are given.
    ///
    /// # Errors
    ///
    /// [`ErrorCode::InvalidOption`] for a path that is not the path of a file below the root, and for two files of
    /// the same path.
    pub fn new(files: impl IntoIterator<Item = GivenFile>) -> Result<Self> {
        let mut files: Vec<_> = files.into_iter().collect();
        files.sort_by(|a, b| a.path.cmp(&b.path));
        let mut nodes = vec![Growing::Directory {
            parent: 0,
            entries: BTreeMap::new(),
        }];
        for file in files {
            add(&mut nodes, file)?;
        }
        let nodes = nodes.into_iter().map(|node| match node {
            Growing::File(bytes) => GivenNode::File(bytes),
            Growing::Directory { parent, entries } => GivenNode::Directory(GivenDirectory {
                parent: NodeId(parent as u64),
                entries: entries
                    .into_iter()
                    .map(|(name, node)| (name, NodeId(node as u64)))
                    .collect(),
            }),
        });
        Ok(Self {
            nodes: nodes.collect(),
        })
    }

    pub(super) fn len(&self) -> u64 {
        self.nodes.len() as u64
    }

    pub(super) fn get(&self, node: NodeId) -> Option<&GivenNode> {
        self.nodes.get(usize::try_from(node.0).ok()?)
    }
}

fn add(nodes: &mut Vec<Growing>, GivenFile { path, contents }: GivenFile) -> Result<()> {
    if path.len() > MAX_PATH {
        return Err(refused(&path, &format!("is longer than {MAX_PATH} bytes")));
    }
    let mut at = 0;
    let mut names = path.split('/').peekable();
    while let Some(name) = names.next() {
        check_name(name).map_err(|why| refused(&path, &why))?;
        let is_last = names.peek().is_none();
        let next = nodes.len();
        let Growing::Directory { entries, .. } = &mut nodes[at] else {
            return Err(refused(&path, "has a file on its way"));
        };
        let node = *entries.entry(name.into()).or_insert(next);
        let is_new = node == next;
        if is_new {
            nodes.push(match &contents {
                Some(bytes) if is_last => Growing::File(bytes.clone()),
                _ => Growing::Directory {
                    parent: at,
                    entries: BTreeMap::new(),
                },
            });
        }
        let same = contents.is_none() && matches!(nodes[node], Growing::Directory { .. });
        if is_last && !is_new && !same {
            return Err(refused(&path, "is given twice"));
        }
        at = node;
    }
    Ok(())
}

fn refused(path: &str, why: &str) -> Error {
    // A path may be long.
    let start: String = path.chars().take(80).collect();
    Error::new(
        ErrorCode::InvalidOption,
        format!("`files`: the path {start:?} {why}"),
    )
}
