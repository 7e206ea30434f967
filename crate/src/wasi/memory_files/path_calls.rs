//! Functions of WASI 0.1 that take a path in a directory in memory.

use super::descriptors::{Descriptor, Descriptors};
use super::status::{file_status, new_times};
use crate::files::{Code, NodeId, Open, Tree};
use std::borrow::Cow;
use wasmtime_wasi::p1::types::{
    Errno, Error, Fd, Fdflags, Filestat, Fstflags, Lookupflags, Oflags, Rights, Size, Timestamp,
};
use wiggle::{GuestMemory, GuestPtr};

type Result<T> = std::result::Result<T, Error>;

/// Longer paths are refused before they are read.
const MAX_PATH: u32 = 4096;
/// wasmtime-wasi's numbers of stdin, stdout and stderr are below this one.
const STDIO: u32 = 3;

/// The path, read from memory.
fn read<'a>(memory: &'a GuestMemory<'_>, path: GuestPtr<str>) -> Result<Cow<'a, str>> {
    if path.len() > MAX_PATH {
        return Err(Errno::Nametoolong.into());
    }
    Ok(memory.as_cow_str(path)?)
}

fn follows(lookup: Lookupflags) -> bool {
    lookup.contains(Lookupflags::SYMLINK_FOLLOW)
}

impl Descriptors {
    /// The numbers of two directories in wasmtime-wasi; `None` if both are in memory.
    ///
    /// # Errors
    ///
    /// [`Errno::Xdev`] for one of each, and [`Errno::Badf`].
    pub(super) fn hosts(&self, from: Fd, to: Fd) -> std::result::Result<Option<(Fd, Fd)>, Errno> {
        let host = |fd: Fd| match self.host(fd.into()) {
            Some(host) => Ok(Some(Fd::from(host))),
            None if self.has(fd) => Ok(None),
            None => Err(Errno::Badf),
        };
        match (host(from)?, host(to)?) {
            (None, None) => Ok(None),
            (Some(from), Some(to)) => Ok(Some((from, to))),
            // No directory.
            (Some(host), None) | (None, Some(host)) if u32::from(host) < STDIO => Err(Errno::Badf),
            _ => Err(Errno::Xdev),
        }
    }

    fn directory_node(&mut self, fd: Fd) -> std::result::Result<NodeId, Errno> {
        Ok(self.directory(fd)?.node)
    }

    /// Does something with a path.
    fn at(
        &mut self,
        memory: &GuestMemory<'_>,
        fd: Fd,
        path: GuestPtr<str>,
        act: impl FnOnce(&mut Tree, NodeId, &str) -> std::result::Result<(), Code>,
    ) -> Result<()> {
        let at = self.directory_node(fd)?;
        let path = read(memory, path)?;
        Ok(act(&mut self.tree.lock(), at, &path)?)
    }

    /// Does something with two paths.
    fn between(
        &mut self,
        memory: &GuestMemory<'_>,
        (from, path): (Fd, GuestPtr<str>),
        (to, to_path): (Fd, GuestPtr<str>),
        act: impl FnOnce(&mut Tree, (NodeId, &str), (NodeId, &str)) -> std::result::Result<(), Code>,
    ) -> Result<()> {
        let (from, to) = (self.directory_node(from)?, self.directory_node(to)?);
        let (path, to_path) = (read(memory, path)?, read(memory, to_path)?);
        Ok(act(&mut self.tree.lock(), (from, &path), (to, &to_path))?)
    }

    pub(super) fn path_create_directory(
        &mut self,
        memory: &mut GuestMemory<'_>,
        fd: Fd,
        path: GuestPtr<str>,
    ) -> Result<()> {
        self.at(memory, fd, path, Tree::create_directory)
    }

    pub(super) fn path_filestat_get(
        &mut self,
        memory: &mut GuestMemory<'_>,
        fd: Fd,
        lookup: Lookupflags,
        path: GuestPtr<str>,
    ) -> Result<Filestat> {
        let at = self.directory_node(fd)?;
        let path = read(memory, path)?;
        let tree = self.tree.lock();
        let node = tree.find(at, &path, follows(lookup))?;
        Ok(file_status(tree.stat(node)))
    }

    #[expect(clippy::too_many_arguments, reason = "as WASI has them")]
    pub(super) fn path_filestat_set_times(
        &mut self,
        memory: &mut GuestMemory<'_>,
        fd: Fd,
        lookup: Lookupflags,
        path: GuestPtr<str>,
        accessed: Timestamp,
        modified: Timestamp,
        flags: Fstflags,
    ) -> Result<()> {
        let times = new_times(accessed, modified, flags)?;
        let at = self.directory_node(fd)?;
        let path = read(memory, path)?;
        let mut tree = self.tree.lock();
        let node = tree.find(at, &path, follows(lookup))?;
        tree.set_times(node, times);
        Ok(())
    }

    pub(super) fn path_link(
        &mut self,
        memory: &mut GuestMemory<'_>,
        from: Fd,
        lookup: Lookupflags,
        path: GuestPtr<str>,
        to: Fd,
        to_path: GuestPtr<str>,
    ) -> Result<()> {
        self.between(memory, (from, path), (to, to_path), |tree, from, to| {
            tree.link(from, follows(lookup), to)
        })
    }

    #[expect(clippy::too_many_arguments, reason = "as WASI has them")]
    pub(super) fn path_open(
        &mut self,
        memory: &mut GuestMemory<'_>,
        fd: Fd,
        lookup: Lookupflags,
        path: GuestPtr<str>,
        how: Oflags,
        rights: Rights,
        flags: Fdflags,
    ) -> Result<Fd> {
        if matches!(self.get(fd)?, Descriptor::File(_)) {
            return Err(Errno::Notdir.into());
        }
        let at = self.directory_node(fd)?;
        let path = read(memory, path)?;
        let create = how.contains(Oflags::CREAT);
        let truncate = how.contains(Oflags::TRUNC);
        let write = rights.contains(Rights::FD_WRITE);
        let open = Open {
            follow: follows(lookup),
            create,
            exclusive: how.contains(Oflags::EXCL),
            truncate,
            directory: how.contains(Oflags::DIRECTORY),
            write: write || create || truncate,
        };
        let read = rights.contains(Rights::FD_READ) || !write;
        Ok(self.open(at, &path, open, read, flags)?)
    }

    pub(super) fn path_readlink(
        &mut self,
        memory: &mut GuestMemory<'_>,
        fd: Fd,
        path: GuestPtr<str>,
        buffer: GuestPtr<u8>,
        length: Size,
    ) -> Result<Size> {
        let at = self.directory_node(fd)?;
        let target = self.tree.lock().read_link(at, &read(memory, path)?)?;
        let bytes = target.as_bytes();
        let bytes = &bytes[..bytes.len().min(length as usize)];
        let used = bytes.len() as Size;
        memory.copy_from_slice(bytes, buffer.as_array(used))?;
        Ok(used)
    }

    pub(super) fn path_remove_directory(
        &mut self,
        memory: &mut GuestMemory<'_>,
        fd: Fd,
        path: GuestPtr<str>,
    ) -> Result<()> {
        self.at(memory, fd, path, Tree::remove_directory)
    }

    pub(super) fn path_rename(
        &mut self,
        memory: &mut GuestMemory<'_>,
        from: Fd,
        path: GuestPtr<str>,
        to: Fd,
        to_path: GuestPtr<str>,
    ) -> Result<()> {
        self.between(memory, (from, path), (to, to_path), Tree::rename)
    }

    pub(super) fn path_symlink(
        &mut self,
        memory: &mut GuestMemory<'_>,
        target: GuestPtr<str>,
        fd: Fd,
        path: GuestPtr<str>,
    ) -> Result<()> {
        let at = self.directory_node(fd)?;
        let (target, path) = (read(memory, target)?, read(memory, path)?);
        Ok(self.tree.lock().symlink(&target, at, &path)?)
    }

    pub(super) fn path_unlink_file(
        &mut self,
        memory: &mut GuestMemory<'_>,
        fd: Fd,
        path: GuestPtr<str>,
    ) -> Result<()> {
        self.at(memory, fd, path, Tree::unlink)
    }
}
