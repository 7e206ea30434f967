//! The files of guests of WASI 0.3: those of the host, and those in memory.
//!
//! As for [WASI 0.2](super::p2), a function looks whose its descriptor is, and either is carried out here or
//! goes to wasmtime-wasi.

use super::component::{ComponentFiles, GuestFiles, functions_of_descriptors};
use super::component_descriptor::MemoryDescriptor;
use super::p3_streams::{Reader, Writer};
use super::p3_types::{Across, error_code};
use crate::files::Code;
use crate::wasi::byte_streams::{Consumer, Producer};
use crate::wasi::directory_times::{ITSELF, is_directory};
use crate::wasi::resources::{is_full, out_of_descriptors};
use crate::wasi::state::RunState;
use crate::wasi::stream_end::EndSender;
use std::iter::empty;
use tokio::sync::oneshot;
use wasmtime::component::{Access, Accessor, FutureReader, Resource, StreamReader};
use wasmtime::{AsContextMut, Result};
use wasmtime_wasi::filesystem::{Descriptor, WasiFilesystem, WasiFilesystemView};
use wasmtime_wasi::p3::bindings::filesystem::preopens;
use wasmtime_wasi::p3::bindings::filesystem::types::{
    self, Advice, DescriptorFlags, DescriptorStat, DescriptorType, DirectoryEntry, ErrorCode,
    Filesize, HostDescriptor, HostDescriptorWithStore, MetadataHashValue, NewTimestamp, OpenFlags,
    PathFlags,
};
use wasmtime_wasi::p3::filesystem::{FilesystemError, FilesystemResult};

type Files = Accessor<RunState, ComponentFiles>;
/// How a stream ended.
type End = FutureReader<std::result::Result<(), ErrorCode>>;

/// The descriptor, if it is one in memory.
fn memory(store: &Files, fd: &Resource<Descriptor>) -> Option<MemoryDescriptor> {
    store.with(|mut store| store.get().memory(fd))
}

/// The files of the host, as wasmtime-wasi wants them.
fn host(store: &Files) -> Accessor<RunState, WasiFilesystem> {
    store.with_getter::<WasiFilesystem>(RunState::filesystem)
}

fn host_of<'a>(
    store: &'a mut Access<'_, RunState, ComponentFiles>,
) -> Access<'a, RunState, WasiFilesystem> {
    Access::<_, WasiFilesystem>::new(store.as_context_mut(), RunState::filesystem)
}

fn failed<T>(code: Code) -> FilesystemResult<T> {
    Err(error_code(code).into())
}

fn done<T>(result: std::result::Result<T, Code>) -> FilesystemResult<T> {
    result.or_else(failed)
}

/// As for WASI 0.2, with values of other types.
macro_rules! route_across {
    ($(async fn $name:ident($($argument:ident: $ty:ty),*) -> $ok:ty;)*) => {
        $(
            async fn $name(
                store: &Files,
                fd: Resource<Descriptor>,
                $($argument: $ty),*
            ) -> FilesystemResult<$ok> {
                let Some(own) = memory(store, &fd) else {
                    return WasiFilesystem::$name(&host(store), fd, $($argument),*).await;
                };
                let carry_out = || own.$name($($argument.across()?),*)?.across();
                done(carry_out())
            }
        )*
    };
}

impl HostDescriptorWithStore<RunState> for ComponentFiles {
    functions_of_descriptors! { route_across }

    async fn set_times(
        store: &Files,
        fd: Resource<Descriptor>,
        accessed: NewTimestamp,
        modified: NewTimestamp,
    ) -> FilesystemResult<()> {
        if let Some(own) = memory(store, &fd) {
            let set = || own.set_times(accessed.across()?, modified.across()?);
            return done(set());
        }
        let host = host(store);
        if !host.with(|mut store| is_directory(store.get().table, &fd)) {
            return WasiFilesystem::set_times(&host, fd, accessed, modified).await;
        }
        let (lookup, path) = (PathFlags::empty(), ITSELF.to_owned());
        WasiFilesystem::set_times_at(&host, fd, lookup, path, accessed, modified).await
    }

    async fn open_at(
        store: &Files,
        fd: Resource<Descriptor>,
        lookup: PathFlags,
        path: String,
        how: OpenFlags,
        flags: DescriptorFlags,
    ) -> FilesystemResult<Resource<Descriptor>> {
        // Components have no error code for too many files; this one comes closest.
        if store.with(|mut store| is_full(store.get().host.table)) {
            return failed(Code::InsufficientMemory);
        }
        if let Some(own) = memory(store, &fd) {
            let open = || own.open_at(lookup.across()?, &path, how.across()?, flags.across()?);
            let opened = done(open())?;
            return store.with(|mut store| {
                let added = store.get().add(opened);
                added.map_err(FilesystemError::from)
            });
        }
        let opened = WasiFilesystem::open_at(&host(store), fd, lookup, path, how, flags).await;
        opened.map_err(|error| match error.downcast_ref() {
            Some(ErrorCode::Io) if out_of_descriptors().is_some() => {
                ErrorCode::InsufficientMemory.into()
            }
            _ => error,
        })
    }

    async fn link_at(
        store: &Files,
        fd: Resource<Descriptor>,
        flags: PathFlags,
        path: String,
        to: Resource<Descriptor>,
        to_path: String,
    ) -> FilesystemResult<()> {
        match (memory(store, &fd), memory(store, &to)) {
            (None, None) => {
                WasiFilesystem::link_at(&host(store), fd, flags, path, to, to_path).await
            }
            (Some(from), Some(to)) => {
                let link = || from.link_at(flags.across()?, &path, &to, &to_path);
                done(link())
            }
            _ => failed(Code::CrossDevice),
        }
    }

    async fn rename_at(
        store: &Files,
        old: Resource<Descriptor>,
        old_path: String,
        new: Resource<Descriptor>,
        new_path: String,
    ) -> FilesystemResult<()> {
        match (memory(store, &old), memory(store, &new)) {
            (None, None) => {
                WasiFilesystem::rename_at(&host(store), old, old_path, new, new_path).await
            }
            (Some(from), Some(to)) => done(from.rename_at(&old_path, &to, &new_path)),
            _ => failed(Code::CrossDevice),
        }
    }

    async fn is_same_object(
        store: &Files,
        fd: Resource<Descriptor>,
        other: Resource<Descriptor>,
    ) -> Result<bool> {
        match (memory(store, &fd), memory(store, &other)) {
            (None, None) => WasiFilesystem::is_same_object(&host(store), fd, other).await,
            (Some(one), Some(other)) => Ok(one.is_same(&other)),
            _ => Ok(false),
        }
    }

    fn read_via_stream(
        mut store: Access<'_, RunState, Self>,
        fd: Resource<Descriptor>,
        offset: Filesize,
    ) -> Result<(StreamReader<u8>, End)> {
        let Some(own) = store.get().memory(&fd) else {
            return WasiFilesystem::read_via_stream(host_of(&mut store), fd, offset);
        };
        let (sender, end) = oneshot::channel();
        let opened = own
            .readable()
            .and_then(|open| Ok((open, store.get().stream()?)));
        let bytes = match opened {
            Ok((open, stream)) => {
                let reader = Producer(Reader::new(open, stream, offset, sender));
                StreamReader::new(&mut store, reader)?
            }
            Err(code) => {
                fail(sender, code);
                StreamReader::new(&mut store, empty())?
            }
        };
        Ok((bytes, FutureReader::new(&mut store, end)?))
    }

    fn write_via_stream(
        mut store: Access<'_, RunState, Self>,
        fd: Resource<Descriptor>,
        bytes: StreamReader<u8>,
        offset: Filesize,
    ) -> Result<End> {
        match store.get().memory(&fd) {
            Some(own) => write(store, &own, bytes, Some(offset)),
            None => WasiFilesystem::write_via_stream(host_of(&mut store), fd, bytes, offset),
        }
    }

    fn append_via_stream(
        mut store: Access<'_, RunState, Self>,
        fd: Resource<Descriptor>,
        bytes: StreamReader<u8>,
    ) -> Result<End> {
        match store.get().memory(&fd) {
            Some(own) => write(store, &own, bytes, None),
            None => WasiFilesystem::append_via_stream(host_of(&mut store), fd, bytes),
        }
    }

    /// Takes the place of the host's in `directories.rs`.
    fn read_directory(
        mut store: Access<'_, RunState, Self>,
        fd: Resource<Descriptor>,
    ) -> Result<(StreamReader<DirectoryEntry>, End)> {
        WasiFilesystem::read_directory(host_of(&mut store), fd)
    }
}

fn fail(sender: EndSender<ErrorCode>, code: Code) {
    // The guest has not got the future yet, so it cannot have dropped it.
    let _ = sender.send(Err(error_code(code)));
}

/// Writes what comes into a file in memory; at its end without an offset.
fn write(
    mut store: Access<'_, RunState, ComponentFiles>,
    own: &MemoryDescriptor,
    mut bytes: StreamReader<u8>,
    offset: Option<u64>,
) -> Result<End> {
    let (sender, end) = oneshot::channel();
    let opened = own
        .writable()
        .and_then(|open| Ok((open, store.get().stream()?)));
    match opened {
        Ok((open, stream)) => {
            let writer = Writer::new(open, stream, offset, sender);
            bytes.pipe(&mut store, Consumer(writer))?
        }
        Err(code) => {
            bytes.close(&mut store)?;
            fail(sender, code);
        }
    }
    FutureReader::new(&mut store, end)
}

impl HostDescriptor for GuestFiles<'_> {
    fn drop(&mut self, fd: Resource<Descriptor>) -> Result<()> {
        self.remove(fd)
    }
}

impl types::Host for GuestFiles<'_> {
    fn convert_error_code(&mut self, error: FilesystemError) -> Result<ErrorCode> {
        error.downcast()
    }
}

impl preopens::Host for GuestFiles<'_> {
    fn get_directories(&mut self) -> Result<Vec<(Resource<Descriptor>, String)>> {
        self.directories()
    }
}
