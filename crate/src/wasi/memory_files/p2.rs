//! The files of guests of WASI 0.2: those of the host, and those in memory.
//!
//! [`GuestFiles`] has every function of `wasi:filesystem`, because the traits do: a function looks whose its
//! descriptor is, and either is carried out here or goes to wasmtime-wasi.

use super::component::{GuestFiles, functions_of_descriptors};
use super::component_descriptor::MemoryDescriptor;
use super::p2_streams::{Failed, Reader, Writer};
use crate::files::Code;
use crate::wasi::directory_times::{ITSELF, is_directory};
use crate::wasi::resources::{has_no_stream_left, is_full, out_of_descriptors};
use wasmtime::component::Resource;
use wasmtime_wasi::filesystem::Descriptor;
use wasmtime_wasi::p2::bindings::filesystem::preopens;
use wasmtime_wasi::p2::bindings::filesystem::types::{
    self, Advice, DescriptorFlags, DescriptorStat, DescriptorType, DirectoryEntry,
    DirectoryEntryStream, Filesize, HostDescriptor, HostDirectoryEntryStream, MetadataHashValue,
    NewTimestamp, OpenFlags, PathFlags,
};
use wasmtime_wasi::p2::{DynInputStream, DynOutputStream, FsError, FsResult};

impl GuestFiles<'_> {
    /// The descriptors of two directories, if they are in memory.
    fn both(
        &self,
        from: &Resource<Descriptor>,
        to: &Resource<Descriptor>,
    ) -> FsResult<Option<(MemoryDescriptor, MemoryDescriptor)>> {
        match (self.memory(from), self.memory(to)) {
            (None, None) => Ok(None),
            (Some(from), Some(to)) => Ok(Some((from, to))),
            _ => Err(Code::CrossDevice.into()),
        }
    }

    /// A stream into a file in memory; to its end without an offset.
    fn write(
        &mut self,
        own: &MemoryDescriptor,
        offset: Option<u64>,
    ) -> FsResult<Resource<DynOutputStream>> {
        let stream: DynOutputStream = Box::new(Writer::new(own.writable()?, offset));
        Ok(self.host.table.push(stream)?)
    }

    fn check_streams(&mut self) -> FsResult<()> {
        match has_no_stream_left(self.host.table) {
            true => Err(Code::InsufficientMemory.into()),
            false => Ok(()),
        }
    }
}

/// Functions whose first argument is a descriptor.
macro_rules! route {
    ($(async fn $name:ident($($argument:ident: $ty:ty),*) -> $ok:ty;)*) => {
        $(
            async fn $name(
                &mut self,
                fd: Resource<Descriptor>,
                $($argument: $ty),*
            ) -> FsResult<$ok> {
                match self.memory(&fd) {
                    Some(own) => Ok(own.$name($($argument),*)?),
                    None => HostDescriptor::$name(&mut self.host, fd, $($argument),*).await,
                }
            }
        )*
    };
}

impl HostDescriptor for GuestFiles<'_> {
    functions_of_descriptors! { route }

    route! {
        async fn read(length: Filesize, offset: Filesize) -> (Vec<u8>, bool);
        async fn write(bytes: Vec<u8>, offset: Filesize) -> Filesize;
    }

    async fn set_times(
        &mut self,
        fd: Resource<Descriptor>,
        accessed: NewTimestamp,
        modified: NewTimestamp,
    ) -> FsResult<()> {
        if let Some(own) = self.memory(&fd) {
            return Ok(own.set_times(accessed, modified)?);
        }
        if !is_directory(self.host.table, &fd) {
            return self.host.set_times(fd, accessed, modified).await;
        }
        let (lookup, path) = (PathFlags::empty(), ITSELF.to_owned());
        self.host
            .set_times_at(fd, lookup, path, accessed, modified)
            .await
    }

    /// Takes the place of the host's in `directories.rs`.
    async fn read_directory(
        &mut self,
        fd: Resource<Descriptor>,
    ) -> FsResult<Resource<DirectoryEntryStream>> {
        self.host.read_directory(fd).await
    }

    async fn open_at(
        &mut self,
        fd: Resource<Descriptor>,
        lookup: PathFlags,
        path: String,
        how: OpenFlags,
        flags: DescriptorFlags,
    ) -> FsResult<Resource<Descriptor>> {
        // Components have no error code for too many files; this one comes closest.
        if is_full(self.host.table) {
            return Err(Code::InsufficientMemory.into());
        }
        if let Some(own) = self.memory(&fd) {
            let opened = own.open_at(lookup, &path, how, flags)?;
            return Ok(self.add(opened)?);
        }
        let opened = self.host.open_at(fd, lookup, path, how, flags).await;
        opened.map_err(|error| match error.downcast_ref() {
            Some(Code::Io) if out_of_descriptors().is_some() => Code::InsufficientMemory.into(),
            _ => error,
        })
    }

    async fn link_at(
        &mut self,
        fd: Resource<Descriptor>,
        flags: PathFlags,
        path: String,
        to: Resource<Descriptor>,
        to_path: String,
    ) -> FsResult<()> {
        match self.both(&fd, &to)? {
            Some((from, to)) => Ok(from.link_at(flags, &path, &to, &to_path)?),
            None => self.host.link_at(fd, flags, path, to, to_path).await,
        }
    }

    async fn rename_at(
        &mut self,
        old: Resource<Descriptor>,
        old_path: String,
        new: Resource<Descriptor>,
        new_path: String,
    ) -> FsResult<()> {
        match self.both(&old, &new)? {
            Some((from, to)) => Ok(from.rename_at(&old_path, &to, &new_path)?),
            None => self.host.rename_at(old, old_path, new, new_path).await,
        }
    }

    async fn is_same_object(
        &mut self,
        fd: Resource<Descriptor>,
        other: Resource<Descriptor>,
    ) -> wasmtime::Result<bool> {
        match (self.memory(&fd), self.memory(&other)) {
            (None, None) => self.host.is_same_object(fd, other).await,
            (Some(one), Some(other)) => Ok(one.is_same(&other)),
            _ => Ok(false),
        }
    }

    fn read_via_stream(
        &mut self,
        fd: Resource<Descriptor>,
        offset: Filesize,
    ) -> FsResult<Resource<DynInputStream>> {
        self.check_streams()?;
        match self.memory(&fd) {
            Some(own) => {
                let stream: DynInputStream = Box::new(Reader::new(own.readable()?, offset));
                Ok(self.host.table.push(stream)?)
            }
            None => self.host.read_via_stream(fd, offset),
        }
    }

    fn write_via_stream(
        &mut self,
        fd: Resource<Descriptor>,
        offset: Filesize,
    ) -> FsResult<Resource<DynOutputStream>> {
        self.check_streams()?;
        match self.memory(&fd) {
            Some(own) => self.write(&own, Some(offset)),
            None => self.host.write_via_stream(fd, offset),
        }
    }

    fn append_via_stream(
        &mut self,
        fd: Resource<Descriptor>,
    ) -> FsResult<Resource<DynOutputStream>> {
        self.check_streams()?;
        match self.memory(&fd) {
            Some(own) => self.write(&own, None),
            None => self.host.append_via_stream(fd),
        }
    }

    fn drop(&mut self, fd: Resource<Descriptor>) -> wasmtime::Result<()> {
        self.remove(fd)
    }
}

/// The streams of entries are those of `directories.rs`.
impl HostDirectoryEntryStream for GuestFiles<'_> {
    async fn read_directory_entry(
        &mut self,
        stream: Resource<DirectoryEntryStream>,
    ) -> FsResult<Option<DirectoryEntry>> {
        self.host.read_directory_entry(stream).await
    }

    fn drop(&mut self, stream: Resource<DirectoryEntryStream>) -> wasmtime::Result<()> {
        HostDirectoryEntryStream::drop(&mut self.host, stream)
    }
}

impl types::Host for GuestFiles<'_> {
    fn convert_error_code(&mut self, error: FsError) -> wasmtime::Result<Code> {
        types::Host::convert_error_code(&mut self.host, error)
    }

    fn filesystem_error_code(
        &mut self,
        error: Resource<wasmtime::Error>,
    ) -> wasmtime::Result<Option<Code>> {
        match self.host.table.get(&error)?.downcast_ref() {
            Some(Failed(code)) => Ok(Some(*code)),
            None => self.host.filesystem_error_code(error),
        }
    }
}

impl preopens::Host for GuestFiles<'_> {
    fn get_directories(&mut self) -> wasmtime::Result<Vec<(Resource<Descriptor>, String)>> {
        self.directories()
    }
}
