//! Files that nobody else can write, and where a user's caches are.

use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io;
use std::path::{Path, PathBuf};

/// Options that make a file which only this user can read and write.
pub(crate) fn new_file() -> OpenOptions {
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options
}

/// Opens a file that is there to be locked, and makes it if it is not there.
pub(crate) fn lock_file(path: &Path) -> io::Result<File> {
    new_file().create_new(false).create(true).open(path)
}

/// Whether no other user could have written the file.
#[cfg(unix)]
pub(crate) fn is_private(metadata: &fs::Metadata) -> bool {
    use std::os::unix::fs::MetadataExt;
    let me = rustix::process::geteuid().as_raw();
    metadata.uid() == me && metadata.mode() & 0o022 == 0
}

/// Always true: the folder is in the user's profile, which Windows protects from other users.
#[cfg(not(unix))]
pub(crate) fn is_private(_: &fs::Metadata) -> bool {
    true
}

/// Makes a folder that only this user can use, and the folders above it.
pub(crate) fn make_folder(folder: &Path) -> io::Result<()> {
    let mut builder = DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(folder)
}

/// The user's cache folder by the platform's convention.
#[cfg(target_os = "macos")]
pub(crate) fn user_cache_folder() -> Option<PathBuf> {
    Some(absolute("HOME")?.join("Library/Caches"))
}

/// The user's cache folder by the platform's convention.
#[cfg(windows)]
pub(crate) fn user_cache_folder() -> Option<PathBuf> {
    absolute("LOCALAPPDATA")
}

/// The user's cache folder by the platform's convention.
#[cfg(not(any(target_os = "macos", windows)))]
pub(crate) fn user_cache_folder() -> Option<PathBuf> {
    // XDG Base Directory Specification: a relative path is to be ignored.
    absolute("XDG_CACHE_HOME").or_else(|| Some(absolute("HOME")?.join(".cache")))
}

fn absolute(variable: &str) -> Option<PathBuf> {
    let path = PathBuf::from(std::env::var_os(variable)?);
    path.is_absolute().then_some(path)
}
