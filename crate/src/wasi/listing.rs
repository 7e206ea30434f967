//! The entries of a directory, read once.
//!
//! wasmtime-wasi lists a directory anew for every `fd_readdir` of WASI 0.1 and counts from its front, so a
//! guest that deletes what it has read misses the entries that moved up. wasmtime-wasi also fails where an
//! entry is deleted while it lists, and has no bound. A listing is read once, leaves out entries that are
//! deleted meanwhile, and does not change.

use std::collections::HashMap;
use std::io;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use tokio::sync::oneshot;
use wasmtime::component::{Resource, ResourceTable};
use wasmtime_wasi::FsPerms;
use wasmtime_wasi::filesystem::{
    Descriptor, Dir, OpenMode, WasiFilesystemCtx, WasiFilesystemCtxView,
};
use wasmtime_wasi::p2::bindings::filesystem::types::{
    DescriptorType, ErrorCode, HostDescriptor, PathFlags,
};
use wasmtime_wasi::p2::{FsError, FsResult};
use wasmtime_wasi::runtime::poll_noop;

/// Bytes that the listings of one run may take together: enough for a million entries with usual names.
const ROOM: usize = 64 << 20;

/// The directories of the host that a guest of WASI 0.1 reads, by wasmtime-wasi's number of the descriptor.
#[derive(Default)]
pub(super) struct Directories {
    pub(super) listings: HashMap<i32, Arc<Listing>>,
    pub(super) room: Room,
    /// Set once the guest has moved a descriptor to another number.
    pub(super) renumbered: bool,
}

/// Counts the bytes of all listings of one run.
#[derive(Clone, Default)]
pub(crate) struct Room(Arc<AtomicUsize>);

/// The bytes that one listing takes of the room. They are returned when this is dropped.
struct Share {
    room: Room,
    bytes: usize,
}

impl Share {
    fn grow(&mut self, bytes: usize) -> Result<(), Failure> {
        self.bytes += bytes;
        match self.room.0.fetch_add(bytes, Ordering::Relaxed) + bytes <= ROOM {
            true => Ok(()),
            false => Err(Failure::NoRoom),
        }
    }
}

impl Drop for Share {
    fn drop(&mut self) {
        self.room.0.fetch_sub(self.bytes, Ordering::Relaxed);
    }
}

/// The entries of a directory without `.` and `..`, in the order of the host.
pub(super) struct Listing {
    /// The inode of the directory.
    pub(super) inode: u64,
    names: Vec<u8>,
    entries: Vec<EntryRecord>,
    share: Share,
}

struct EntryRecord {
    /// Where its name ends. The name begins where that of the previous record ends.
    end: usize,
    kind: DescriptorType,
    inode: u64,
}

pub(super) struct DirEntry<'a> {
    /// UTF-8, unless the name on the host is not.
    pub(super) name: &'a [u8],
    pub(super) kind: DescriptorType,
    /// As a guest sees it in the status of the file; 0 where the guest cannot see that status.
    pub(super) inode: u64,
}

/// Why there is no listing.
pub(super) enum Failure {
    /// The listings of the run have too many entries.
    NoRoom,
    /// There is no such descriptor.
    BadDescriptor,
    /// The descriptor is not that of a directory.
    NotDirectory,
    Host(io::Error),
}

impl From<io::Error> for Failure {
    fn from(error: io::Error) -> Self {
        Self::Host(error)
    }
}

impl Listing {
    /// Reads the directory that `choose` returns, on a thread for blocking work.
    ///
    /// # Errors
    ///
    /// Those of `choose` and of the host, and [`Failure::NoRoom`].
    pub(super) async fn read(
        choose: impl FnOnce() -> Result<Dir, Failure> + Send + 'static,
        room: Room,
    ) -> Result<Self, Failure> {
        let (sender, receiver) = oneshot::channel();
        tokio::task::spawn_blocking(move || {
            let listing = choose().and_then(|dir| Self::of(&dir, room, || !sender.is_closed()));
            // If the run has ended, nobody waits for the listing.
            let _ = sender.send(listing);
        });
        // The work is lost when the runtime shuts down.
        let lost = |_| Err(io::Error::from(io::ErrorKind::Interrupted).into());
        receiver.await.unwrap_or_else(lost)
    }

    fn of(dir: &Dir, room: Room, is_wanted: impl Fn() -> bool) -> Result<Self, Failure> {
        let mut here = Here::new(dir)?;
        let mut this = Self {
            inode: here.inode().unwrap_or(0),
            names: Vec::new(),
            entries: Vec::new(),
            share: Share { room, bytes: 0 },
        };
        for entry in here.names(dir)? {
            let (name, kind) = entry?;
            if !is_wanted() {
                break;
            }
            let inode = match str::from_utf8(&name).map(|name| here.inode_of(name)) {
                Ok(Ok(inode)) => inode,
                Ok(Err(error)) if matches!(error.downcast_ref(), Some(ErrorCode::NoEntry)) => {
                    continue;
                }
                Ok(Err(_)) | Err(_) => 0,
            };
            this.share.grow(size_of::<EntryRecord>() + name.len())?;
            this.names.extend(name);
            this.entries.push(EntryRecord {
                end: this.names.len(),
                kind,
                inode,
            });
        }
        Ok(this)
    }

    /// The entry with this number, from 0 on.
    pub(super) fn get(&self, index: usize) -> Option<DirEntry<'_>> {
        let record = self.entries.get(index)?;
        let start = index
            .checked_sub(1)
            .map_or(0, |before| self.entries[before].end);
        Some(DirEntry {
            name: &self.names[start..record.end],
            kind: record.kind,
            inode: record.inode,
        })
    }
}

/// The directory of `dirs` that has this inode.
pub(super) fn by_inode(dirs: Vec<Dir>, inode: u64) -> Result<Dir, Failure> {
    for dir in dirs {
        if Here::new(&dir)?.inode().is_ok_and(|own| own == inode) {
            return Ok(dir);
        }
    }
    Err(Failure::BadDescriptor)
}

/// A directory in a table of its own, in which wasmtime-wasi's functions never wait for another thread.
struct Here {
    context: WasiFilesystemCtx,
    table: ResourceTable,
    dir: u32,
}

impl Here {
    fn new(dir: &Dir) -> io::Result<Self> {
        let handle = dir.dir.try_clone()?;
        let dir = Dir::new(handle, FsPerms::ReadOnly, OpenMode::READ, true);
        let mut table = ResourceTable::new();
        let pushed = table.push(Descriptor::Dir(dir));
        Ok(Self {
            context: WasiFilesystemCtx::default(),
            dir: pushed.map_err(io::Error::other)?.rep(),
            table,
        })
    }

    fn split(&mut self) -> (WasiFilesystemCtxView<'_>, Resource<Descriptor>) {
        let view = WasiFilesystemCtxView {
            ctx: &mut self.context,
            table: &mut self.table,
        };
        (view, Resource::new_borrow(self.dir))
    }

    fn inode(&mut self) -> FsResult<u64> {
        let (mut view, dir) = self.split();
        Ok(at_once(view.metadata_hash(dir))?.lower)
    }

    fn inode_of(&mut self, name: &str) -> FsResult<u64> {
        let (mut view, dir) = self.split();
        let hash = view.metadata_hash_at(dir, PathFlags::empty(), name.to_owned());
        Ok(at_once(hash)?.lower)
    }

    /// The names and kinds of all entries, read one by one.
    #[cfg(unix)]
    fn names(&self, dir: &Dir) -> io::Result<impl Iterator<Item = Named> + use<>> {
        use rustix::fs::{Mode, OFlags};
        // The handle of a granted directory names a place (`O_PATH`) and cannot be read itself.
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
        let entries =
            rustix::fs::Dir::new(rustix::fs::openat(&*dir.dir, ".", flags, Mode::empty())?)?;
        Ok(entries
            .map(|entry| {
                let entry = entry?;
                let name = entry.file_name().to_bytes().to_vec();
                Ok((name, kind(entry.file_type())))
            })
            .filter(|entry| !matches!(entry, Ok((name, _)) if matches!(&name[..], b"." | b".."))))
    }

    /// The same for systems on which only wasmtime-wasi knows how to read a directory's handle.
    #[cfg(not(unix))]
    fn names(&mut self, _: &Dir) -> io::Result<impl Iterator<Item = Named> + use<>> {
        let (mut view, dir) = self.split();
        let entries = at_once(view.read_directory(dir)).map_err(io::Error::other)?;
        let entries = view.table.delete(entries).map_err(io::Error::other)?;
        let found = |entry: &FsResult<_>| match entry {
            Ok(_) => true,
            Err(error) => !matches!(error.downcast_ref(), Some(ErrorCode::NoEntry)),
        };
        Ok(entries.into_iter().filter(found).map(|entry| {
            let entry = entry.map_err(io::Error::other)?;
            Ok((entry.name.into_bytes(), entry.type_))
        }))
    }
}

type Named = io::Result<(Vec<u8>, DescriptorType)>;

/// The result of a future that does not wait.
fn at_once<T>(future: impl Future<Output = FsResult<T>>) -> FsResult<T> {
    let given = poll_noop(pin!(future));
    given.unwrap_or_else(|| Err(FsError::from(ErrorCode::WouldBlock)))
}

#[cfg(unix)]
fn kind(of: rustix::fs::FileType) -> DescriptorType {
    use rustix::fs::FileType;
    match of {
        FileType::RegularFile => DescriptorType::RegularFile,
        FileType::Directory => DescriptorType::Directory,
        FileType::Symlink => DescriptorType::SymbolicLink,
        FileType::BlockDevice => DescriptorType::BlockDevice,
        FileType::CharacterDevice => DescriptorType::CharacterDevice,
        // wasmtime-wasi's file status has no other type for these either.
        FileType::Fifo | FileType::Socket | FileType::Unknown => DescriptorType::Unknown,
    }
}
