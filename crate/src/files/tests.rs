//! Trees as their guests use them.

use super::{
    Code, CollectedFiles, Collecting, FileLimits, GivenFile, GivenTree, Kind, NewTime, NewTimes,
    NodeId, Now, Open, Patterns, ROOT, Tree,
};
use crate::error::ErrorCode;
use bytes::Bytes;
use std::sync::Arc;
use std::time::Duration;

fn given(files: &[(&str, Option<&str>)]) -> Arc<GivenTree> {
    let files = files.iter().map(|(path, contents)| GivenFile {
        path: (*path).to_owned(),
        contents: contents.map(|text| Bytes::copy_from_slice(text.as_bytes())),
    });
    Arc::new(GivenTree::new(files).expect("a tree"))
}

fn tree(files: &[(&str, Option<&str>)]) -> Tree {
    tree_within(files, FileLimits::default())
}

fn tree_within(files: &[(&str, Option<&str>)], limits: FileLimits) -> Tree {
    Tree::new(given(files), limits, Now::Fixed(Duration::from_secs(7)))
}

const READ: Open = Open {
    follow: true,
    create: false,
    exclusive: false,
    truncate: false,
    directory: false,
    write: false,
};
const CREATE: Open = Open {
    create: true,
    write: true,
    ..READ
};

fn open(tree: &mut Tree, path: &str, how: Open) -> Result<NodeId, Code> {
    tree.open(ROOT, path, how).map(|stat| stat.node)
}

fn put(tree: &mut Tree, path: &str, text: &str) -> Result<(), Code> {
    let file = open(tree, path, CREATE)?;
    let written = tree.write(file, Some(0), text.as_bytes());
    tree.close(file);
    written.map(drop)
}

fn text(tree: &Tree, path: &str) -> Result<String, Code> {
    let node = tree.find(ROOT, path, true)?;
    let mut bytes = vec![0; tree.stat(node).size as usize];
    let read = tree.read(node, 0, &mut bytes);
    assert_eq!(read, bytes.len());
    Ok(String::from_utf8(bytes).expect("text"))
}

fn names(tree: &Tree, path: &str) -> Vec<String> {
    let node = tree.find(ROOT, path, true).expect("a directory");
    let mut names = Vec::new();
    let mut place = 0;
    while let Some(entry) = tree.entry(node, place, u64::MAX).expect("a directory") {
        place = entry.place + 1;
        names.push(entry.name.to_owned());
    }
    names
}

fn left(tree: &Tree) -> u64 {
    tree.budget.bytes
}

#[test]
fn a_given_tree_is_the_same_in_any_order_and_refuses_what_is_no_tree() {
    let forth = given(&[("b/x", Some("1")), ("a", Some("2")), ("c", None)]);
    let back = given(&[("c", None), ("a", Some("2")), ("b/x", Some("1"))]);
    let nodes = |given: &Arc<GivenTree>| {
        let tree = Tree::new(given.clone(), FileLimits::default(), Now::Real);
        ["a", "b", "b/x", "c"].map(|path| tree.find(ROOT, path, false).expect("a node").inode())
    };
    assert_eq!(nodes(&forth), nodes(&back));
    for path in [
        "",
        "/a",
        "a//b",
        ".",
        "a/..",
        "a\0",
        &"n".repeat(256),
        &"a/".repeat(2048),
    ] {
        let file = GivenFile {
            path: path.to_owned(),
            contents: None,
        };
        let error = GivenTree::new([file]).expect_err(path);
        assert_eq!(error.code(), ErrorCode::InvalidOption, "{path:?}");
    }
    for (one, other) in [("a", "a"), ("a", "a/b")] {
        let files = [one, other].map(|path| GivenFile {
            path: path.to_owned(),
            contents: Some(Bytes::new()),
        });
        assert!(GivenTree::new(files).is_err(), "{one} {other}");
    }
}

#[test]
fn changes_are_the_runs_own() {
    let base = given(&[("a", Some("given")), ("d/x", Some("1"))]);
    let new = || Tree::new(base.clone(), FileLimits::default(), Now::Real);
    let (mut one, other) = (new(), new());
    put(&mut one, "a", "changed").expect("written");
    put(&mut one, "d/y", "new").expect("written");
    one.unlink(ROOT, "d/x").expect("removed");
    assert_eq!(text(&one, "a"), Ok("changed".into()));
    assert_eq!(names(&one, "d"), ["y"]);
    assert_eq!(text(&other, "a"), Ok("given".into()));
    assert_eq!(names(&other, "d"), ["x"]);
}

#[test]
fn paths_and_links_do_not_leave_their_directory() {
    let mut tree = tree(&[("d/in", Some("in")), ("out", Some("out"))]);
    let d = tree.find(ROOT, "d", true).expect("a directory");
    for (path, code) in [
        ("../out", Code::NotPermitted),
        ("/d/in", Code::NotPermitted),
        ("in/../../out", Code::NotDirectory),
        ("", Code::NoEntry),
        ("in/", Code::NotDirectory),
        ("in/.", Code::NotDirectory),
        ("none/in", Code::NoEntry),
        ("in\0", Code::Invalid),
    ] {
        assert_eq!(tree.find(d, path, true), Err(code), "{path:?}");
    }
    let long = "n".repeat(256);
    assert_eq!(tree.find(d, &long, true), Err(Code::NameTooLong));
    assert_eq!(
        tree.find(d, &"./".repeat(2048), true),
        Err(Code::NameTooLong)
    );
    assert!(tree.find(d, &"./".repeat(2047), true).is_ok());
    tree.symlink("../out", d, "up").expect("a link");
    assert_eq!(tree.find(d, "up", true), Err(Code::NotPermitted));
    assert_eq!(text(&tree, "d/up"), Ok("out".into()));
    assert_eq!(tree.symlink("/out", d, "absolute"), Err(Code::NotPermitted));
    tree.symlink("loop", ROOT, "loop").expect("a link");
    assert_eq!(tree.find(ROOT, "loop", true), Err(Code::Loop));
    assert_eq!(
        tree.stat(tree.find(ROOT, "loop", false).expect("a link"))
            .kind,
        Kind::Symlink
    );
    // Each doubles what is left of the path.
    tree.symlink("b/b", ROOT, "a").expect("a link");
    tree.symlink("a/a", ROOT, "b").expect("a link");
    assert_eq!(tree.find(ROOT, "a", true), Err(Code::Loop));
}

#[test]
fn open_says_what_posix_says() {
    let mut tree = tree(&[("f", Some("text")), ("d", None)]);
    tree.symlink("f", ROOT, "l").expect("a link");
    tree.symlink("new", ROOT, "dangling").expect("a link");
    let exclusive = Open {
        exclusive: true,
        ..CREATE
    };
    let directory = Open {
        directory: true,
        ..READ
    };
    let nofollow = Open {
        follow: false,
        ..READ
    };
    for (path, how, code) in [
        ("none", READ, Code::NoEntry),
        ("none/", CREATE, Code::IsDirectory),
        ("f", exclusive, Code::Exist),
        ("l", exclusive, Code::Exist),
        ("dangling", exclusive, Code::Exist),
        ("f", directory, Code::NotDirectory),
        ("l", nofollow, Code::Loop),
        ("d", CREATE, Code::IsDirectory),
        (
            "d",
            Open {
                write: true,
                ..READ
            },
            Code::IsDirectory,
        ),
        (
            "d",
            Open {
                truncate: true,
                ..READ
            },
            Code::IsDirectory,
        ),
        (
            "d",
            Open {
                create: true,
                ..directory
            },
            Code::Invalid,
        ),
        ("f/", READ, Code::NotDirectory),
    ] {
        assert_eq!(open(&mut tree, path, how), Err(code), "{path}");
    }
    open(&mut tree, "dangling", CREATE).expect("made where the link leads");
    assert_eq!(text(&tree, "new"), Ok(String::new()));
    open(
        &mut tree,
        "l",
        Open {
            truncate: true,
            ..READ
        },
    )
    .expect("opened");
    assert_eq!(text(&tree, "f"), Ok(String::new()));
}

#[test]
fn files_are_written_with_zeros_in_between_and_cut() {
    let mut tree = tree(&[("f", Some("abc"))]);
    let file = open(&mut tree, "f", READ).expect("opened");
    assert_eq!(tree.write(file, Some(5), b"x"), Ok((1, 6)));
    assert_eq!(text(&tree, "f"), Ok("abc\0\0x".into()));
    assert_eq!(tree.write(file, None, b"end"), Ok((3, 9)));
    tree.set_size(file, 2).expect("cut");
    assert_eq!(text(&tree, "f"), Ok("ab".into()));
    tree.set_size(file, 4).expect("longer");
    assert_eq!(text(&tree, "f"), Ok("ab\0\0".into()));
    assert_eq!(tree.allocate(file, 2, 4), Ok(()));
    assert_eq!(tree.allocate(file, 0, 1), Ok(()));
    assert_eq!(tree.stat(file).size, 6);
    assert_eq!(tree.read(file, 100, &mut [0; 4]), 0);
    assert_eq!(tree.read(file, u64::MAX, &mut [0; 4]), 0);
}

#[test]
fn bytes_are_limited_and_come_back() {
    let limits = FileLimits {
        bytes: 10,
        count: 100,
    };
    let mut tree = tree_within(&[("given", Some("0123456789abcdef"))], limits);
    let file = open(&mut tree, "f", CREATE).expect("made");
    assert_eq!(tree.write(file, Some(0), b"0123456789abc"), Ok((10, 10)));
    assert_eq!(
        tree.write(file, Some(10), b"x"),
        Err(Code::InsufficientSpace)
    );
    assert_eq!(tree.write(file, Some(0), b"over"), Ok((4, 4)));
    let given = open(&mut tree, "given", READ).expect("opened");
    // It would be the run's own as a whole.
    assert_eq!(
        tree.write(given, Some(0), b"x"),
        Err(Code::InsufficientSpace)
    );
    tree.set_size(given, 4).expect("cutting takes nothing");
    assert_eq!(
        tree.symlink("target", ROOT, "l"),
        Err(Code::InsufficientSpace)
    );
    // Open and without a name, it still takes its bytes.
    tree.unlink(ROOT, "f").expect("removed");
    assert_eq!((left(&tree), tree.stat(file).links), (0, 0));
    assert_eq!(tree.read(file, 0, &mut [0; 4]), 4);
    tree.close(file);
    assert_eq!(left(&tree), 10);
    assert_eq!(tree.write(given, Some(4), b"56789"), Ok((5, 9)));
    tree.symlink("x", ROOT, "l").expect("a link");
    assert_eq!(left(&tree), 0);
    for path in ["l", "given"] {
        tree.unlink(ROOT, path).expect("removed");
    }
    tree.close(given);
    assert_eq!(left(&tree), 10);
}

#[test]
fn sizes_beyond_everything_are_refused_and_take_nothing() {
    let mut tree = tree(&[]);
    let file = open(&mut tree, "f", CREATE).expect("made");
    let huge = 1 << 62;
    assert_eq!(tree.set_size(file, huge), Err(Code::InsufficientSpace));
    assert_eq!(tree.set_size(file, u64::MAX), Err(Code::Invalid));
    assert_eq!(
        tree.write(file, Some(huge), b"x"),
        Err(Code::InsufficientSpace)
    );
    assert_eq!(
        tree.write(file, Some(u64::MAX), b"x"),
        Err(Code::FileTooLarge)
    );
    assert_eq!(tree.allocate(file, huge, huge), Err(Code::FileTooLarge));
    assert_eq!(tree.allocate(file, u64::MAX, 2), Err(Code::FileTooLarge));
    assert_eq!(tree.allocate(file, 0, 0), Err(Code::Invalid));
    assert_eq!(left(&tree), FileLimits::default().bytes);
    assert_eq!(tree.stat(file).size, 0);
}

#[test]
fn entries_are_limited_and_renaming_takes_none() {
    let limits = FileLimits {
        bytes: 100,
        count: 3,
    };
    let mut tree = tree_within(&[("given", Some("x"))], limits);
    put(&mut tree, "a", "").expect("1");
    tree.create_directory(ROOT, "d").expect("2");
    tree.link((ROOT, "a"), false, (ROOT, "d/b")).expect("3");
    assert_eq!(put(&mut tree, "c", ""), Err(Code::InsufficientSpace));
    assert_eq!(
        tree.create_directory(ROOT, "e"),
        Err(Code::InsufficientSpace)
    );
    assert_eq!(tree.symlink("a", ROOT, "s"), Err(Code::InsufficientSpace));
    let link = tree.link((ROOT, "a"), false, (ROOT, "h"));
    assert_eq!(link, Err(Code::InsufficientSpace));
    for round in 0..10 {
        let (from, to) = [("a", "z"), ("z", "a")][round % 2];
        tree.rename((ROOT, from), (ROOT, to)).expect("renamed");
    }
    assert_eq!(put(&mut tree, "c", ""), Err(Code::InsufficientSpace));
    tree.unlink(ROOT, "d/b").expect("removed");
    put(&mut tree, "c", "").expect("one was removed");
    tree.unlink(ROOT, "given").expect("removed");
    put(&mut tree, "e", "").expect("and a given one");
    assert_eq!(put(&mut tree, "f", ""), Err(Code::InsufficientSpace));
}

#[test]
fn links_are_names_of_one_file() {
    let mut tree = tree(&[("a", Some("text")), ("d", None)]);
    tree.link((ROOT, "a"), false, (ROOT, "d/b"))
        .expect("linked");
    put(&mut tree, "d/b", "TEXT").expect("written");
    assert_eq!(text(&tree, "a"), Ok("TEXT".into()));
    let node = tree.find(ROOT, "a", true).expect("a file");
    assert_eq!(tree.stat(node).links, 2);
    tree.unlink(ROOT, "a").expect("removed");
    assert_eq!(text(&tree, "d/b"), Ok("TEXT".into()));
    assert_eq!(tree.stat(node).links, 1);
    for (from, to, code) in [
        ("d", "x", Code::NotPermitted),
        ("d/b", "d/b", Code::Exist),
        ("d/b", "x/", Code::NoEntry),
        ("d/b/", "x", Code::NotDirectory),
        ("none", "x", Code::NoEntry),
    ] {
        assert_eq!(
            tree.link((ROOT, from), false, (ROOT, to)),
            Err(code),
            "{from} {to}"
        );
    }
    assert_eq!(
        tree.link((ROOT, "d/b"), true, (ROOT, "x")),
        Err(Code::Invalid)
    );
}

#[test]
fn rename_moves_replaces_and_refuses() {
    let mut tree = tree(&[
        ("a", Some("a")),
        ("b", Some("b")),
        ("d/e/f", Some("f")),
        ("empty", None),
        ("full/x", Some("x")),
    ]);
    for (from, to, code) in [
        ("none", "x", Code::NoEntry),
        ("a/", "x", Code::NotDirectory),
        ("a", "x/", Code::NotDirectory),
        ("a", "empty", Code::IsDirectory),
        ("d", "a", Code::NotDirectory),
        ("d", "full", Code::NotEmpty),
        ("d", "d/e/g", Code::Invalid),
        ("d", "d/x", Code::Invalid),
        (".", "x", Code::Busy),
        ("a", ".", Code::NotDirectory),
        ("d", ".", Code::Busy),
    ] {
        assert_eq!(
            tree.rename((ROOT, from), (ROOT, to)),
            Err(code),
            "{from} {to}"
        );
    }
    tree.rename((ROOT, "a"), (ROOT, "b")).expect("replaces");
    assert_eq!(text(&tree, "b"), Ok("a".into()));
    tree.rename((ROOT, "b"), (ROOT, "b")).expect("does nothing");
    tree.rename((ROOT, "d/"), (ROOT, "empty/"))
        .expect("replaces an empty directory");
    assert_eq!(text(&tree, "empty/e/f"), Ok("f".into()));
    tree.rename((ROOT, "empty/e"), (ROOT, "e"))
        .expect("moves up");
    // It is below the root now.
    assert_eq!(tree.rename((ROOT, "empty"), (ROOT, "e/empty")), Ok(()));
    assert_eq!(
        tree.rename((ROOT, "e"), (ROOT, "e/empty/e")),
        Err(Code::Invalid)
    );
}

#[test]
fn directories_are_removed_when_they_are_empty() {
    let mut tree = tree(&[("d/f", Some("")), ("f", Some(""))]);
    tree.symlink("d", ROOT, "l").expect("a link");
    for (path, code) in [
        ("d", Code::NotEmpty),
        ("f", Code::NotDirectory),
        ("l", Code::NotDirectory),
        ("l/", Code::NotDirectory),
        (".", Code::Invalid),
        ("none", Code::NoEntry),
    ] {
        assert_eq!(tree.remove_directory(ROOT, path), Err(code), "{path}");
    }
    for (path, code) in [
        ("d", Code::IsDirectory),
        ("d/", Code::IsDirectory),
        ("f/", Code::NotDirectory),
        ("none", Code::NoEntry),
    ] {
        assert_eq!(tree.unlink(ROOT, path), Err(code), "{path}");
    }
    let directory = open(&mut tree, "d", READ).expect("opened");
    tree.unlink(ROOT, "d/f").expect("removed");
    tree.remove_directory(ROOT, "d/").expect("removed");
    // It is open, but nothing can be made in it.
    assert_eq!(
        tree.open(directory, "x", CREATE).map(drop),
        Err(Code::NoEntry)
    );
    assert_eq!(tree.create_directory(directory, "x"), Err(Code::NoEntry));
    assert_eq!(
        tree.rename((ROOT, "f"), (directory, "f")),
        Err(Code::NoEntry)
    );
    assert!(tree.find(directory, ".", true).is_ok());
    tree.close(directory);
}

#[test]
fn entries_keep_their_places_while_others_go() {
    let mut tree = tree(&[("b", Some("")), ("a", Some(""))]);
    for name in ["z", "c", "d"] {
        put(&mut tree, name, "").expect("made");
    }
    assert_eq!(names(&tree, "."), ["a", "b", "z", "c", "d"]);
    let end = tree.end(ROOT).expect("a directory");
    let second = tree
        .entry(ROOT, 1, end)
        .expect("a directory")
        .expect("an entry")
        .place;
    for name in ["a", "b"] {
        tree.unlink(ROOT, name).expect("removed");
    }
    put(&mut tree, "late", "").expect("made");
    let next = tree.entry(ROOT, second + 1, end).expect("a directory");
    assert_eq!(next.expect("an entry").name, "z");
    assert!(tree.entry(ROOT, end, end).expect("a directory").is_none());
    assert_eq!(names(&tree, "."), ["z", "c", "d", "late"]);
}

#[test]
fn times_are_those_of_the_clock_or_as_they_are_set() {
    let mut tree = tree(&[("f", Some("text"))]);
    let node = tree.find(ROOT, "f", true).expect("a file");
    let times = |tree: &Tree| {
        let stat = tree.stat(node);
        (stat.accessed, stat.modified, stat.changed)
    };
    let now = 7_000_000_000;
    assert_eq!(times(&tree), (now, now, now));
    let new = NewTimes {
        accessed: NewTime::At(1),
        modified: NewTime::At(2),
    };
    tree.set_times(node, new);
    assert_eq!(times(&tree), (1, 2, now));
    let new = NewTimes {
        accessed: NewTime::Keep,
        modified: NewTime::Now,
    };
    tree.set_times(node, new);
    assert_eq!(times(&tree), (1, now, now));
    tree.set_times(
        node,
        NewTimes {
            modified: NewTime::At(3),
            ..new
        },
    );
    tree.write(node, Some(0), b"x").expect("written");
    assert_eq!(times(&tree), (1, now, now));
}

#[test]
fn deep_directories_are_made_collected_and_dropped_without_recursion() {
    let mut tree = tree(&[]);
    let mut at = ROOT;
    for _ in 0..50_000 {
        tree.create_directory(at, "d").expect("made");
        at = tree.find(at, "d", true).expect("a directory");
    }
    tree.open(at, "f", CREATE).expect("made");
    // Nobody could name the file.
    assert_eq!(collect(&tree, &["**"]).iter().len(), 0);
    // A directory cannot be moved below itself, however far.
    assert_eq!(tree.rename((ROOT, "d"), (at, "x")), Err(Code::Invalid));
    drop(tree);
}

#[test]
fn files_are_collected_once_under_all_their_names() {
    let mut tree = tree(&[("in", Some("given")), ("out/d", None)]);
    put(&mut tree, "out/d/a", "text").expect("made");
    put(&mut tree, "out/empty", "").expect("made");
    tree.link((ROOT, "out/d/a"), false, (ROOT, "out/b"))
        .expect("linked");
    tree.symlink("d", ROOT, "out/s").expect("a link");
    let collect = |patterns: &[&str]| collect(&tree, patterns);
    let found = collect(&["out/**"]);
    let listed: Vec<_> = found
        .iter()
        .map(|(path, bytes)| (path, bytes.len()))
        .collect();
    assert_eq!(listed, [("out/b", 4), ("out/d/a", 4), ("out/empty", 0)]);
    assert_eq!(found.bytes(), b"text");
    assert_eq!(found.get("out/b"), Some(&b"text"[..]));
    assert_eq!(found.get("out"), None);
    assert_eq!(collect(&["*"]).get("in"), Some(&b"given"[..]));
    assert_eq!(collect(&[]).iter().len(), 0);
    // By paths alone, and by paths and patterns.
    assert_eq!(collect(&["out/d/a"]).get("out/d/a"), Some(&b"text"[..]));
    for absent in ["out", "out/s", "out/d", "none", "in/x", "out/d/a/x"] {
        assert_eq!(collect(&[absent]).iter().len(), 0, "{absent}");
    }
    let listed = collect(&["out/empty", "out/b", "**/a"]);
    let listed: Vec<_> = listed.iter().map(|(path, _)| path).collect();
    assert_eq!(listed, ["out/b", "out/d/a", "out/empty"]);
}

#[test]
fn files_are_collected_piece_by_piece_in_the_order_of_their_paths() {
    let mut tree = tree(&[]);
    let large = "x".repeat(5 << 20);
    for path in ["a", "a-b", "a.d/x", "b/c/d", "b/c-d", "b-", "z"] {
        put_all(&mut tree, path, &large[..path.len() << 20]);
    }
    for name in 0..2000 {
        put_all(&mut tree, &format!("many/{name}"), "1");
    }
    let patterns = ["**", "*/*/*", "z"];
    let patterns = Arc::new(Patterns::new(patterns).expect("patterns"));
    let mut collecting = Collecting::new(patterns);
    let mut pieces = 1;
    while !collecting.go_on(&tree, 1000).expect("room") {
        pieces += 1;
    }
    // Copying, of which nothing is longer than a piece, and 2000 names.
    assert!((100..5000).contains(&pieces), "{pieces}");
    let files = collecting.finish();
    let paths: Vec<_> = files.iter().map(|(path, _)| path.to_owned()).collect();
    assert_eq!(paths.len(), 2007);
    assert!(paths.is_sorted());
    for (path, bytes) in files.iter() {
        match path.starts_with("many/") {
            true => assert_eq!(bytes, b"1"),
            false => assert_eq!(bytes.len(), path.len() << 20, "{path}"),
        }
    }
}

#[test]
fn what_many_patterns_cost_depends_on_their_length_and_the_names_alone() {
    let mut tree = tree(&[]);
    for directory in 0..20 {
        for name in 0..100 {
            let path = format!("aaaaaaaa{directory}/aaaaaaaa{name}");
            put_all(&mut tree, &path, "");
        }
    }
    let patterns: Vec<_> = (0..500)
        .map(|number| format!("**/*a*a*a{number}/**/*a*a*b{number}"))
        .collect();
    let wild = Patterns::new(patterns.iter().map(String::as_str)).expect("patterns");
    let mut collecting = Collecting::new(Arc::new(wild));
    let mut pieces = 0;
    while !collecting.go_on(&tree, 1_000_000).expect("room") {
        pieces += 1;
    }
    assert_eq!(collecting.finish().iter().len(), 0);
    // 2,020 names of some 10 bytes, and half a word per byte of the patterns.
    assert!(pieces < 10, "{pieces}");
}

/// Collects all at once.
fn collect(tree: &Tree, patterns: &[&str]) -> CollectedFiles {
    let patterns = Patterns::new(patterns.iter().copied()).expect("patterns");
    let mut collecting = Collecting::new(Arc::new(patterns));
    assert!(collecting.go_on(tree, usize::MAX).expect("room"));
    collecting.finish()
}

/// Makes a file, and the directories on its way.
fn put_all(tree: &mut Tree, path: &str, text: &str) {
    for (at, _) in path.match_indices('/') {
        match tree.create_directory(ROOT, &path[..at]) {
            Ok(()) | Err(Code::Exist) => {}
            Err(code) => panic!("{code:?}"),
        }
    }
    put(tree, path, text).expect("made");
}
