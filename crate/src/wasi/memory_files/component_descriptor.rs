//! A file or directory in memory that a component has open, in the types of WASI 0.2.

use super::descriptors::FileTree;
use crate::files::{Code, Kind, NewTime, NewTimes, NodeId, Open, ROOT, Stat};
use std::sync::Arc;
use wasmtime_wasi::p2::bindings::clocks::wall_clock::Datetime;
use wasmtime_wasi::p2::bindings::filesystem::types::{
    Advice, DescriptorFlags, DescriptorStat, DescriptorType, Filesize, MetadataHashValue,
    NewTimestamp, OpenFlags, PathFlags,
};

const SECOND: u64 = 1_000_000_000;
/// The most that is read or written at a time.
pub(super) const CHUNK: usize = 1 << 20;
/// The upper half of the hashes. That of a file on the host depends on its lower half in another way.
const HASH: u64 = 2;

/// A node, which is open as long as there are descriptors and streams of it.
struct OpenNode {
    tree: FileTree,
    node: NodeId,
    kind: Kind,
    read: bool,
    /// Of a directory, what its flags say: whoever has a directory may change it.
    write: bool,
}

impl Drop for OpenNode {
    fn drop(&mut self) {
        self.tree.lock().close(self.node);
    }
}

#[derive(Clone)]
pub(crate) struct MemoryDescriptor(Arc<OpenNode>);

impl From<Kind> for DescriptorType {
    fn from(kind: Kind) -> Self {
        match kind {
            Kind::File => Self::RegularFile,
            Kind::Directory => Self::Directory,
            Kind::Symlink => Self::SymbolicLink,
        }
    }
}

impl MemoryDescriptor {
    pub(super) fn root(tree: &FileTree) -> Self {
        tree.lock().retain(ROOT);
        Self(Arc::new(OpenNode {
            tree: tree.clone(),
            node: ROOT,
            kind: Kind::Directory,
            read: true,
            write: true,
        }))
    }

    pub(crate) fn tree(&self) -> &FileTree {
        &self.0.tree
    }

    /// # Errors
    ///
    /// [`Code::NotDirectory`].
    pub(crate) fn directory(&self) -> Result<NodeId, Code> {
        match self.0.kind {
            Kind::Directory => Ok(self.0.node),
            Kind::File | Kind::Symlink => Err(Code::NotDirectory),
        }
    }

    fn file(&self, may: bool) -> Result<NodeId, Code> {
        match self.0.kind {
            Kind::File if may => Ok(self.0.node),
            _ => Err(Code::BadDescriptor),
        }
    }

    pub(super) fn open_at(
        &self,
        lookup: PathFlags,
        path: &str,
        how: OpenFlags,
        flags: DescriptorFlags,
    ) -> Result<Self, Code> {
        let at = self.directory()?;
        let write = flags.contains(DescriptorFlags::WRITE);
        let create = how.contains(OpenFlags::CREATE);
        let truncate = how.contains(OpenFlags::TRUNCATE);
        let open = Open {
            follow: follows(lookup),
            create,
            exclusive: how.contains(OpenFlags::EXCLUSIVE),
            truncate,
            directory: how.contains(OpenFlags::DIRECTORY),
            write: write || create || truncate,
        };
        let Stat { node, kind, .. } = self.tree().lock().open(at, path, open)?;
        Ok(Self(Arc::new(OpenNode {
            tree: self.tree().clone(),
            node,
            kind,
            read: flags.contains(DescriptorFlags::READ) || !write,
            write: match kind {
                Kind::Directory => flags.contains(DescriptorFlags::MUTATE_DIRECTORY),
                Kind::File | Kind::Symlink => open.write,
            },
        })))
    }

    pub(super) fn is_same(&self, other: &Self) -> bool {
        self.0.node == other.0.node
    }

    pub(super) fn advise(&self, _: Filesize, length: Filesize, _: Advice) -> Result<(), Code> {
        self.file(true)?;
        i64::try_from(length).map(drop).map_err(|_| Code::Invalid)
    }

    /// There is nothing that could be lost.
    pub(super) fn sync_data(&self) -> Result<(), Code> {
        Ok(())
    }

    pub(super) fn sync(&self) -> Result<(), Code> {
        Ok(())
    }

    pub(super) fn get_flags(&self) -> Result<DescriptorFlags, Code> {
        let OpenNode {
            kind, read, write, ..
        } = *self.0;
        let mut flags = DescriptorFlags::empty();
        if read {
            flags |= DescriptorFlags::READ;
        }
        if write {
            flags |= match kind {
                Kind::Directory => DescriptorFlags::MUTATE_DIRECTORY,
                Kind::File | Kind::Symlink => DescriptorFlags::WRITE,
            };
        }
        Ok(flags)
    }

    pub(super) fn get_type(&self) -> Result<DescriptorType, Code> {
        Ok(self.0.kind.into())
    }

    pub(super) fn set_size(&self, size: Filesize) -> Result<(), Code> {
        let node = self.file(true)?;
        match self.0.write {
            true => self.tree().lock().set_size(node, size),
            false => Err(Code::Invalid),
        }
    }

    pub(super) fn set_times(
        &self,
        accessed: NewTimestamp,
        modified: NewTimestamp,
    ) -> Result<(), Code> {
        let times = new_times(accessed, modified)?;
        self.tree().lock().set_times(self.0.node, times);
        Ok(())
    }

    pub(super) fn read(&self, length: Filesize, offset: Filesize) -> Result<(Vec<u8>, bool), Code> {
        let node = self.file(self.0.read)?;
        let bytes = read(self.tree(), node, length, offset)?;
        let is_end = bytes.is_empty();
        Ok((bytes, is_end))
    }

    pub(super) fn write(&self, bytes: Vec<u8>, offset: Filesize) -> Result<Filesize, Code> {
        let node = self.file(self.0.write)?;
        let (written, _) = self.tree().lock().write(node, Some(offset), &bytes)?;
        Ok(written as u64)
    }

    pub(super) fn create_directory_at(&self, path: String) -> Result<(), Code> {
        let at = self.directory()?;
        self.tree().lock().create_directory(at, &path)
    }

    pub(super) fn stat(&self) -> Result<DescriptorStat, Code> {
        Ok(status(self.tree().lock().stat(self.0.node)))
    }

    pub(super) fn stat_at(&self, flags: PathFlags, path: String) -> Result<DescriptorStat, Code> {
        let at = self.directory()?;
        let tree = self.tree().lock();
        Ok(status(tree.stat(tree.find(at, &path, follows(flags))?)))
    }

    pub(super) fn set_times_at(
        &self,
        flags: PathFlags,
        path: String,
        accessed: NewTimestamp,
        modified: NewTimestamp,
    ) -> Result<(), Code> {
        let at = self.directory()?;
        let times = new_times(accessed, modified)?;
        let mut tree = self.tree().lock();
        let node = tree.find(at, &path, follows(flags))?;
        tree.set_times(node, times);
        Ok(())
    }

    pub(super) fn link_at(
        &self,
        flags: PathFlags,
        path: &str,
        to: &Self,
        to_path: &str,
    ) -> Result<(), Code> {
        let (from, to) = (self.directory()?, to.directory()?);
        let mut tree = self.tree().lock();
        tree.link((from, path), follows(flags), (to, to_path))
    }

    pub(super) fn readlink_at(&self, path: String) -> Result<String, Code> {
        let at = self.directory()?;
        self.tree().lock().read_link(at, &path)
    }

    pub(super) fn remove_directory_at(&self, path: String) -> Result<(), Code> {
        let at = self.directory()?;
        self.tree().lock().remove_directory(at, &path)
    }

    pub(super) fn rename_at(&self, path: &str, to: &Self, to_path: &str) -> Result<(), Code> {
        let (from, to) = (self.directory()?, to.directory()?);
        self.tree().lock().rename((from, path), (to, to_path))
    }

    pub(super) fn symlink_at(&self, target: String, path: String) -> Result<(), Code> {
        let at = self.directory()?;
        self.tree().lock().symlink(&target, at, &path)
    }

    pub(super) fn unlink_file_at(&self, path: String) -> Result<(), Code> {
        let at = self.directory()?;
        self.tree().lock().unlink(at, &path)
    }

    pub(super) fn metadata_hash(&self) -> Result<MetadataHashValue, Code> {
        Ok(hash(self.0.node))
    }

    pub(super) fn metadata_hash_at(
        &self,
        flags: PathFlags,
        path: String,
    ) -> Result<MetadataHashValue, Code> {
        let at = self.directory()?;
        self.tree().lock().find(at, &path, follows(flags)).map(hash)
    }

    /// The file, for a stream that reads from it.
    pub(super) fn readable(&self) -> Result<OpenFile, Code> {
        if self.0.kind == Kind::Directory {
            return Err(Code::IsDirectory);
        }
        self.file(self.0.read)?;
        Ok(OpenFile(self.0.clone()))
    }

    /// The file, for a stream that writes to it.
    pub(super) fn writable(&self) -> Result<OpenFile, Code> {
        self.file(self.0.write)?;
        Ok(OpenFile(self.0.clone()))
    }
}

/// A file that a stream reads or writes. It stays open when its descriptor is dropped.
pub(super) struct OpenFile(Arc<OpenNode>);

impl OpenFile {
    /// At most so many bytes, and at most [`CHUNK`]; none at the end.
    pub(super) fn read_some(&self, offset: u64, length: u64) -> Result<Vec<u8>, Code> {
        read(&self.0.tree, self.0.node, length, offset)
    }

    /// Fills the buffer as far as the file goes; 0 at its end.
    pub(super) fn read(&self, offset: u64, buffer: &mut [u8]) -> Result<usize, Code> {
        check_offset(offset)?;
        Ok(self.0.tree.lock().read(self.0.node, offset, buffer))
    }

    /// Writes what there is room for, at the end without an offset. Returns how many bytes these are, and where they
    /// end.
    pub(super) fn write(&self, offset: Option<u64>, bytes: &[u8]) -> Result<(usize, u64), Code> {
        self.0.tree.lock().write(self.0.node, offset, bytes)
    }
}

fn follows(flags: PathFlags) -> bool {
    flags.contains(PathFlags::SYMLINK_FOLLOW)
}

/// Offsets of files are signed, as they are on the host.
fn check_offset(offset: u64) -> Result<(), Code> {
    i64::try_from(offset).map(drop).map_err(|_| Code::Invalid)
}

fn read(tree: &FileTree, node: NodeId, length: u64, offset: u64) -> Result<Vec<u8>, Code> {
    check_offset(offset)?;
    let tree = tree.lock();
    let rest = tree.stat(node).size.saturating_sub(offset);
    // At most a chunk.
    let mut bytes = vec![0; length.min(rest).min(CHUNK as u64) as usize];
    tree.read(node, offset, &mut bytes);
    Ok(bytes)
}

fn hash(node: NodeId) -> MetadataHashValue {
    MetadataHashValue {
        lower: node.inode(),
        upper: HASH,
    }
}

fn status(stat: Stat) -> DescriptorStat {
    let time = |nanoseconds: u64| {
        Some(Datetime {
            seconds: nanoseconds / SECOND,
            nanoseconds: (nanoseconds % SECOND) as u32,
        })
    };
    DescriptorStat {
        type_: stat.kind.into(),
        link_count: stat.links,
        size: stat.size,
        data_access_timestamp: time(stat.accessed),
        data_modification_timestamp: time(stat.modified),
        status_change_timestamp: time(stat.changed),
    }
}

fn new_times(accessed: NewTimestamp, modified: NewTimestamp) -> Result<NewTimes, Code> {
    let new = |time| match time {
        NewTimestamp::NoChange => Ok(NewTime::Keep),
        NewTimestamp::Now => Ok(NewTime::Now),
        NewTimestamp::Timestamp(Datetime {
            seconds,
            nanoseconds,
        }) => {
            let whole = seconds.checked_mul(SECOND);
            let all = whole.and_then(|whole| whole.checked_add(nanoseconds.into()));
            all.map(NewTime::At).ok_or(Code::Overflow)
        }
    };
    Ok(NewTimes {
        accessed: new(accessed)?,
        modified: new(modified)?,
    })
}
