//! How guests of each preview read a directory.

use super::errnos::errno;
use super::listing::{DirEntry, Directories, Failure, Listing, by_inode};
use super::memory_files::{MemoryDescriptor, descriptor_type, error_code};
use super::preview1::{P1, slowly};
use super::resources::{exhausted, is_full};
use super::state::RunState;
use super::stream_end::{StreamEnd, nothing_yet};
use futures_util::future::{BoxFuture, ready};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use tokio::sync::oneshot;
use wasmtime::component::{
    self, Destination, FutureReader, Resource, ResourceTable, ResourceType, StreamProducer,
    StreamReader, StreamResult, VecBuffer,
};
use wasmtime::{Caller, Linker, Result, StoreContextMut};
use wasmtime_wasi::filesystem::{Descriptor, Dir, WasiFilesystemView};
use wasmtime_wasi::p1::types::{Errno, Filestat, Filetype};
use wasmtime_wasi::p1::wasi_snapshot_preview1::{self as p1, WasiSnapshotPreview1};
use wasmtime_wasi::p2::bindings::filesystem::types as p2;
use wasmtime_wasi::p2::bindings::filesystem::types::DescriptorType;
use wasmtime_wasi::p3::bindings::filesystem::types as p3;
use wiggle::GuestPtr;

const SUCCESS: i32 = 0;
const BADF: i32 = 8;
const NOMEM: i32 = 48;
const NOTDIR: i32 = 54;

/// Adds the functions that read directories, and those that change which number a descriptor has.
pub(super) fn add_to_linker(linker: &mut Linker<RunState>) -> Result<()> {
    linker.func_wrap_async(
        P1,
        "fd_readdir",
        |mut caller: Caller<'_, RunState>,
         (fd, buffer, length, cookie, used): (i32, i32, i32, i64, i32)| {
            Box::new(async move {
                let (mut wasi, mut memory) = slowly(&mut caller)?;
                let Some(fd) = wasi.host(fd as u32) else {
                    let memory = &mut memory;
                    return errno(
                        p1::fd_readdir(&mut wasi, memory, fd, buffer, length, cookie, used).await,
                    );
                };
                let status = match wasi.wasi.fd_filestat_get(&mut memory, fd.into()).await {
                    Ok(status) => status,
                    Err(error) => return Ok(error.downcast()? as i32),
                };
                match listing(&mut caller, fd as i32, &status, cookie == 0).await {
                    Ok(listing) => put(&mut caller, &listing, buffer, length, cookie, used),
                    Err(error) => Ok(error),
                }
            })
        },
    )?;
    linker.func_wrap_async(
        P1,
        "fd_close",
        |mut caller: Caller<'_, RunState>, (fd,): (i32,)| {
            Box::new(async move {
                let (mut wasi, mut memory) = slowly(&mut caller)?;
                let closed = wasi.host(fd as u32);
                let error = errno(p1::fd_close(&mut wasi, &mut memory, fd).await)?;
                if let (SUCCESS, Some(fd)) = (error, closed) {
                    directories(&mut caller).listings.remove(&(fd as i32));
                }
                Ok(error)
            })
        },
    )?;
    linker.func_wrap_async(
        P1,
        "fd_renumber",
        |mut caller: Caller<'_, RunState>, (fd, to): (i32, i32)| {
            Box::new(async move {
                let (mut wasi, mut memory) = slowly(&mut caller)?;
                let has_files = wasi.files.is_some();
                let closed = wasi.host(to as u32);
                let error = errno(p1::fd_renumber(&mut wasi, &mut memory, fd, to).await)?;
                if error == SUCCESS && fd != to {
                    let this = directories(&mut caller);
                    this.renumbered = true;
                    let listings = &mut this.listings;
                    if has_files {
                        // Listings have wasmtime-wasi's numbers, which stay.
                        closed.map(|fd| listings.remove(&(fd as i32)));
                        return Ok(error);
                    }
                    match listings.remove(&fd) {
                        Some(listing) => listings.insert(to, listing),
                        None => listings.remove(&to),
                    };
                }
                Ok(error)
            })
        },
    )?;
    Ok(())
}

fn directories<'a>(caller: &'a mut Caller<'_, RunState>) -> &'a mut Directories {
    caller.data_mut().wasi().directories()
}

/// The listing of a descriptor with this status, as it was when the guest began to read; `anew` reads it
/// again.
async fn listing(
    caller: &mut Caller<'_, RunState>,
    fd: i32,
    status: &Filestat,
    anew: bool,
) -> std::result::Result<Arc<Listing>, i32> {
    if status.filetype != Filetype::Directory {
        return Err(NOTDIR);
    }
    let this = directories(caller);
    if anew {
        this.listings.remove(&fd);
    } else if let Some(listing) = this.listings.get(&fd) {
        return Ok(listing.clone());
    }
    let room = this.room.clone();
    let inode = status.ino;
    // wasmtime-wasi does not tell which directory a descriptor number stands for.
    let all = dirs(caller.data_mut().filesystem().table);
    let choose = move || by_inode(all, inode);
    let listing = Listing::read(choose, room).await.map_err(errno_of)?;
    let listing = Arc::new(listing);
    directories(caller).listings.insert(fd, listing.clone());
    Ok(listing)
}

fn dirs(table: &mut ResourceTable) -> Vec<Dir> {
    let all = table.iter_mut().filter_map(|entry| entry.downcast_ref());
    all.filter_map(|descriptor| match descriptor {
        Descriptor::Dir(dir) => Some(dir.clone()),
        Descriptor::File(_) => None,
    })
    .collect()
}

fn errno_of(failure: Failure) -> i32 {
    match failure {
        Failure::NoRoom => NOMEM,
        Failure::BadDescriptor => BADF,
        Failure::NotDirectory => NOTDIR,
        Failure::Host(error) => match exhausted(&error) {
            Some(errno) => errno,
            None => Errno::from(p2::ErrorCode::from(error)) as i32,
        },
    }
}

/// Fills a guest's buffer with entries. The end of the buffer may cut off the last one.
fn put(
    caller: &mut Caller<'_, RunState>,
    listing: &Listing,
    buffer: i32,
    length: i32,
    cookie: i64,
    used: i32,
) -> Result<i32> {
    let length = length as u32 as usize;
    let mut bytes = Vec::new();
    let first = usize::try_from(cookie as u64).unwrap_or(usize::MAX);
    for number in first.. {
        let Some(entry) = numbered(listing, number) else {
            break;
        };
        if bytes.len() >= length {
            break;
        }
        bytes.extend((number as u64 + 1).to_le_bytes());
        bytes.extend(entry.inode.to_le_bytes());
        bytes.extend((entry.name.len() as u32).to_le_bytes());
        bytes.extend((filetype(entry.kind) as u32).to_le_bytes());
        bytes.extend(entry.name);
    }
    bytes.truncate(length);
    let (_, mut memory) = slowly(caller)?;
    let at = GuestPtr::<[u8]>::new((buffer as u32, bytes.len() as u32));
    memory.copy_from_slice(&bytes, at)?;
    memory.write(GuestPtr::<u32>::new(used as u32), bytes.len() as u32)?;
    Ok(SUCCESS)
}

/// The entry with this number, where `.` and `..` are the first two.
fn numbered(listing: &Listing, number: usize) -> Option<DirEntry<'_>> {
    let name: &[u8] = match number {
        0 => b".",
        1 => b"..",
        _ => return listing.get(number - 2),
    };
    Some(DirEntry {
        name,
        kind: DescriptorType::Directory,
        // A guest must not learn what is above a granted directory: as in wasmtime-wasi, both have the
        // directory's own inode.
        inode: listing.inode,
    })
}

fn filetype(kind: DescriptorType) -> Filetype {
    match kind {
        DescriptorType::RegularFile => Filetype::RegularFile,
        DescriptorType::Directory => Filetype::Directory,
        DescriptorType::SymbolicLink => Filetype::SymbolicLink,
        DescriptorType::BlockDevice => Filetype::BlockDevice,
        DescriptorType::CharacterDevice => Filetype::CharacterDevice,
        DescriptorType::Socket | DescriptorType::Fifo | DescriptorType::Unknown => {
            Filetype::Unknown
        }
    }
}

fn code_of(failure: Failure) -> p2::ErrorCode {
    match failure {
        Failure::NoRoom => p2::ErrorCode::InsufficientMemory,
        Failure::BadDescriptor => p2::ErrorCode::BadDescriptor,
        Failure::NotDirectory => p2::ErrorCode::NotDirectory,
        Failure::Host(error) => match exhausted(&error) {
            Some(_) => p2::ErrorCode::InsufficientMemory,
            None => p2::ErrorCode::from(error),
        },
    }
}

/// Takes the place of the functions with which components of WASI 0.2 read a directory.
pub(super) fn add_to_p2_linker(linker: &mut component::Linker<RunState>) -> Result<()> {
    add_p2(&mut linker.instance("wasi:filesystem/types@0.2.12")?)
}

/// The same for WASI 0.3.
pub(super) fn add_to_p3_linker(linker: &mut component::Linker<RunState>) -> Result<()> {
    linker.instance("wasi:filesystem/types@0.3.0")?.func_wrap(
        "[method]descriptor.read-directory",
        |mut store: StoreContextMut<'_, RunState>, (fd,): (Resource<Descriptor>,)| {
            let reads = read(store.data_mut(), &fd)?;
            let (sender, end) = oneshot::channel();
            let entries = Entries {
                reads,
                entries: None,
                incomplete: false,
                end: StreamEnd::new(sender),
            };
            let entries = StreamReader::new(&mut store, entries)?;
            Ok(((entries, FutureReader::new(&mut store, end)?),))
        },
    )
}

/// How far a component has read a directory.
enum EntryStream {
    Host {
        listing: Listing,
        next: usize,
    },
    Memory {
        directory: MemoryDescriptor,
        place: u64,
        /// Entries that the guest makes while it reads are not read.
        end: u64,
    },
}

impl EntryStream {
    fn next(&mut self) -> std::result::Result<Option<p2::DirectoryEntry>, p2::ErrorCode> {
        match self {
            Self::Host { listing, next } => {
                let Some(entry) = listing.get(*next) else {
                    return Ok(None);
                };
                *next += 1;
                let name = String::from_utf8(entry.name.to_vec());
                let name = name.map_err(|_| p2::ErrorCode::IllegalByteSequence)?;
                let type_ = entry.kind;
                Ok(Some(p2::DirectoryEntry { type_, name }))
            }
            Self::Memory {
                directory,
                place,
                end,
            } => {
                let tree = directory.tree().lock();
                let entry = tree.entry(directory.directory()?, *place, *end)?;
                Ok(entry.map(|entry| {
                    *place = entry.place + 1;
                    p2::DirectoryEntry {
                        type_: entry.kind.into(),
                        name: entry.name.to_owned(),
                    }
                }))
            }
        }
    }
}

fn memory_entries(directory: MemoryDescriptor) -> std::result::Result<EntryStream, p2::ErrorCode> {
    let end = directory.tree().lock().end(directory.directory()?)?;
    Ok(EntryStream::Memory {
        directory,
        place: 0,
        end,
    })
}

fn add_p2(types: &mut component::LinkerInstance<'_, RunState>) -> Result<()> {
    types.resource(
        "directory-entry-stream",
        ResourceType::host::<EntryStream>(),
        |mut store, rep| {
            let stream = Resource::<EntryStream>::new_own(rep);
            store.data_mut().filesystem().table.delete(stream)?;
            Ok(())
        },
    )?;
    types.func_wrap_async(
        "[method]descriptor.read-directory",
        |mut store: StoreContextMut<'_, RunState>, (fd,): (Resource<Descriptor>,)| {
            Box::new(async move {
                let table = store.data_mut().filesystem().table;
                if is_full(table) {
                    return Ok((Err(p2::ErrorCode::InsufficientMemory),));
                }
                let stream = match read(store.data_mut(), &fd)?.await {
                    Ok(stream) => stream,
                    Err(code) => return Ok((Err(code),)),
                };
                let pushed = store.data_mut().filesystem().table.push(stream);
                Ok((pushed.map_err(|_| p2::ErrorCode::InsufficientMemory),))
            })
        },
    )?;
    types.func_wrap(
        "[method]directory-entry-stream.read-directory-entry",
        |mut store: StoreContextMut<'_, RunState>, (stream,): (Resource<EntryStream>,)| {
            let stream = store.data_mut().filesystem().table.get_mut(&stream)?;
            Ok((stream.next(),))
        },
    )
}

/// A listing that is being read.
type Reads = BoxFuture<'static, std::result::Result<EntryStream, p2::ErrorCode>>;

/// Begins to list the directory of a component's descriptor.
fn read(state: &mut RunState, fd: &Resource<Descriptor>) -> Result<Reads> {
    if let Some(directory) = state.guest_files().memory(fd) {
        return Ok(Box::pin(ready(memory_entries(directory))));
    }
    let chosen = match state.filesystem().table.get(fd)? {
        Descriptor::Dir(dir) => Ok(dir.clone()),
        Descriptor::File(_) => Err(Failure::NotDirectory),
    };
    let room = state.wasi().directories().room.clone();
    Ok(Box::pin(async move {
        let listing = Listing::read(move || chosen, room).await;
        let listing = listing.map_err(code_of)?;
        Ok(EntryStream::Host { listing, next: 0 })
    }))
}

/// The stream of entries from which a guest of WASI 0.3 reads.
struct Entries {
    reads: Reads,
    /// There once the directory is read.
    entries: Option<EntryStream>,
    /// Whether an entry was left out because its name is not UTF-8.
    incomplete: bool,
    end: StreamEnd<p3::ErrorCode>,
}

/// The most entries that a guest gets at a time.
const AT_A_TIME: usize = 256;

impl EntryStream {
    /// The next `count` entries; fewer at the end. `incomplete` is set where one is left out.
    fn take(
        &mut self,
        count: usize,
        incomplete: &mut bool,
    ) -> std::result::Result<Vec<p3::DirectoryEntry>, p2::ErrorCode> {
        let mut entries = Vec::new();
        while entries.len() < count {
            match self.next() {
                Ok(Some(p2::DirectoryEntry { type_, name })) => {
                    let type_ = descriptor_type(type_);
                    entries.push(p3::DirectoryEntry { type_, name });
                }
                Ok(None) => break,
                Err(p2::ErrorCode::IllegalByteSequence) => *incomplete = true,
                Err(code) => return Err(code),
            }
        }
        Ok(entries)
    }
}

impl StreamProducer<RunState> for Entries {
    type Item = p3::DirectoryEntry;
    type Buffer = VecBuffer<Self::Item>;

    fn poll_produce<'a>(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        mut store: StoreContextMut<'a, RunState>,
        mut destination: Destination<'a, Self::Item, Self::Buffer>,
        finish: bool,
    ) -> Poll<Result<StreamResult>> {
        let Self {
            reads,
            entries,
            incomplete,
            end,
        } = &mut *self;
        let stream = match entries {
            Some(stream) => stream,
            None => match reads.as_mut().poll(context) {
                Poll::Pending => return nothing_yet(finish),
                Poll::Ready(Ok(stream)) => entries.insert(stream),
                Poll::Ready(Err(code)) => return end.end(Err(error_code(code))),
            },
        };
        let wanted = destination.remaining(&mut store).unwrap_or(AT_A_TIME);
        let entries = match stream.take(wanted.min(AT_A_TIME), incomplete) {
            Ok(entries) => entries,
            Err(code) => return end.end(Err(error_code(code))),
        };
        if !entries.is_empty() || wanted == 0 {
            destination.set_buffer(entries.into());
            return Poll::Ready(Ok(StreamResult::Completed));
        }
        end.end(match incomplete {
            true => Err(p3::ErrorCode::IllegalByteSequence),
            false => Ok(()),
        })
    }
}
