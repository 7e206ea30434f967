//! What WASI 0.1 says of files and descriptors.

use super::descriptors::Descriptor;
use crate::files::{Kind, NewTime, NewTimes, Stat};
use wasmtime_wasi::p1::types::{
    Errno, Fdflags, Fdstat, Filestat, Filetype, Fstflags, Rights, Timestamp,
};

/// The device of the files in memory. wasmtime-wasi's files have 1.
const DEVICE: u64 = 2;

impl From<Kind> for Filetype {
    fn from(kind: Kind) -> Self {
        match kind {
            Kind::Directory => Self::Directory,
            Kind::File => Self::RegularFile,
            Kind::Symlink => Self::SymbolicLink,
        }
    }
}

pub(super) fn file_status(stat: Stat) -> Filestat {
    Filestat {
        dev: DEVICE,
        ino: stat.node.inode(),
        filetype: stat.kind.into(),
        nlink: stat.links,
        size: stat.size,
        atim: stat.accessed,
        mtim: stat.modified,
        ctim: stat.changed,
    }
}

/// Guests look at the rights of directories before they open anything there.
pub(super) fn fd_status(descriptor: &Descriptor) -> Result<Fdstat, Errno> {
    let directory = Rights::PATH_CREATE_DIRECTORY
        | Rights::PATH_CREATE_FILE
        | Rights::PATH_LINK_SOURCE
        | Rights::PATH_LINK_TARGET
        | Rights::PATH_OPEN
        | Rights::FD_READDIR
        | Rights::PATH_READLINK
        | Rights::PATH_RENAME_SOURCE
        | Rights::PATH_RENAME_TARGET
        | Rights::PATH_SYMLINK
        | Rights::PATH_REMOVE_DIRECTORY
        | Rights::PATH_UNLINK_FILE
        | Rights::PATH_FILESTAT_GET
        | Rights::PATH_FILESTAT_SET_TIMES
        | Rights::FD_FILESTAT_GET
        | Rights::FD_FILESTAT_SET_TIMES;
    let file = Rights::FD_DATASYNC
        | Rights::FD_READ
        | Rights::FD_SEEK
        | Rights::FD_FDSTAT_SET_FLAGS
        | Rights::FD_SYNC
        | Rights::FD_TELL
        | Rights::FD_WRITE
        | Rights::FD_ADVISE
        | Rights::FD_ALLOCATE
        | Rights::FD_FILESTAT_GET
        | Rights::FD_FILESTAT_SET_SIZE
        | Rights::FD_FILESTAT_SET_TIMES
        | Rights::POLL_FD_READWRITE;
    match descriptor {
        Descriptor::Host(_) => Err(Errno::Badf),
        Descriptor::Directory(_) => Ok(Fdstat {
            fs_filetype: Filetype::Directory,
            fs_flags: Fdflags::empty(),
            fs_rights_base: directory,
            fs_rights_inheriting: directory | file,
        }),
        Descriptor::File(open) => {
            let mut rights = file;
            rights.set(Rights::FD_READ, open.read);
            for right in [
                Rights::FD_WRITE,
                Rights::FD_ALLOCATE,
                Rights::FD_FILESTAT_SET_SIZE,
            ] {
                rights.set(right, open.write);
            }
            Ok(Fdstat {
                fs_filetype: Filetype::RegularFile,
                fs_flags: open.flags,
                fs_rights_base: rights,
                fs_rights_inheriting: rights,
            })
        }
    }
}

pub(super) fn new_times(
    accessed: Timestamp,
    modified: Timestamp,
    flags: Fstflags,
) -> Result<NewTimes, Errno> {
    let new = |at, set, now| match (flags.contains(set), flags.contains(now)) {
        (true, true) => Err(Errno::Inval),
        (true, false) => Ok(NewTime::At(at)),
        (false, true) => Ok(NewTime::Now),
        (false, false) => Ok(NewTime::Keep),
    };
    Ok(NewTimes {
        accessed: new(accessed, Fstflags::ATIM, Fstflags::ATIM_NOW)?,
        modified: new(modified, Fstflags::MTIM, Fstflags::MTIM_NOW)?,
    })
}
