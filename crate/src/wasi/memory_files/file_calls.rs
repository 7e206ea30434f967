//! Functions of WASI 0.1 that take the descriptor of a file or directory in memory.

use super::descriptors::{Descriptor, Descriptors, FileTree, OpenDirectory, OpenFile};
use super::status::{fd_status, file_status, new_times};
use crate::files::NodeId;
use wasmtime_wasi::p1::types::{
    Advice, CiovecArray, Dircookie, Errno, Error, Fd, Fdflags, Fdstat, Filedelta, Filesize,
    Filestat, Filetype, Fstflags, IovecArray, Prestat, PrestatDir, Riflags, Rights, Roflags,
    Sdflags, Siflags, Size, Timestamp, Whence,
};
use wiggle::{GuestMemory, GuestPtr};

type Result<T> = std::result::Result<T, Error>;

/// Bytes and buffers of one call. Guests go on with the rest, as they have to anyway.
const MAX_BYTES: usize = 64 << 20;
const MAX_BUFFERS: usize = 1024;

impl Descriptors {
    fn file(&mut self, fd: Fd) -> std::result::Result<(&mut OpenFile, FileTree), Errno> {
        let tree = self.tree.clone();
        match self.get(fd)? {
            Descriptor::File(file) => Ok((file, tree)),
            // Not EISDIR: as wasmtime-wasi.
            Descriptor::Directory(_) | Descriptor::Host(_) => Err(Errno::Badf),
        }
    }

    fn readable(&mut self, fd: Fd) -> std::result::Result<(&mut OpenFile, FileTree), Errno> {
        match self.file(fd)? {
            (file, tree) if file.read => Ok((file, tree)),
            _ => Err(Errno::Badf),
        }
    }

    fn writable(&mut self, fd: Fd) -> std::result::Result<(&mut OpenFile, FileTree), Errno> {
        match self.file(fd)? {
            (file, tree) if file.write => Ok((file, tree)),
            _ => Err(Errno::Badf),
        }
    }

    pub(super) fn directory(&mut self, fd: Fd) -> std::result::Result<&mut OpenDirectory, Errno> {
        match self.get(fd)? {
            Descriptor::Directory(directory) => Ok(directory),
            // Not ENOTDIR: as wasmtime-wasi.
            Descriptor::File(_) | Descriptor::Host(_) => Err(Errno::Badf),
        }
    }

    fn node(&mut self, fd: Fd) -> std::result::Result<NodeId, Errno> {
        match self.get(fd)? {
            Descriptor::File(file) => Ok(file.node),
            Descriptor::Directory(directory) => Ok(directory.node),
            Descriptor::Host(_) => Err(Errno::Badf),
        }
    }

    pub(super) fn fd_advise(
        &mut self,
        _: &mut GuestMemory<'_>,
        fd: Fd,
        _: Filesize,
        length: Filesize,
        _: Advice,
    ) -> Result<()> {
        self.file(fd)?;
        match i64::try_from(length) {
            Ok(_) => Ok(()),
            Err(_) => Err(Errno::Inval.into()),
        }
    }

    pub(super) fn fd_allocate(
        &mut self,
        _: &mut GuestMemory<'_>,
        fd: Fd,
        offset: Filesize,
        length: Filesize,
    ) -> Result<()> {
        let (file, tree) = self.writable(fd)?;
        Ok(tree.lock().allocate(file.node, offset, length)?)
    }

    pub(super) fn fd_datasync(&mut self, _: &mut GuestMemory<'_>, fd: Fd) -> Result<()> {
        self.node(fd)?;
        Ok(())
    }

    pub(super) fn fd_sync(&mut self, _: &mut GuestMemory<'_>, fd: Fd) -> Result<()> {
        self.node(fd)?;
        Ok(())
    }

    pub(super) fn fd_fdstat_get(&mut self, _: &mut GuestMemory<'_>, fd: Fd) -> Result<Fdstat> {
        Ok(fd_status(self.get(fd)?)?)
    }

    pub(super) fn fd_fdstat_set_flags(
        &mut self,
        _: &mut GuestMemory<'_>,
        fd: Fd,
        flags: Fdflags,
    ) -> Result<()> {
        let (file, _) = self.file(fd)?;
        if flags.intersects(Fdflags::DSYNC | Fdflags::SYNC | Fdflags::RSYNC) {
            return Err(Errno::Inval.into());
        }
        file.flags = flags;
        Ok(())
    }

    pub(super) fn fd_fdstat_set_rights(
        &mut self,
        _: &mut GuestMemory<'_>,
        fd: Fd,
        _: Rights,
        _: Rights,
    ) -> Result<()> {
        self.node(fd)?;
        Err(Errno::Notsup.into())
    }

    pub(super) fn fd_filestat_get(&mut self, _: &mut GuestMemory<'_>, fd: Fd) -> Result<Filestat> {
        let node = self.node(fd)?;
        Ok(file_status(self.tree.lock().stat(node)))
    }

    pub(super) fn fd_filestat_set_size(
        &mut self,
        _: &mut GuestMemory<'_>,
        fd: Fd,
        size: Filesize,
    ) -> Result<()> {
        match self.file(fd)? {
            (file, tree) if file.write => Ok(tree.lock().set_size(file.node, size)?),
            // As POSIX says for `ftruncate`.
            _ => Err(Errno::Inval.into()),
        }
    }

    pub(super) fn fd_filestat_set_times(
        &mut self,
        _: &mut GuestMemory<'_>,
        fd: Fd,
        accessed: Timestamp,
        modified: Timestamp,
        flags: Fstflags,
    ) -> Result<()> {
        let times = new_times(accessed, modified, flags)?;
        let node = self.node(fd)?;
        self.tree.lock().set_times(node, times);
        Ok(())
    }

    pub(super) fn fd_read(
        &mut self,
        memory: &mut GuestMemory<'_>,
        fd: Fd,
        iovs: IovecArray,
    ) -> Result<Size> {
        let (file, tree) = self.readable(fd)?;
        let length = read(memory, &tree, file.node, iovs, file.position)?;
        file.position += u64::from(length);
        Ok(length)
    }

    pub(super) fn fd_pread(
        &mut self,
        memory: &mut GuestMemory<'_>,
        fd: Fd,
        iovs: IovecArray,
        offset: Filesize,
    ) -> Result<Size> {
        let (file, tree) = self.readable(fd)?;
        check_offset(offset)?;
        read(memory, &tree, file.node, iovs, offset)
    }

    pub(super) fn fd_write(
        &mut self,
        memory: &mut GuestMemory<'_>,
        fd: Fd,
        iovs: CiovecArray,
    ) -> Result<Size> {
        let (file, tree) = self.writable(fd)?;
        let offset = (!file.appends()).then_some(file.position);
        let (length, end) = write(memory, &tree, file.node, iovs, offset)?;
        file.position = end.unwrap_or(file.position);
        Ok(length)
    }

    pub(super) fn fd_pwrite(
        &mut self,
        memory: &mut GuestMemory<'_>,
        fd: Fd,
        iovs: CiovecArray,
        offset: Filesize,
    ) -> Result<Size> {
        let (file, tree) = self.writable(fd)?;
        check_offset(offset)?;
        // On Linux, what is written to a file that is open for appending is appended.
        let offset = (!file.appends()).then_some(offset);
        Ok(write(memory, &tree, file.node, iovs, offset)?.0)
    }

    pub(super) fn fd_seek(
        &mut self,
        _: &mut GuestMemory<'_>,
        fd: Fd,
        offset: Filedelta,
        whence: Whence,
    ) -> Result<Filesize> {
        let (file, tree) = self.file(fd)?;
        let from = match whence {
            Whence::Set => 0,
            Whence::Cur => file.position,
            Whence::End => tree.lock().stat(file.node).size,
        };
        let position = from.checked_add_signed(offset);
        let position = position.filter(|position| i64::try_from(*position).is_ok());
        file.position = position.ok_or(Errno::Inval)?;
        Ok(file.position)
    }

    pub(super) fn fd_tell(&mut self, _: &mut GuestMemory<'_>, fd: Fd) -> Result<Filesize> {
        Ok(self.file(fd)?.0.position)
    }

    pub(super) fn fd_prestat_get(&mut self, _: &mut GuestMemory<'_>, fd: Fd) -> Result<Prestat> {
        let path = self.preopen(fd).map_err(|_| Errno::Badf)?;
        Ok(Prestat::Dir(PrestatDir {
            pr_name_len: path.len() as Size,
        }))
    }

    pub(super) fn fd_prestat_dir_name(
        &mut self,
        memory: &mut GuestMemory<'_>,
        fd: Fd,
        buffer: GuestPtr<u8>,
        length: Size,
    ) -> Result<()> {
        let path = self.preopen(fd)?;
        let size = path.len() as Size;
        if size > length {
            return Err(Errno::Nametoolong.into());
        }
        Ok(memory.copy_from_slice(path.as_bytes(), buffer.as_array(size))?)
    }

    fn preopen(&mut self, fd: Fd) -> std::result::Result<&str, Errno> {
        match self.get(fd)? {
            Descriptor::Directory(directory) => directory.preopen.as_deref(),
            Descriptor::File(_) | Descriptor::Host(_) => None,
        }
        .ok_or(Errno::Notdir)
    }

    /// Fills the buffer with entries. The end of the buffer may cut off the last one.
    pub(super) fn fd_readdir(
        &mut self,
        memory: &mut GuestMemory<'_>,
        fd: Fd,
        buffer: GuestPtr<u8>,
        length: Size,
        mut cookie: Dircookie,
    ) -> Result<Size> {
        if matches!(self.get(fd)?, Descriptor::File(_)) {
            return Err(Errno::Notdir.into());
        }
        let tree = self.tree.clone();
        let tree = tree.lock();
        let directory = self.directory(fd)?;
        let node = directory.node;
        if cookie == 0 {
            // What the guest makes while it reads is not read: it might never come to an end.
            directory.end = tree.end(node)?;
        }
        let end = directory.end;
        let mut bytes = Vec::new();
        while bytes.len() < length as usize {
            let (inode, kind, name, next) = match cookie {
                // A guest must not learn what is above the directory.
                0 => (node.inode(), Filetype::Directory, ".", 1),
                1 => (node.inode(), Filetype::Directory, "..", 2),
                _ => match tree.entry(node, cookie - 2, end)? {
                    None => break,
                    Some(entry) => (
                        entry.node.inode(),
                        entry.kind.into(),
                        entry.name,
                        entry.place + 3,
                    ),
                },
            };
            bytes.extend(next.to_le_bytes());
            bytes.extend(inode.to_le_bytes());
            bytes.extend((name.len() as u32).to_le_bytes());
            bytes.extend((kind as u32).to_le_bytes());
            bytes.extend(name.as_bytes());
            cookie = next;
        }
        bytes.truncate(length as usize);
        let used = bytes.len() as Size;
        memory.copy_from_slice(&bytes, buffer.as_array(used))?;
        Ok(used)
    }

    pub(super) fn sock_accept(&mut self, _: &mut GuestMemory<'_>, _: Fd, _: Fdflags) -> Result<Fd> {
        Err(Errno::Notsock.into())
    }

    pub(super) fn sock_recv(
        &mut self,
        _: &mut GuestMemory<'_>,
        _: Fd,
        _: IovecArray,
        _: Riflags,
    ) -> Result<(Size, Roflags)> {
        Err(Errno::Notsock.into())
    }

    pub(super) fn sock_send(
        &mut self,
        _: &mut GuestMemory<'_>,
        _: Fd,
        _: CiovecArray,
        _: Siflags,
    ) -> Result<Size> {
        Err(Errno::Notsock.into())
    }

    pub(super) fn sock_shutdown(
        &mut self,
        _: &mut GuestMemory<'_>,
        _: Fd,
        _: Sdflags,
    ) -> Result<()> {
        Err(Errno::Notsock.into())
    }
}

/// Offsets are signed numbers.
fn check_offset(offset: Filesize) -> std::result::Result<(), Errno> {
    match offset < i64::MAX as u64 {
        true => Ok(()),
        false => Err(Errno::Inval),
    }
}

/// Reads from the file into the buffers of a guest, one after the other.
fn read(
    memory: &mut GuestMemory<'_>,
    tree: &FileTree,
    node: NodeId,
    iovs: IovecArray,
    offset: u64,
) -> Result<Size> {
    let tree = tree.lock();
    let mut total = 0;
    for iov in iovs.iter().take(MAX_BUFFERS) {
        let iov = memory.read(iov?)?;
        let length = (iov.buf_len as usize).min(MAX_BYTES - total) as Size;
        let buffer = iov.buf.as_array(length);
        let at = offset.saturating_add(total as u64);
        let read = match memory.as_slice_mut(buffer)? {
            Some(buffer) => tree.read(node, at, buffer),
            // Programs with shared memory are refused when they are loaded.
            None => return Err(Errno::Notsup.into()),
        };
        total += read;
        if read < iov.buf_len as usize {
            break;
        }
    }
    Ok(total as Size)
}

/// Writes the buffers of a guest, one after the other. Returns how many bytes were written, and where they end if
/// there were any.
fn write(
    memory: &mut GuestMemory<'_>,
    tree: &FileTree,
    node: NodeId,
    iovs: CiovecArray,
    offset: Option<u64>,
) -> Result<(Size, Option<u64>)> {
    let mut tree = tree.lock();
    let mut total = 0;
    let mut end = None;
    for iov in iovs.iter().take(MAX_BUFFERS) {
        let iov = memory.read(iov?)?;
        let length = (iov.buf_len as usize).min(MAX_BYTES - total) as Size;
        if length == 0 {
            continue;
        }
        let bytes = memory.as_cow(iov.buf.as_array(length))?;
        let at = offset.map(|offset| offset.saturating_add(total as u64));
        match tree.write(node, at, &bytes) {
            Ok((written, to)) => {
                total += written;
                end = Some(to);
                if written < iov.buf_len as usize {
                    break;
                }
            }
            // What was written before it is not lost.
            Err(_) if total > 0 => break,
            Err(code) => return Err(code.into()),
        }
    }
    Ok((total as Size, end))
}
