//! The files of a component: those of the host, and those in memory. Both kinds of descriptor are in one table.

use super::component_descriptor::MemoryDescriptor;
use super::file_streams::{FileStream, FileStreams};
use super::granted::GrantedFiles;
use crate::files::Code;
use wasmtime::component::{HasData, Resource, ResourceTableError};
use wasmtime_wasi::filesystem::{Descriptor, WasiFilesystemCtxView};
use wasmtime_wasi::p2::bindings::filesystem::preopens;
use wasmtime_wasi::p2::bindings::filesystem::types::HostDescriptor;

/// The functions whose first argument is a descriptor, and which WASI 0.2 and 0.3 have alike, given to a macro that
/// implements them.
macro_rules! functions_of_descriptors {
    ($route:ident) => {
        $route! {
            async fn advise(offset: Filesize, length: Filesize, advice: Advice) -> ();
            async fn sync_data() -> ();
            async fn sync() -> ();
            async fn get_flags() -> DescriptorFlags;
            async fn get_type() -> DescriptorType;
            async fn set_size(size: Filesize) -> ();
            async fn create_directory_at(path: String) -> ();
            async fn stat() -> DescriptorStat;
            async fn stat_at(flags: PathFlags, path: String) -> DescriptorStat;
            async fn set_times_at(
                flags: PathFlags, path: String, accessed: NewTimestamp, modified: NewTimestamp
            ) -> ();
            async fn readlink_at(path: String) -> String;
            async fn remove_directory_at(path: String) -> ();
            async fn symlink_at(target: String, path: String) -> ();
            async fn unlink_file_at(path: String) -> ();
            async fn metadata_hash() -> MetadataHashValue;
            async fn metadata_hash_at(flags: PathFlags, path: String) -> MetadataHashValue;
        }
    };
}
pub(super) use functions_of_descriptors;

/// Stands for [`GuestFiles`] in linkers.
pub(crate) struct ComponentFiles;

impl HasData for ComponentFiles {
    type Data<'a> = GuestFiles<'a>;
}

/// The files of one guest.
pub(crate) struct GuestFiles<'a> {
    pub(crate) host: WasiFilesystemCtxView<'a>,
    pub(crate) granted: Option<&'a GrantedFiles>,
}

impl GuestFiles<'_> {
    /// The descriptor, if it is one in memory.
    pub(crate) fn memory(&self, fd: &Resource<Descriptor>) -> Option<MemoryDescriptor> {
        // Without files in memory there is none.
        self.granted?;
        let own = Resource::<MemoryDescriptor>::new_borrow(fd.rep());
        self.host.table.get(&own).ok().cloned()
    }

    /// What a stream needs, of WASI 0.3, to a file in memory.
    ///
    /// # Errors
    ///
    /// [`Code::InsufficientMemory`] when the guest has too many.
    pub(super) fn stream(&self) -> Result<FileStream, Code> {
        let streams = self.granted.map(|granted| &granted.streams);
        let stream = streams.and_then(FileStreams::open);
        stream.ok_or(Code::InsufficientMemory)
    }

    pub(super) fn add(
        &mut self,
        descriptor: MemoryDescriptor,
    ) -> Result<Resource<Descriptor>, ResourceTableError> {
        // The guest has one type of descriptor, whatever is behind it.
        Ok(Resource::new_own(self.host.table.push(descriptor)?.rep()))
    }

    pub(super) fn remove(&mut self, fd: Resource<Descriptor>) -> wasmtime::Result<()> {
        if self.memory(&fd).is_some() {
            let own = Resource::<MemoryDescriptor>::new_own(fd.rep());
            self.host.table.delete(own)?;
            return Ok(());
        }
        HostDescriptor::drop(&mut self.host, fd)
    }

    /// The directories that the guest finds open, with their paths.
    pub(super) fn directories(&mut self) -> wasmtime::Result<Vec<(Resource<Descriptor>, String)>> {
        let mut directories = Vec::new();
        if let Some(granted) = self.granted {
            let root = MemoryDescriptor::root(granted.descriptors.tree());
            directories.push((self.add(root)?, granted.path().to_owned()));
        }
        directories.extend(preopens::Host::get_directories(&mut self.host)?);
        Ok(directories)
    }
}
