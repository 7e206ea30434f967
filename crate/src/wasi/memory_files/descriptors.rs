//! The file descriptors of a guest of WASI 0.1 that has files in memory: one table for these and for those of the host.

use crate::files::{Kind, NodeId, Open, ROOT, Tree};
use crate::lock::lock;
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard};
use wasmtime_wasi::p1::types::{Errno, Fd, Fdflags};

/// The first number after those of stdin, stdout and stderr.
const FIRST: u32 = 3;

/// The files of a run, which its descriptors and streams share. Only the guest of the run uses them, so nobody waits.
#[derive(Clone)]
pub(crate) struct FileTree(Arc<Mutex<Tree>>);

impl FileTree {
    pub(crate) fn new(tree: Tree) -> Self {
        Self(Arc::new(Mutex::new(tree)))
    }

    pub(crate) fn lock(&self) -> MutexGuard<'_, Tree> {
        lock(&self.0)
    }
}

/// What a number stands for.
pub(super) enum Descriptor {
    /// The number that it has in wasmtime-wasi.
    Host(u32),
    File(OpenFile),
    Directory(OpenDirectory),
}

pub(super) struct OpenFile {
    pub(super) node: NodeId,
    pub(super) position: u64,
    pub(super) read: bool,
    pub(super) write: bool,
    /// Nothing is lost or waited for in memory: most flags are only remembered.
    pub(super) flags: Fdflags,
}

impl OpenFile {
    pub(super) fn appends(&self) -> bool {
        self.flags.contains(Fdflags::APPEND)
    }
}

pub(super) struct OpenDirectory {
    pub(super) node: NodeId,
    /// The guest path of the tree, for its root.
    pub(super) preopen: Option<Arc<str>>,
    /// Where the entries ended when the guest began to read them.
    pub(super) end: u64,
}

/// The table. The root of the tree comes first, then the directories of the host that were granted.
pub(crate) struct Descriptors {
    pub(super) tree: FileTree,
    used: BTreeMap<u32, Descriptor>,
}

impl Descriptors {
    /// The table of a guest that has the tree at `path`, and this number of granted directories.
    pub(crate) fn new(tree: FileTree, path: Arc<str>, preopens: usize) -> Self {
        tree.lock().retain(ROOT);
        let root = Descriptor::Directory(OpenDirectory {
            node: ROOT,
            preopen: Some(path),
            end: u64::MAX,
        });
        let host = (0..FIRST).map(Descriptor::Host);
        let granted = (FIRST..).take(preopens).map(Descriptor::Host);
        Self {
            used: (0..).zip(host.chain([root]).chain(granted)).collect(),
            tree,
        }
    }

    pub(super) fn tree(&self) -> &FileTree {
        &self.tree
    }

    pub(super) fn get(&mut self, fd: Fd) -> Result<&mut Descriptor, Errno> {
        self.used.get_mut(&fd.into()).ok_or(Errno::Badf)
    }

    /// The number in wasmtime-wasi, if it is a descriptor of the host.
    pub(crate) fn host(&self, fd: u32) -> Option<u32> {
        match self.used.get(&fd) {
            Some(Descriptor::Host(host)) => Some(*host),
            _ => None,
        }
    }

    pub(super) fn has(&self, fd: Fd) -> bool {
        self.used.contains_key(&fd.into())
    }

    /// How many are open.
    pub(super) fn count(&self) -> usize {
        self.used.len()
    }

    /// Gives the descriptor the lowest number that is free, as POSIX does.
    pub(super) fn add(&mut self, descriptor: Descriptor) -> Fd {
        let mut free = 0;
        for number in self.used.keys() {
            if *number != free {
                break;
            }
            free += 1;
        }
        self.used.insert(free, descriptor);
        free.into()
    }

    /// Removes the number. Returns that of wasmtime-wasi, if it has to be closed there.
    pub(super) fn remove(&mut self, fd: Fd) -> Result<Option<Fd>, Errno> {
        match self.used.remove(&fd.into()).ok_or(Errno::Badf)? {
            Descriptor::Host(host) => return Ok(Some(host.into())),
            Descriptor::File(OpenFile { node, .. })
            | Descriptor::Directory(OpenDirectory { node, .. }) => self.tree.lock().close(node),
        }
        Ok(None)
    }

    /// Moves a descriptor to a number that was removed.
    pub(super) fn rename(&mut self, from: Fd, to: Fd) {
        if let Some(moved) = self.used.remove(&from.into()) {
            self.used.insert(to.into(), moved);
        }
    }

    /// Opens a file or directory of the tree.
    pub(super) fn open(
        &mut self,
        at: NodeId,
        path: &str,
        how: Open,
        read: bool,
        flags: Fdflags,
    ) -> Result<Fd, Errno> {
        let opened = self.tree.lock().open(at, path, how)?;
        let node = opened.node;
        let descriptor = match opened.kind {
            Kind::Directory => Descriptor::Directory(OpenDirectory {
                node,
                preopen: None,
                end: u64::MAX,
            }),
            Kind::File | Kind::Symlink => Descriptor::File(OpenFile {
                node,
                position: 0,
                read,
                write: how.write,
                flags,
            }),
        };
        Ok(self.add(descriptor))
    }
}
