use crate::host::{Text, block_on, load_in, options, real_source, run_in, source};
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Barrier;
use std::time::SystemTime;
use tempfile::tempdir;
use wasiexec::{Cache, LoadOptions, RunOptions, Runtime, RuntimeOptions};

fn runtime(folder: &Path) -> Runtime {
    let options = RuntimeOptions {
        cache: Cache::at(folder.into()),
        ..options()
    };
    Runtime::new(options).expect("a runtime")
}

/// Loads and runs hello in a new runtime with this folder.
fn assert_works(folder: &Path) {
    let outcome = run_in(&runtime(folder), "hello", RunOptions::default());
    assert_eq!(
        (outcome.exit_code(), outcome.stdout()),
        (Some(0), "hello\n")
    );
}

fn files(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).expect("a folder");
    let mut paths: Vec<_> = entries
        .map(|entry| entry.expect("an entry").path())
        .collect();
    paths.sort();
    paths
}

fn only_file(folder: &Path) -> PathBuf {
    match &files(folder)[..] {
        [file] => file.clone(),
        files => panic!("one file: {files:?}"),
    }
}

/// The metadata that changes when a file is written again, by rename or in place.
#[derive(Debug, PartialEq)]
struct State {
    modified: SystemTime,
    inode: u64,
    content: blake3::Hash,
}

fn state(path: &Path) -> State {
    let metadata = fs::metadata(path).expect("metadata");
    #[cfg(unix)]
    let inode = std::os::unix::fs::MetadataExt::ino(&metadata);
    #[cfg(not(unix))]
    let inode = 0;
    State {
        modified: metadata.modified().expect("a time"),
        inode,
        content: blake3::hash(&fs::read(path).expect("content")),
    }
}

/// Damages the entry with `damage`, loads, and expects the entry to be repaired.
fn assert_restored(what: &str, damage: impl FnOnce(&Path, Vec<u8>)) {
    let folder = tempdir().expect("a folder");
    assert_works(folder.path());
    let entry = only_file(folder.path());
    let whole = fs::read(&entry).expect("content");
    // A new file, because code that is mapped must never be written to.
    fs::remove_file(&entry).expect("removed");
    damage(&entry, whole.clone());
    assert_works(folder.path());
    assert_eq!(only_file(folder.path()), entry, "{what}");
    let restored = fs::read(&entry).expect("content");
    assert!(
        restored == whole,
        "{what}: {} of {} bytes",
        restored.len(),
        whole.len()
    );
    assert_private(&entry, 0o600);
    let before = state(&entry);
    assert_works(folder.path());
    assert_eq!(state(&entry), before, "{what}: served from disk again");
}

fn assert_private(path: &Path, mode: u32) {
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        let permissions = fs::metadata(path).expect("metadata").permissions();
        assert_eq!(permissions.mode() & 0o7777, mode, "{}", path.display());
    }
}

#[test]
fn the_second_load_is_served_from_disk() {
    let folder = tempdir().expect("a folder");
    let folder = folder.path().join("made/by/wasiexec");
    assert_works(&folder);
    let entry = only_file(&folder);
    let before = state(&entry);
    assert_works(&folder);
    assert_eq!(only_file(&folder), entry);
    // A compilation would have replaced the entry, as the tests of damaged entries show.
    assert_eq!(state(&entry), before);
}

#[test]
fn real_programs_and_components_run_from_disk() {
    let folder = tempdir().expect("a folder");
    for name in ["rust", "rust-p2"] {
        let run = || {
            let runtime = runtime(folder.path());
            let program = runtime.load(real_source(name), LoadOptions::named(name));
            let program = program.expect("a program");
            let outcome = block_on(runtime.run(&program, RunOptions::default()));
            let outcome = outcome.expect("an outcome");
            assert_eq!(outcome.exit_code(), Some(0), "{name}");
            outcome.stdout().to_owned()
        };
        let first = run();
        let before: Vec<_> = files(folder.path())
            .iter()
            .map(|file| state(file))
            .collect();
        assert_eq!(run(), first);
        let after: Vec<_> = files(folder.path())
            .iter()
            .map(|file| state(file))
            .collect();
        assert_eq!(after, before, "{name}");
    }
    assert_eq!(files(folder.path()).len(), 2);
}

#[test]
fn only_the_user_can_read_the_folder_and_its_files() {
    let folder = tempdir().expect("a folder");
    let folder = folder.path().join("cache");
    assert_works(&folder);
    assert_private(&folder, 0o700);
    assert_private(&only_file(&folder), 0o600);
}

#[test]
fn each_program_and_each_way_of_compiling_has_its_entry() {
    let folder = tempdir().expect("a folder");
    let runtime = runtime(folder.path());
    load_in(&runtime, "hello");
    assert_eq!(files(folder.path()).len(), 1);
    load_in(&runtime, "return");
    assert_eq!(files(folder.path()).len(), 2);
    let load = |options| drop(runtime.load(source("hello"), options).expect("a program"));
    let fuel = LoadOptions {
        fuel: true,
        ..LoadOptions::named("hello")
    };
    load(fuel);
    assert_eq!(files(folder.path()).len(), 3);
    // The name of the program does not affect the code.
    load(LoadOptions::named("other"));
    assert_eq!(files(folder.path()).len(), 3);
    let uninterruptible = LoadOptions {
        interruptible: false,
        ..LoadOptions::named("hello")
    };
    load(uninterruptible.clone());
    assert_eq!(files(folder.path()).len(), 4);
    // With fuel, the code is the same whether it was asked to be interruptible or not.
    load(LoadOptions {
        fuel: true,
        ..uninterruptible
    });
    assert_eq!(files(folder.path()).len(), 4);
}

#[test]
fn the_cache_of_a_load_goes_before_that_of_the_runtime() {
    let folder = tempdir().expect("a folder");
    let (ours, other) = (folder.path().join("ours"), folder.path().join("other"));
    let runtime = runtime(&ours);
    let load = |cache| {
        let options = LoadOptions {
            cache: Some(cache),
            ..LoadOptions::named("hello")
        };
        runtime.load(source("hello"), options)
    };
    drop(load(Cache::none()).expect("a program"));
    assert!(!ours.exists() && !other.exists());
    drop(load(Cache::at(other.clone())).expect("a program"));
    assert!(!ours.exists());
    only_file(&other);
}

#[test]
fn a_damaged_entry_is_compiled_again_and_replaced() {
    let write = |path: &Path, content: &[u8]| fs::write(path, content).expect("written");
    assert_restored("empty", |path, _| write(path, b""));
    assert_restored("one byte", |path, whole| write(path, &whole[..1]));
    assert_restored("truncated", |path, whole| {
        write(path, &whole[..whole.len() / 2])
    });
    assert_restored("without its last byte", |path, whole| {
        write(path, &whole[..whole.len() - 1]);
    });
    assert_restored("nothing but the digest", |path, whole| {
        write(path, &whole[whole.len() - 32..]);
    });
    assert_restored("longer", |path, whole| {
        write(path, &[&whole[..], b"x"].concat())
    });
    assert_restored("other bytes", |path, _| write(path, &[7; 10_000]));
}

#[test]
fn a_flipped_bit_anywhere_is_noticed() {
    for part in 0..8 {
        assert_restored("flipped", |path, mut whole| {
            let at = (whole.len() - 1) * part / 7;
            whole[at] ^= 1 << part;
            fs::write(path, whole).expect("written");
        });
    }
}

#[test]
#[cfg(unix)]
fn an_entry_that_others_could_have_written_is_replaced() {
    use std::os::unix::fs::PermissionsExt;
    for mode in [0o620, 0o602, 0o666] {
        assert_restored("writable by others", |path, whole| {
            fs::write(path, whole).expect("written");
            fs::set_permissions(path, fs::Permissions::from_mode(mode)).expect("a mode");
        });
    }
}

#[test]
fn a_folder_in_place_of_the_entry_costs_only_the_cache() {
    let folder = tempdir().expect("a folder");
    assert_works(folder.path());
    let entry = only_file(folder.path());
    fs::remove_file(&entry).expect("removed");
    fs::create_dir(&entry).expect("a folder");
    fs::write(entry.join("something"), "inside").expect("a file");
    assert_works(folder.path());
    assert_eq!(
        only_file(folder.path()),
        entry,
        "no half-written file stays"
    );
    assert!(entry.is_dir());
}

#[test]
fn a_folder_that_cannot_be_made_costs_only_the_cache() {
    let folder = tempdir().expect("a folder");
    let file = folder.path().join("file");
    fs::write(&file, "no folder").expect("a file");
    for path in [file.clone(), file.join("below")] {
        assert_works(&path);
    }
    assert_eq!(fs::read_to_string(&file).expect("a file"), "no folder");
}

#[test]
fn an_entry_that_is_filled_twice_at_once_is_whole() {
    let alone = tempdir().expect("a folder");
    assert_works(alone.path());
    let expected = fs::read(only_file(alone.path())).expect("content");
    for _ in 0..10 {
        let folder = tempdir().expect("a folder");
        let together = Barrier::new(4);
        std::thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| {
                    let runtime = runtime(folder.path());
                    together.wait();
                    let outcome = run_in(&runtime, "hello", RunOptions::default());
                    assert_eq!(outcome.stdout(), "hello\n");
                });
            }
        });
        let content = fs::read(only_file(folder.path())).expect("content");
        assert!(
            content == expected,
            "{} of {} bytes",
            content.len(),
            expected.len()
        );
    }
}

#[test]
fn a_program_that_is_not_valid_leaves_nothing_on_disk() {
    let folder = tempdir().expect("a folder");
    let runtime = runtime(folder.path());
    let invalid = b"(module (func (result i32)))";
    assert!(
        runtime
            .load(invalid, LoadOptions::named("invalid"))
            .is_err()
    );
    assert!(files(folder.path()).is_empty());
}
