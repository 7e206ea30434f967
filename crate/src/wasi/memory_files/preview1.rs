//! WASI 0.1 for guests with and without files in memory.
//!
//! [`Preview1`] has every function of WASI 0.1, because the trait does: a function that takes a descriptor looks
//! whose it is, and either is carried out here or goes to wasmtime-wasi. For a guest without files in memory they all
//! go there.

use super::descriptors::{Descriptor, Descriptors};
use super::poll::ready;
use crate::wasi::directory_times::ITSELF;
use crate::wasi::gather;
use crate::wasi::poll::{poll, read_subscriptions, write_events};
use crate::wasi::resources::{MAX_FILES, is_full};
use crate::wasi::virtual_clock::VirtualClock;
use wasmtime_wasi::WasiView;
use wasmtime_wasi::p1::WasiP1Ctx;
use wasmtime_wasi::p1::types::{
    Advice, CiovecArray, Clockid, Dircookie, Errno, Error, Event, Exitcode, Fd, Fdflags, Fdstat,
    Filedelta, Filesize, Filestat, Fstflags, IovecArray, Lookupflags, Oflags, Prestat, Riflags,
    Rights, Roflags, Sdflags, Siflags, Signal, Size, Subscription, Timestamp, Whence,
};
use wasmtime_wasi::p1::wasi_snapshot_preview1::WasiSnapshotPreview1;
use wiggle::{GuestMemory, GuestPtr};

type Result<T> = std::result::Result<T, Error>;

/// The WASI 0.1 of one guest.
pub(crate) struct Preview1<'a> {
    pub(crate) wasi: &'a mut WasiP1Ctx,
    pub(crate) files: Option<&'a mut Descriptors>,
    /// The monotonic clock, if it does not follow the time that passes.
    pub(crate) clock: Option<&'a VirtualClock>,
}

impl Preview1<'_> {
    /// The number of a descriptor in wasmtime-wasi. `None` if it is one in memory, or none at all.
    pub(crate) fn host(&self, fd: u32) -> Option<u32> {
        match &self.files {
            None => Some(fd),
            Some(files) => files.host(fd),
        }
    }

    /// Waits until something is ready.
    pub(crate) async fn poll(
        &mut self,
        mut subscriptions: Vec<Subscription>,
    ) -> Result<Vec<Event>> {
        if let Some(files) = &mut self.files {
            let ready = ready(files, &mut subscriptions)?;
            if !ready.is_empty() {
                return Ok(ready);
            }
        }
        poll(self.wasi, self.clock, subscriptions).await
    }

    /// Whether the guest must not open another file.
    pub(crate) fn is_full(&mut self) -> bool {
        let files = self.files.as_ref();
        is_full(self.wasi.ctx().table) || files.is_some_and(|files| files.count() >= MAX_FILES)
    }
}

/// Whose a descriptor is.
enum At<'a> {
    Host(Fd),
    Memory(&'a mut Descriptors),
}

fn at<'a>(files: &'a mut Option<&mut Descriptors>, fd: Fd) -> std::result::Result<At<'a>, Errno> {
    let Some(files) = files else {
        return Ok(At::Host(fd));
    };
    match files.get(fd)? {
        Descriptor::Host(host) => Ok(At::Host((*host).into())),
        _ => Ok(At::Memory(files)),
    }
}

/// Whose two directories are.
enum Pair<'a> {
    Hosts(Fd, Fd),
    Memory(&'a mut Descriptors),
}

fn between<'a>(
    files: &'a mut Option<&mut Descriptors>,
    from: Fd,
    to: Fd,
) -> std::result::Result<Pair<'a>, Errno> {
    let Some(files) = files else {
        return Ok(Pair::Hosts(from, to));
    };
    Ok(match files.hosts(from, to)? {
        Some((from, to)) => Pair::Hosts(from, to),
        None => Pair::Memory(files),
    })
}

/// Functions that take no descriptor.
macro_rules! pass_on {
    ($(fn $name:ident($($argument:ident: $ty:ty),*) -> $ok:ty;)*) => {
        $(
            fn $name(
                &mut self,
                memory: &mut GuestMemory<'_>,
                $($argument: $ty),*
            ) -> Result<$ok> {
                self.wasi.$name(memory, $($argument),*)
            }
        )*
    };
}

/// Functions whose first argument is a descriptor.
macro_rules! route {
    ($(async fn $name:ident($($argument:ident: $ty:ty),*) -> $ok:ty;)*) => {
        $(route!(@function [async] $name [.await] ($($argument: $ty),*) $ok);)*
    };
    ($(fn $name:ident($($argument:ident: $ty:ty),*) -> $ok:ty;)*) => {
        $(route!(@function [] $name [] ($($argument: $ty),*) $ok);)*
    };
    (@function [$($async:tt)?] $name:ident [$($await:tt)*] ($($argument:ident: $ty:ty),*) $ok:ty) => {
        $($async)? fn $name(
            &mut self,
            memory: &mut GuestMemory<'_>,
            fd: Fd,
            $($argument: $ty),*
        ) -> Result<$ok> {
            match at(&mut self.files, fd)? {
                At::Host(fd) => self.wasi.$name(memory, fd, $($argument),*)$($await)*,
                At::Memory(files) => files.$name(memory, fd, $($argument),*),
            }
        }
    };
}

impl WasiSnapshotPreview1 for Preview1<'_> {
    async fn fd_write(
        &mut self,
        memory: &mut GuestMemory<'_>,
        fd: Fd,
        iovs: CiovecArray,
    ) -> Result<Size> {
        match at(&mut self.files, fd)? {
            At::Host(fd) => gather::write(self.wasi, memory, fd, iovs, None).await,
            At::Memory(files) => files.fd_write(memory, fd, iovs),
        }
    }

    async fn fd_pwrite(
        &mut self,
        memory: &mut GuestMemory<'_>,
        fd: Fd,
        iovs: CiovecArray,
        offset: Filesize,
    ) -> Result<Size> {
        match at(&mut self.files, fd)? {
            At::Host(fd) => gather::write(self.wasi, memory, fd, iovs, Some(offset)).await,
            At::Memory(files) => files.fd_pwrite(memory, fd, iovs, offset),
        }
    }

    pass_on! {
        fn args_get(argv: GuestPtr<GuestPtr<u8>>, argv_buf: GuestPtr<u8>) -> ();
        fn args_sizes_get() -> (Size, Size);
        fn environ_get(environ: GuestPtr<GuestPtr<u8>>, environ_buf: GuestPtr<u8>) -> ();
        fn environ_sizes_get() -> (Size, Size);
        fn clock_res_get(id: Clockid) -> Timestamp;
        fn clock_time_get(id: Clockid, precision: Timestamp) -> Timestamp;
        fn proc_raise(signal: Signal) -> ();
        fn sched_yield() -> ();
        fn random_get(buffer: GuestPtr<u8>, length: Size) -> ();
    }

    route! {
        async fn fd_advise(offset: Filesize, length: Filesize, advice: Advice) -> ();
        async fn fd_datasync() -> ();
        async fn fd_fdstat_get() -> Fdstat;
        async fn fd_filestat_get() -> Filestat;
        async fn fd_filestat_set_size(size: Filesize) -> ();
        async fn fd_read(iovs: IovecArray) -> Size;
        async fn fd_pread(iovs: IovecArray, offset: Filesize) -> Size;
        async fn fd_seek(offset: Filedelta, whence: Whence) -> Filesize;
        async fn fd_sync() -> ();
        async fn fd_readdir(buffer: GuestPtr<u8>, length: Size, cookie: Dircookie) -> Size;
        async fn path_create_directory(path: GuestPtr<str>) -> ();
        async fn path_filestat_get(flags: Lookupflags, path: GuestPtr<str>) -> Filestat;
        async fn path_filestat_set_times(
            lookup: Lookupflags,
            path: GuestPtr<str>,
            accessed: Timestamp,
            modified: Timestamp,
            flags: Fstflags
        ) -> ();
        async fn path_readlink(path: GuestPtr<str>, buffer: GuestPtr<u8>, length: Size) -> Size;
        async fn path_remove_directory(path: GuestPtr<str>) -> ();
        async fn path_unlink_file(path: GuestPtr<str>) -> ();
    }

    route! {
        fn fd_allocate(offset: Filesize, length: Filesize) -> ();
        fn fd_fdstat_set_flags(flags: Fdflags) -> ();
        fn fd_fdstat_set_rights(base: Rights, inheriting: Rights) -> ();
        fn fd_prestat_get() -> Prestat;
        fn fd_prestat_dir_name(path: GuestPtr<u8>, length: Size) -> ();
        fn fd_tell() -> Filesize;
        fn sock_accept(flags: Fdflags) -> Fd;
        fn sock_recv(data: IovecArray, flags: Riflags) -> (Size, Roflags);
        fn sock_send(data: CiovecArray, flags: Siflags) -> Size;
        fn sock_shutdown(how: Sdflags) -> ();
    }

    async fn fd_filestat_set_times(
        &mut self,
        memory: &mut GuestMemory<'_>,
        fd: Fd,
        accessed: Timestamp,
        modified: Timestamp,
        flags: Fstflags,
    ) -> Result<()> {
        let fd = match at(&mut self.files, fd)? {
            At::Host(fd) => fd,
            At::Memory(files) => {
                return files.fd_filestat_set_times(memory, fd, accessed, modified, flags);
            }
        };
        let set = self
            .wasi
            .fd_filestat_set_times(memory, fd, accessed, modified, flags);
        let Err(error) = set.await else {
            return Ok(());
        };
        // It may be a directory that is open as a path alone.
        let mut itself = ITSELF.as_bytes().to_vec();
        let path = GuestPtr::<str>::new((0, itself.len() as u32));
        let mut memory = GuestMemory::Unshared(&mut itself);
        let lookup = Lookupflags::empty();
        let set = self.wasi.path_filestat_set_times(
            &mut memory,
            fd,
            lookup,
            path,
            accessed,
            modified,
            flags,
        );
        // What is no directory has the first error.
        set.await.map_err(|_| error)
    }

    async fn fd_close(&mut self, memory: &mut GuestMemory<'_>, fd: Fd) -> Result<()> {
        let host = match &mut self.files {
            None => Some(fd),
            Some(files) => files.remove(fd)?,
        };
        match host {
            Some(fd) => self.wasi.fd_close(memory, fd).await,
            None => Ok(()),
        }
    }

    async fn fd_renumber(&mut self, memory: &mut GuestMemory<'_>, from: Fd, to: Fd) -> Result<()> {
        let Some(files) = &mut self.files else {
            return self.wasi.fd_renumber(memory, from, to).await;
        };
        files.get(from)?;
        files.get(to)?;
        if from == to {
            return Ok(());
        }
        let replaced = files.remove(to)?;
        files.rename(from, to);
        match replaced {
            Some(host) => self.wasi.fd_close(memory, host).await,
            None => Ok(()),
        }
    }

    async fn path_open(
        &mut self,
        memory: &mut GuestMemory<'_>,
        fd: Fd,
        lookup: Lookupflags,
        path: GuestPtr<str>,
        how: Oflags,
        base: Rights,
        inheriting: Rights,
        flags: Fdflags,
    ) -> Result<Fd> {
        let opened = match at(&mut self.files, fd)? {
            At::Memory(files) => {
                return files.path_open(memory, fd, lookup, path, how, base, flags);
            }
            At::Host(fd) => {
                let wasi = &mut self.wasi;
                wasi.path_open(memory, fd, lookup, path, how, base, inheriting, flags)
                    .await?
            }
        };
        Ok(match &mut self.files {
            None => opened,
            Some(files) => files.add(Descriptor::Host(opened.into())),
        })
    }

    async fn path_link(
        &mut self,
        memory: &mut GuestMemory<'_>,
        from: Fd,
        flags: Lookupflags,
        path: GuestPtr<str>,
        to: Fd,
        to_path: GuestPtr<str>,
    ) -> Result<()> {
        match between(&mut self.files, from, to)? {
            Pair::Hosts(from, to) => {
                self.wasi
                    .path_link(memory, from, flags, path, to, to_path)
                    .await
            }
            Pair::Memory(files) => files.path_link(memory, from, flags, path, to, to_path),
        }
    }

    async fn path_rename(
        &mut self,
        memory: &mut GuestMemory<'_>,
        old: Fd,
        old_path: GuestPtr<str>,
        new: Fd,
        new_path: GuestPtr<str>,
    ) -> Result<()> {
        match between(&mut self.files, old, new)? {
            Pair::Memory(files) => files.path_rename(memory, old, old_path, new, new_path),
            Pair::Hosts(old, new) => {
                let wasi = &mut self.wasi;
                wasi.path_rename(memory, old, old_path, new, new_path).await
            }
        }
    }

    async fn path_symlink(
        &mut self,
        memory: &mut GuestMemory<'_>,
        target: GuestPtr<str>,
        fd: Fd,
        path: GuestPtr<str>,
    ) -> Result<()> {
        match at(&mut self.files, fd)? {
            At::Host(fd) => self.wasi.path_symlink(memory, target, fd, path).await,
            At::Memory(files) => files.path_symlink(memory, target, fd, path),
        }
    }

    async fn poll_oneoff(
        &mut self,
        memory: &mut GuestMemory<'_>,
        subscriptions: GuestPtr<Subscription>,
        events: GuestPtr<Event>,
        count: Size,
    ) -> Result<Size> {
        if self.files.is_none() && self.clock.is_none() {
            let wasi = &mut self.wasi;
            return wasi.poll_oneoff(memory, subscriptions, events, count).await;
        }
        let subscriptions = read_subscriptions(memory, subscriptions, count)?;
        write_events(memory, events, self.poll(subscriptions).await?)
    }

    fn proc_exit(&mut self, memory: &mut GuestMemory<'_>, code: Exitcode) -> wasmtime::Error {
        self.wasi.proc_exit(memory, code)
    }

    fn set_hostcall_fuel(&mut self, fuel: usize) {
        self.wasi.set_hostcall_fuel(fuel);
    }
}
