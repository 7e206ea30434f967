//! BLAKE3 digests, made by several threads where the content is large.

use blake3::Hasher;
use blake3::hazmat::{
    ChainingValue, HasherExt, Mode, merge_subtrees_non_root, merge_subtrees_root,
};
use std::fs::File;
use std::io;
use std::num::NonZeroUsize;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread::{Builder, available_parallelism, scope};

use crate::platform::read_exact_at;

/// Bytes of a part, a subtree of BLAKE3's tree: a power of two.
const PART: usize = 1 << 20;
/// With more, memory is the limit.
const MOST_THREADS: usize = 4;

/// The digest of these bytes.
pub(crate) fn digest(bytes: &[u8]) -> blake3::Hash {
    let parts: Vec<_> = bytes.chunks(PART).collect();
    if parts.len() < 2 {
        return blake3::hash(bytes);
    }
    root(&of_each(parts.len(), || {
        |number| subtree(parts[number], number)
    }))
}

/// The digest of the first `length` bytes of a file.
///
/// # Errors
///
/// As for reads, also when the file is shorter.
pub(crate) fn digest_of_file(file: &File, length: u64) -> io::Result<blake3::Hash> {
    let part = PART as u64;
    let read = |buffer: &mut Vec<u8>, number: usize| {
        let offset = number as u64 * part;
        // At most a part.
        buffer.resize((length - offset).min(part) as usize, 0);
        read_exact_at(file, buffer, offset)
    };
    let count = length.div_ceil(part) as usize;
    if count < 2 {
        let mut all = Vec::new();
        read(&mut all, 0)?;
        return Ok(blake3::hash(&all));
    }
    let values = of_each(count, || {
        let mut buffer = Vec::new();
        move |number| {
            read(&mut buffer, number)?;
            Ok(subtree(&buffer, number))
        }
    });
    let values: io::Result<Vec<_>> = values.into_iter().collect();
    Ok(root(&values?))
}

/// Calls a function with each number below `count`, on as many threads as that is worth and can be had; `make` makes one
/// function per thread.
fn of_each<T: Send + Sync, F: FnMut(usize) -> T>(
    count: usize,
    make: impl Fn() -> F + Sync,
) -> Vec<T> {
    let next = AtomicUsize::new(0);
    let results: Vec<_> = (0..count).map(|_| OnceLock::new()).collect();
    let work = || {
        let mut function = make();
        loop {
            let number = next.fetch_add(1, Ordering::Relaxed);
            let Some(result) = results.get(number) else {
                return;
            };
            let _ = result.set(function(number));
        }
    };
    let cores = available_parallelism().map_or(1, NonZeroUsize::get);
    let helpers = cores.min(MOST_THREADS).min(count) - 1;
    scope(|threads| {
        for _ in 0..helpers {
            let builder = Builder::new().name("wasiexec-digest".into());
            // Where there can be no more threads, there are fewer.
            if builder.spawn_scoped(threads, work).is_err() {
                break;
            }
        }
        work();
    });
    results
        .into_iter()
        .filter_map(OnceLock::into_inner)
        .collect()
}

fn subtree(part: &[u8], number: usize) -> ChainingValue {
    Hasher::new()
        .set_input_offset((number * PART) as u64)
        .update(part)
        .finalize_non_root()
}

/// The digest whose tree has these subtrees, at least two.
fn root(subtrees: &[ChainingValue]) -> blake3::Hash {
    let (left, right) = halves(subtrees);
    merge_subtrees_root(&merged(left), &merged(right), Mode::Hash)
}

fn merged(subtrees: &[ChainingValue]) -> ChainingValue {
    if let [one] = subtrees {
        return *one;
    }
    let (left, right) = halves(subtrees);
    merge_subtrees_non_root(&merged(left), &merged(right), Mode::Hash)
}

/// The left half of a tree is as large as the largest power of two that leaves something for the right.
fn halves(subtrees: &[ChainingValue]) -> (&[ChainingValue], &[ChainingValue]) {
    subtrees.split_at(subtrees.len().next_power_of_two() / 2)
}

#[cfg(test)]
mod tests {
    use super::{PART, digest, digest_of_file};
    use std::io::Write;

    #[test]
    fn digests_are_those_of_one_thread() {
        let mut random = blake3::Hasher::new().update(b"digests").finalize_xof();
        let mut bytes = vec![0; 9 * PART + 1];
        random.fill(&mut bytes);
        let path = std::env::temp_dir().join(format!("wasiexec-digest-{}", std::process::id()));
        let mut file = std::fs::File::options()
            .read(true)
            .write(true)
            .create_new(true)
            .open(&path)
            .expect("a file");
        file.write_all(&bytes).expect("written");
        for parts in 0..=9 {
            for length in [
                parts * PART,
                parts * PART + 1,
                (parts * PART).saturating_sub(1),
            ] {
                let expected = blake3::hash(&bytes[..length]);
                assert_eq!(digest(&bytes[..length]), expected, "{length} bytes");
                let read = digest_of_file(&file, length as u64).expect("read");
                assert_eq!(read, expected, "{length} bytes of a file");
            }
        }
        assert!(digest_of_file(&file, bytes.len() as u64 + 1).is_err());
        drop(file);
        std::fs::remove_file(path).expect("removed");
    }
}
