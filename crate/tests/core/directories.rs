//! How guests of each preview read directories, while the guests or others change them.

use crate::host::{PATIENCE, Text, block_on, runtime};
use std::collections::BTreeSet;
use std::fs::{self, File};
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use tempfile::TempDir;
use wasiexec::{Ending, Limits, LoadOptions, Outcome, Preopen, RunOptions};

/// How a guest reads a directory: with which preview, and how many bytes or entries at a time.
#[derive(Clone, Copy, Debug)]
enum Way {
    /// With the module of this name and a buffer of this many bytes.
    Core(&'static str, usize),
    P2,
    /// This many entries at a time.
    P3(usize),
}

const P1: &str = "wasi_snapshot_preview1";
const P0: &str = "wasi_unstable";
const ILSEQ: u32 = 25;
const NOMEM: u32 = 48;
const NOTDIR: u32 = 54;
const BADF: u32 = 8;

impl Way {
    /// From a buffer in which no entry fits to one in which all fit.
    fn all() -> Vec<Self> {
        let sizes = [1, 23, 24, 25, 30, 64, 100, 1000, 4096, 65_536];
        let core = [P0, P1].into_iter();
        core.flat_map(|module| sizes.map(|size| Self::Core(module, size)))
            .chain([Self::P2, Self::P3(1), Self::P3(7), Self::P3(600)])
            .collect()
    }

    /// One of each preview.
    fn each() -> [Self; 4] {
        [
            Self::Core(P0, 400),
            Self::Core(P1, 400),
            Self::P2,
            Self::P3(10),
        ]
    }

    /// Whether `.` and `..` are entries.
    fn has_dots(self) -> bool {
        matches!(self, Self::Core(..))
    }

    fn list(self, folder: &Path, delete: bool) -> Outcome {
        let list = match self {
            Self::Core(..) => "",
            Self::P2 => "(call $list)",
            Self::P3(_) => "(return_call $list)",
        };
        self.run(folder, delete, list)
    }

    /// Runs the guest with this body. Guests of WASI 0.1 have none.
    fn run(self, folder: &Path, delete: bool, body: &str) -> Outcome {
        let text = match self {
            Self::Core(module, size) => include_str!("directories/p1.wat")
                .replace("$MODULE", module)
                .replace("$SIZE", &size.to_string()),
            Self::P2 => include_str!("directories/p2.wat").to_owned(),
            Self::P3(size) => {
                include_str!("directories/p3.wat").replace("$SIZE", &size.to_string())
            }
        };
        let delete = if delete { "1" } else { "0" };
        run(
            &text.replace("$DELETE", delete).replace("$BODY", body),
            folder,
        )
    }
}

fn run(text: &str, folder: &Path) -> Outcome {
    let program = runtime()
        .load(text.as_bytes(), LoadOptions::named("directories"))
        .unwrap_or_else(|error| panic!("{error}: {text}"));
    let granted = Preopen {
        guest_path: "/".into(),
        host_path: folder.to_owned(),
        write: true,
    };
    let options = RunOptions {
        preopens: [granted].into_iter().collect(),
        limits: Limits {
            timeout: Some(PATIENCE),
            ..Limits::default()
        },
        ..RunOptions::default()
    };
    block_on(runtime().run(&program, options)).expect("an outcome")
}

/// The names that a guest printed. Each has to occur once.
fn names(way: Way, outcome: &Outcome) -> BTreeSet<String> {
    assert_eq!(outcome.ending, Ending::Exit { code: 0 }, "{way:?}");
    let mut all = BTreeSet::new();
    for name in outcome.stdout().lines() {
        assert!(all.insert(name.to_owned()), "{way:?}: {name} came twice");
    }
    if way.has_dots() {
        assert!(all.remove(".") && all.remove(".."), "{way:?}: {all:?}");
    }
    all
}

/// Files of this many different names, whose lengths differ.
fn filled(count: usize) -> (TempDir, BTreeSet<String>) {
    let folder = tempfile::tempdir().expect("a folder");
    let names: BTreeSet<_> = (0..count)
        .map(|number| format!("{number}-{}", "n".repeat(number % 240)))
        .collect();
    for name in &names {
        File::create(folder.path().join(name)).expect("a file");
    }
    (folder, names)
}

#[test]
fn every_entry_comes_once_whatever_fits_at_a_time() {
    let (folder, mut expected) = filled(300);
    fs::create_dir(folder.path().join("a directory")).expect("a directory");
    expected.insert("a directory".into());
    for way in Way::all() {
        let outcome = way.list(folder.path(), false);
        assert_eq!(names(way, &outcome), expected, "{way:?}");
    }
    let empty = tempfile::tempdir().expect("a folder");
    for way in Way::each() {
        let outcome = way.list(empty.path(), false);
        assert_eq!(names(way, &outcome), BTreeSet::new(), "{way:?}");
    }
}

#[test]
fn what_is_deleted_as_it_is_read_hides_nothing_else() {
    for way in Way::all() {
        let (folder, expected) = filled(300);
        let outcome = way.list(folder.path(), true);
        assert_eq!(names(way, &outcome), expected, "{way:?}");
        let left = fs::read_dir(folder.path()).expect("a folder").count();
        assert_eq!(left, 0, "{way:?}");
    }
}

#[test]
fn entries_that_nobody_touches_come_once_while_others_come_and_go() {
    let (folder, expected) = filled(300);
    let done = AtomicBool::new(false);
    let change = |thread: usize| {
        let mut number = 0;
        while !done.load(Ordering::Relaxed) {
            number += 1;
            let name = |number: usize| folder.path().join(format!("other-{thread}-{number}"));
            File::create(name(number)).expect("a file");
            if let Some(old) = number.checked_sub(50) {
                let _ = fs::remove_file(name(old));
            }
        }
    };
    let outcomes: Vec<_> = thread::scope(|scope| {
        for thread in 0..2 {
            scope.spawn(move || change(thread));
        }
        let ways = Way::each().into_iter().cycle().take(40);
        let outcomes = ways.map(|way| (way, way.list(folder.path(), false)));
        let outcomes = outcomes.collect();
        done.store(true, Ordering::Relaxed);
        outcomes
    });
    for (way, outcome) in outcomes {
        let mut names = names(way, &outcome);
        names.retain(|name| !name.starts_with("other-"));
        assert_eq!(names, expected, "{way:?}");
    }
}

#[test]
fn a_hundred_thousand_entries_take_linear_time_and_bounded_memory() {
    let folder = tempfile::tempdir().expect("a folder");
    // The listings of a run can hold a third of a million of these together.
    let pad = "n".repeat(150);
    for number in 0..100_000 {
        let path = folder.path().join(format!("{number}-{pad}"));
        File::create(path).expect("a file");
    }
    // If the directory were listed anew for each part, this would take hours.
    for way in [Way::Core(P1, 4096), Way::P2, Way::P3(100)] {
        let outcome = way.list(folder.path(), false);
        assert_eq!(names(way, &outcome).len(), 100_000, "{way:?}");
    }
    // Begins to read until it is refused, closes one stream, and can begin again.
    let body = |code: u32| {
        format!(
            "(loop $more
               (if (i32.eqz (call $listed))
                 (then
                   (local.set $last (i32.load (i32.const 1028)))
                   (local.set $count (i32.add (local.get $count) (i32.const 1)))
                   (br $more))))
             (if (i32.ne (call $failed) (i32.const {code})) (then (call $exit (i32.const 100))))
             (if (i32.lt_u (local.get $count) (i32.const 2)) (then (call $exit (i32.const 101))))
             (if (i32.gt_u (local.get $count) (i32.const 5)) (then (call $exit (i32.const 102))))
             (call $drop-stream (local.get $last))
             (if (call $listed) (then (call $exit (i32.const 103))))"
        )
    };
    let outcome = Way::P2.run(folder.path(), false, &body(23));
    assert_eq!(outcome.ending, Ending::Exit { code: 0 });
    // The same with descriptors of WASI 0.1, from 4 on.
    let calls = "
        (func $opened (result i32)
          (call $check (call $path_open (i32.const 3) (i32.const 0) (i32.const 0) (i32.const 1) (i32.const 0)
            (i64.const 0) (i64.const 0) (i32.const 0) (i32.const 64)))
          (i32.load (i32.const 64)))
        (func $listed (param $fd i32) (result i32)
          (call $fd_readdir (local.get $fd) (i32.const 1024) (i32.const 100) (i64.const 0) (i32.const 64)))";
    let body = format!(
        "(local $count i32) (local $fd i32) (local $errno i32)
         (loop $more
           (local.set $fd (call $opened))
           (local.set $errno (call $listed (local.get $fd)))
           (if (i32.eqz (local.get $errno))
             (then (local.set $count (i32.add (local.get $count) (i32.const 1))) (br $more))))
         (if (i32.ne (local.get $errno) (i32.const {NOMEM})) (then (call $proc_exit (i32.const 100))))
         (if (i32.lt_u (local.get $count) (i32.const 2)) (then (call $proc_exit (i32.const 101))))
         (if (i32.gt_u (local.get $count) (i32.const 5)) (then (call $proc_exit (i32.const 102))))
         (call $check (call $fd_close (i32.const 5)))
         (call $check (call $listed (local.get $fd)))"
    );
    let outcome = run(&module(P1, calls, &body), folder.path());
    assert_eq!(outcome.ending, Ending::Exit { code: 0 });
}

/// A module of WASI 0.1 or before with everything that a test of directories calls.
fn module(name: &str, functions: &str, start: &str) -> String {
    let imports: String = [
        ("fd_readdir", "(param i32 i32 i32 i64 i32) (result i32)"),
        ("fd_close", "(param i32) (result i32)"),
        ("fd_renumber", "(param i32 i32) (result i32)"),
        ("fd_write", "(param i32 i32 i32 i32) (result i32)"),
        (
            "path_open",
            "(param i32 i32 i32 i32 i32 i64 i64 i32 i32) (result i32)",
        ),
        ("path_unlink_file", "(param i32 i32 i32) (result i32)"),
        (
            "path_filestat_get",
            "(param i32 i32 i32 i32 i32) (result i32)",
        ),
        ("proc_exit", "(param i32)"),
    ]
    .iter()
    .map(|(function, ty)| format!("(import \"{name}\" \"{function}\" (func ${function} {ty}))"))
    .collect();
    format!(
        "(module {imports}
           (memory (export \"memory\") 16)
           (data (i32.const 0) \".\")
           (func $check (param $errno i32)
             (if (local.get $errno) (then (call $proc_exit (local.get $errno)))))
           {functions}
           (func (export \"_start\") {start}))"
    )
}

/// What `fd_readdir` wrote for a guest, one entry per call.
#[derive(Debug, PartialEq)]
struct Dirent {
    next: u64,
    inode: u64,
    kind: u8,
    name: String,
}

/// Runs steps and returns what each call of `list` wrote. A step is a call of `list` with a descriptor, a length
/// and a cookie, or anything else.
fn lists(module_name: &str, folder: &Path, steps: &str) -> Vec<Vec<Dirent>> {
    let functions = "
        (func $list (param $fd i32) (param $length i32) (param $cookie i64)
          (call $check (call $fd_readdir
            (local.get $fd) (i32.const 1028) (local.get $length) (local.get $cookie) (i32.const 1024)))
          (i32.store (i32.const 8) (i32.const 1024))
          (i32.store (i32.const 12) (i32.add (i32.load (i32.const 1024)) (i32.const 4)))
          (call $check (call $fd_write (i32.const 1) (i32.const 8) (i32.const 1) (i32.const 16))))
        (func $unlink (param $length i32)
          (call $check (call $path_unlink_file (i32.const 3) (i32.const 512) (local.get $length))))
        (func $open
          (call $check (call $path_open (i32.const 3) (i32.const 0) (i32.const 0) (i32.const 1) (i32.const 0)
            (i64.const 0) (i64.const 0) (i32.const 0) (i32.const 64))))
        (data (i32.const 512) \"file-0\")";
    let outcome = run(&module(module_name, functions, steps), folder);
    assert_eq!(outcome.ending, Ending::Exit { code: 0 }, "{steps}");
    let mut written = &outcome.stdout[..];
    let mut lists = Vec::new();
    while let Some((length, rest)) = written.split_first_chunk() {
        let (mut part, rest) = rest.split_at(u32::from_le_bytes(*length) as usize);
        written = rest;
        let mut list = Vec::new();
        while let Some((head, rest)) = part.split_first_chunk::<24>() {
            let number =
                |at: usize| u64::from_le_bytes(head[at..at + 8].try_into().expect("eight"));
            let length = number(16) as u32 as usize;
            let Some((name, rest)) = rest.split_at_checked(length) else {
                break;
            };
            part = rest;
            list.push(Dirent {
                next: number(0),
                inode: number(8),
                kind: head[20],
                name: String::from_utf8(name.to_vec()).expect("a name"),
            });
        }
        lists.push(list);
    }
    lists
}

fn ten_files() -> TempDir {
    let folder = tempfile::tempdir().expect("a folder");
    for number in 0..10 {
        File::create(folder.path().join(format!("file-{number}"))).expect("a file");
    }
    folder
}

const ALL: i32 = 60_000;

#[test]
fn a_guest_reads_on_at_any_cookie_and_anew_at_the_first() {
    for name in [P0, P1] {
        let folder = ten_files();
        let cookies: String = (0..=13)
            .rev()
            .map(|cookie| {
                format!("(call $list (i32.const 3) (i32.const {ALL}) (i64.const {cookie}))")
            })
            .collect();
        // From each cookie, including cookies in the middle before anything was read.
        let lists = lists(name, folder.path(), &cookies);
        let whole = &lists[13];
        assert_eq!(whole.len(), 12);
        for (index, entry) in whole.iter().enumerate() {
            assert_eq!(entry.next, index as u64 + 1);
        }
        for (cookie, list) in (0..=13).rev().zip(&lists) {
            assert_eq!(list[..], whole[cookie.min(12)..], "{name} {cookie}");
        }
        // A deleted entry stays in a listing that began before, and is not in one that begins afterwards.
        let steps = format!(
            "(call $list (i32.const 3) (i32.const {ALL}) (i64.const 0))
             (call $unlink (i32.const 6))
             (call $list (i32.const 3) (i32.const {ALL}) (i64.const 1))
             (call $list (i32.const 3) (i32.const {ALL}) (i64.const 0))
             (call $list (i32.const 3) (i32.const {ALL}) (i64.const 1))
             (call $list (i32.const 3) (i32.const {ALL}) (i64.const -1))"
        );
        let counts: Vec<_> = lists_lengths(name, folder.path(), &steps);
        assert_eq!(counts, [12, 11, 11, 10, 0], "{name}");
    }
}

fn lists_lengths(name: &str, folder: &Path, steps: &str) -> Vec<usize> {
    lists(name, folder, steps).iter().map(Vec::len).collect()
}

#[test]
fn each_descriptor_has_a_listing_of_its_own() {
    for name in [P0, P1] {
        let list = |fd: i32, cookie: i32| {
            format!("(call $list (i32.const {fd}) (i32.const {ALL}) (i64.const {cookie}))")
        };
        let unlink = "(call $unlink (i32.const 6))";
        let close = |fd: i32| format!("(call $check (call $fd_close (i32.const {fd})))");
        // 4 keeps the listing that it began with; 5 begins afterwards.
        let steps = [
            "(call $open)(call $open)",
            &list(4, 0),
            unlink,
            &list(5, 0),
            &list(4, 1),
            &list(5, 1),
        ];
        let folder = ten_files();
        let counts = lists_lengths(name, folder.path(), &steps.concat());
        assert_eq!(counts, [12, 11, 11, 10], "{name}");
        // A descriptor number that is reused begins anew at any cookie.
        let steps = [
            "(call $open)",
            &list(4, 0),
            unlink,
            &close(4),
            "(call $open)",
            &list(4, 1),
        ];
        let folder = ten_files();
        let counts = lists_lengths(name, folder.path(), &steps.concat());
        assert_eq!(counts, [12, 10], "{name}");
        // A listing moves with its descriptor, and replaces the listing that was there.
        let renumber = "(call $check (call $fd_renumber (i32.const 4) (i32.const 5)))";
        let steps = [
            "(call $open)(call $open)",
            &list(4, 0),
            unlink,
            &list(5, 0),
            renumber,
            &list(5, 1),
        ];
        let folder = ten_files();
        let counts = lists_lengths(name, folder.path(), &steps.concat());
        assert_eq!(counts, [12, 11, 11], "{name}");
        // A descriptor without a listing replaces one that has a listing.
        let steps = [
            "(call $open)(call $open)",
            &list(5, 0),
            unlink,
            renumber,
            &list(5, 1),
        ];
        let folder = ten_files();
        let counts = lists_lengths(name, folder.path(), &steps.concat());
        assert_eq!(counts, [12, 10], "{name}");
    }
}

#[test]
fn an_entry_has_the_inode_and_the_type_of_its_file() {
    for name in [P0, P1] {
        let folder = ten_files();
        let path = |name: &str| folder.path().join(name);
        fs::create_dir(path("directory")).expect("a directory");
        #[cfg(unix)]
        std::os::unix::fs::symlink("file-0", path("link")).expect("a link");
        let all = format!("(call $list (i32.const 3) (i32.const {ALL}) (i64.const 0))");
        let entries = lists(name, folder.path(), &all).remove(0);
        let kind = |name: &str| {
            entries
                .iter()
                .find(|entry| entry.name == name)
                .map(|one| one.kind)
        };
        assert_eq!(kind("directory"), Some(3));
        assert_eq!(kind("file-0"), Some(4));
        if cfg!(unix) {
            assert_eq!(kind("link"), Some(7));
        }
        // The guest asks for the status of each entry and compares.
        for entry in &entries {
            if entry.name == ".." {
                continue;
            }
            let (file, inode) = (&entry.name, entry.inode as i64);
            let functions = format!("(data (i32.const 512) \"{file}\")");
            let start = format!(
                "(call $check (call $path_filestat_get
                   (i32.const 3) (i32.const 0) (i32.const 512) (i32.const {}) (i32.const 64)))
                 (if (i64.ne (i64.load (i32.const 72)) (i64.const {inode})) (then (call $proc_exit (i32.const 100))))
                 (if (i32.ne (i32.load8_u (i32.const 80)) (i32.const {})) (then (call $proc_exit (i32.const 101))))",
                file.len(),
                entry.kind,
            );
            let outcome = run(&module(name, &functions, &start), folder.path());
            assert_eq!(outcome.ending, Ending::Exit { code: 0 }, "{name} {entry:?}");
        }
    }
}

#[test]
fn what_is_no_directory_has_no_entries() {
    let folder = ten_files();
    let read = |fd: i32| {
        format!(
            "(call $check (call $fd_readdir
               (i32.const {fd}) (i32.const 1024) (i32.const 100) (i64.const 0) (i32.const 64)))"
        )
    };
    let open_file = "(data (i32.const 512) \"file-0\")
        (func $open (call $check (call $path_open (i32.const 3) (i32.const 0) (i32.const 512) (i32.const 6)
          (i32.const 0) (i64.const 2) (i64.const 0) (i32.const 0) (i32.const 64))))";
    for name in [P0, P1] {
        for (fd, errno) in [(0, NOTDIR), (1, NOTDIR), (4, NOTDIR), (5, BADF), (-1, BADF)] {
            let start = format!("(call $open) {}", read(fd));
            let outcome = run(&module(name, open_file, &start), folder.path());
            assert_eq!(outcome.exit_code(), Some(errno), "{name} {fd}");
        }
    }
}

#[test]
#[cfg(target_os = "linux")]
fn names_that_are_not_utf8_hide_no_others() {
    use std::os::unix::ffi::OsStrExt;
    let folder = ten_files();
    let odd = std::ffi::OsStr::from_bytes(b"odd-\xff");
    File::create(folder.path().join(odd)).expect("a file");
    for way in Way::each() {
        let outcome = way.list(folder.path(), false);
        let good = |outcome: &Outcome| {
            let lines = outcome.stdout.split(|byte| *byte == b'\n');
            lines.filter(|line| line.starts_with(b"file-")).count()
        };
        match way {
            // The name, unchanged.
            Way::Core(..) => {
                assert_eq!(outcome.ending, Ending::Exit { code: 0 });
                assert_eq!(good(&outcome), 10);
                assert!(outcome.stdout.windows(6).any(|part| part == b"odd-\xff\n"));
                let deleted = way.list(folder.path(), true);
                assert_eq!(deleted.exit_code(), Some(ILSEQ));
                for number in 0..10 {
                    File::create(folder.path().join(format!("file-{number}"))).expect("a file");
                }
            }
            // An error in the place of the entry; the guest exits with one more than its code.
            Way::P2 => assert_eq!(outcome.exit_code(), Some(10)),
            // An error after all other entries.
            Way::P3(_) => {
                assert_eq!(outcome.exit_code(), Some(9));
                assert_eq!(good(&outcome), 10);
            }
        }
    }
}

#[test]
fn too_many_files_are_an_error_and_closing_one_makes_room() {
    let folder = tempfile::tempdir().expect("a folder");
    for (way, code, end) in [
        (Way::P2, 23, ""),
        (Way::P3(1), 22, "(call $return (i32.const 0)) (i32.const 0)"),
    ] {
        let body = format!(
            "(loop $more
               (if (i32.eqz (call $opened))
                 (then
                   (local.set $last (i32.load (i32.const 1028)))
                   (local.set $count (i32.add (local.get $count) (i32.const 1)))
                   (br $more))))
             (if (i32.ne (call $failed) (i32.const {code})) (then (call $exit (i32.const 100))))
             (if (i32.lt_u (local.get $count) (i32.const 400)) (then (call $exit (i32.const 101))))
             (if (i32.gt_u (local.get $count) (i32.const 600)) (then (call $exit (i32.const 102))))
             (call $drop-descriptor (local.get $last))
             (if (call $opened) (then (call $exit (i32.const 103))))
             {end}"
        );
        let outcome = way.run(folder.path(), false, &body);
        assert_eq!(outcome.ending, Ending::Exit { code: 0 }, "{way:?}");
    }
}

#[test]
fn too_many_streams_are_an_error_and_dropping_one_makes_room() {
    let folder = tempfile::tempdir().expect("a folder");
    for (open, drop) in [
        ("$readable", "$drop-input"),
        ("$writable", "$drop-output"),
        ("$appendable", "$drop-output"),
    ] {
        let body = format!(
            "(local.set $file (call $created))
             (loop $more
               (if (i32.eqz (call {open} (local.get $file)))
                 (then
                   (local.set $last (i32.load (i32.const 1028)))
                   (local.set $count (i32.add (local.get $count) (i32.const 1)))
                   (br $more))))
             (if (i32.ne (call $failed) (i32.const 23)) (then (call $exit (i32.const 100))))
             (if (i32.lt_u (local.get $count) (i32.const 512)) (then (call $exit (i32.const 101))))
             (if (i32.gt_u (local.get $count) (i32.const 800)) (then (call $exit (i32.const 102))))
             (call {drop} (local.get $last))
             (if (call {open} (local.get $file)) (then (call $exit (i32.const 103))))"
        );
        let outcome = Way::P2.run(folder.path(), false, &body);
        assert_eq!(outcome.ending, Ending::Exit { code: 0 }, "{open}");
    }
}
