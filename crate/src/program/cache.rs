//! Compiled code on disk.
//!
//! An entry is the serialized code followed by the BLAKE3 digest of its name and of the code's digest, in a file named
//! by a digest of the program, the engine's settings and wasmtime's version. Entries appear by rename, so a reader sees
//! a whole entry or none; a fault of an entry, or of the folder, only costs speed.

use super::artifact::Artifact;
use crate::digest::{digest, digest_of_file};
use crate::platform;
use std::fs::{self, DirEntry, File};
use std::hash::{Hash, Hasher};
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;
use wasmtime::Engine;

/// The length of the digest that follows the code in an entry.
pub(super) const DIGEST: usize = blake3::OUT_LEN;
/// Nobody writes an entry for so long.
const LEFTOVER_AGE: Duration = Duration::from_secs(3600);
/// Held by the process that compiles in the background.
const LOCK: &str = "tiering.lock";

/// Where compiled code is kept, if anywhere.
#[derive(Clone, Debug, Default)]
pub struct Cache {
    folder: Option<PathBuf>,
}

impl Cache {
    /// No cache.
    pub fn none() -> Self {
        Self::default()
    }

    /// This folder, made at the first store.
    pub fn at(folder: PathBuf) -> Self {
        Self {
            folder: Some(folder),
        }
    }

    /// The user's cache folder by the platform's convention; no cache if the user has no home.
    pub fn for_user() -> Self {
        Self {
            folder: platform::user_cache_folder().map(|folder| folder.join("wasiexec")),
        }
    }

    /// The folder, if there is one.
    pub fn folder(&self) -> Option<&Path> {
        self.folder.as_deref()
    }

    /// Waits until no other process holds the folder's lock, and holds it until the file is dropped; nothing where there
    /// is no folder, or none that can be locked.
    pub(crate) fn lock(&self) -> Option<File> {
        let folder = self.folder.as_ref()?;
        platform::make_folder(folder).ok()?;
        let file = platform::lock_file(&folder.join(LOCK)).ok()?;
        file.lock().ok()?;
        remove_leftovers(folder);
        Some(file)
    }

    /// The place of code of `program`; `form` says what was compiled, if that was not the program itself.
    pub(crate) fn entry(
        &self,
        program: &blake3::Hash,
        engine: &Engine,
        form: &[u8],
    ) -> Option<CacheEntry> {
        let folder = self.folder.as_ref()?;
        let mut key = KeyHasher(blake3::Hasher::new());
        key.0.update(env!("CARGO_PKG_VERSION").as_bytes());
        engine.precompile_compatibility_hash().hash(&mut key);
        key.0.update(program.as_bytes());
        key.0.update(form);
        let name = format!("{}.cwasm", key.0.finalize().to_hex());
        Some(CacheEntry {
            path: folder.join(name),
        })
    }

    /// The place of a snapshot of `program`; `how` says all that it depends on.
    pub(crate) fn snapshot(&self, program: &blake3::Hash, how: &str) -> Option<CacheEntry> {
        let folder = self.folder.as_ref()?;
        let mut key = blake3::Hasher::new();
        key.update(env!("CARGO_PKG_VERSION").as_bytes());
        key.update(program.as_bytes());
        key.update(how.as_bytes());
        Some(CacheEntry {
            path: folder.join(format!("{}.snapshot", key.finalize().to_hex())),
        })
    }
}

/// The place of one program's code, or of a snapshot.
#[derive(Clone)]
pub(crate) struct CacheEntry {
    path: PathBuf,
}

impl CacheEntry {
    /// The entry, if there is one and it is what was written.
    pub(crate) fn intact(&self) -> Option<Intact<'_>> {
        self.is_intact().ok()?.then_some(Intact(&self.path))
    }

    /// What was stored, if it is there and is what was written.
    pub(crate) fn read(&self) -> Option<Vec<u8>> {
        let (mut file, length) = self.open().ok()??;
        let mut content = Vec::new();
        content
            .try_reserve_exact(length as usize + DIGEST + 1)
            .ok()?;
        platform::use_huge_pages(&mut content);
        file.read_to_end(&mut content).ok()?;
        let expected = *content.last_chunk::<DIGEST>()?;
        content.truncate(length as usize);
        (self.seal(&digest(&content)) == expected).then_some(content)
    }

    /// Best effort: a folder that cannot be written costs the next process a compilation.
    pub(crate) fn store(&self, code: &[u8]) {
        let _ = self.try_store(code);
    }

    fn try_store(&self, code: &[u8]) -> io::Result<()> {
        static SERIAL: AtomicU64 = AtomicU64::new(0);
        let folder = self.path.parent().unwrap_or(Path::new("."));
        platform::make_folder(folder)?;
        let serial = SERIAL.fetch_add(1, Ordering::Relaxed);
        let process = std::process::id();
        let temporary = self.path.with_extension(format!("{process}-{serial}.tmp"));
        let digest = self.seal(&digest(code));
        let written =
            write_new(&temporary, code, &digest).and_then(|()| fs::rename(&temporary, &self.path));
        if written.is_err() {
            let _ = fs::remove_file(&temporary);
        }
        written
    }

    /// Whether the file is ours and its digest is right.
    fn is_intact(&self) -> io::Result<bool> {
        let Some((file, length)) = self.open()? else {
            return Ok(false);
        };
        let mut expected = [0; DIGEST];
        platform::read_exact_at(&file, &mut expected, length)?;
        Ok(self.seal(&digest_of_file(&file, length)?) == expected)
    }

    /// The file with the length of its content; `None` if it cannot be ours.
    fn open(&self) -> io::Result<Option<(File, u64)>> {
        let file = File::open(&self.path)?;
        let metadata = file.metadata()?;
        let length = metadata.len().checked_sub(DIGEST as u64);
        let length = length.filter(|length| *length > 0);
        let is_ours = metadata.is_file() && platform::is_private(&metadata);
        Ok(length.filter(|_| is_ours).map(|length| (file, length)))
    }

    /// Has the entry's name in it: another program's entry is not this one's.
    fn seal(&self, content: &blake3::Hash) -> blake3::Hash {
        let name = self.path.file_name().unwrap_or_default();
        let mut hasher = blake3::Hasher::new();
        hasher.update(content.as_bytes());
        hasher.update(name.as_encoded_bytes());
        hasher.finalize()
    }
}

/// An entry whose digest is right.
pub(crate) struct Intact<'a>(&'a Path);

impl Intact<'_> {
    /// # Errors
    ///
    /// What `engine` has against the code: a slot that is too small for it, for example.
    pub(crate) fn load<A: Artifact>(&self, engine: &Engine) -> wasmtime::Result<A> {
        // SAFETY: the file's digest is right, so it is what a wasiexec of this user wrote from
        // `compile`; entries are replaced by rename and never written in place.
        unsafe { A::deserialize_file(engine, self.0) }
    }
}

/// Removes what processes left that ended while they wrote.
fn remove_leftovers(folder: &Path) {
    let is_old = |file: &DirEntry| {
        let age = file.metadata()?.modified()?.elapsed();
        Ok::<_, io::Error>(age.is_ok_and(|age| age > LEFTOVER_AGE))
    };
    for file in fs::read_dir(folder).into_iter().flatten().flatten() {
        let path = file.path();
        if path.extension() == Some("tmp".as_ref()) && is_old(&file).unwrap_or(false) {
            let _ = fs::remove_file(path);
        }
    }
}

fn write_new(path: &Path, code: &[u8], digest: &blake3::Hash) -> io::Result<()> {
    let mut file = platform::new_file().open(path)?;
    file.write_all(code)?;
    file.write_all(digest.as_bytes())
}

/// Lets `std::hash` values flow into BLAKE3, so that equal settings give equal names in every process.
struct KeyHasher(blake3::Hasher);

impl Hasher for KeyHasher {
    fn write(&mut self, bytes: &[u8]) {
        self.0.update(bytes);
    }

    fn finish(&self) -> u64 {
        let mut first = [0; 8];
        first.copy_from_slice(&self.0.finalize().as_bytes()[..8]);
        u64::from_le_bytes(first)
    }
}
