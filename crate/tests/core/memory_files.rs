//! Files in memory, from Rust.

use crate::host::{Text, args, run, try_run};
use bytes::Bytes;
use std::sync::Arc;
use wasiexec::{Ending, ErrorCode, FileLimits, GivenFile, GivenTree, Limits, Patterns, RunOptions};

fn given(files: &[(&str, &str)]) -> Arc<GivenTree> {
    let files = files.iter().map(|(path, text)| GivenFile {
        path: (*path).to_owned(),
        contents: Some(Bytes::copy_from_slice(text.as_bytes())),
    });
    Arc::new(GivenTree::new(files).expect("a tree"))
}

fn with(tree: &Arc<GivenTree>, arguments: &[&str]) -> RunOptions {
    RunOptions {
        files: Some(tree.clone()),
        collect: Some(Arc::new(Patterns::new(["**"]).expect("patterns"))),
        ..args(arguments)
    }
}

#[test]
fn a_guest_reads_and_changes_its_own_copy() {
    let tree = given(&[("in", "given")]);
    let read = run("read-file", with(&tree, &["in"]));
    assert_eq!((read.exit_code(), read.stdout()), (Some(0), "given"));
    let wrote = run("write-file", with(&tree, &["in", "changed"]));
    let files = wrote.files.expect("files");
    assert_eq!(files.get("in"), Some(&b"changed"[..]));
    let again = run("read-file", with(&tree, &["in"]));
    assert_eq!(again.stdout(), "given");
    let files = again.files.expect("files");
    assert_eq!(files.iter().collect::<Vec<_>>(), [("in", &b"given"[..])]);
}

#[test]
fn a_run_that_asks_for_no_files_has_none() {
    let tree = given(&[]);
    let options = RunOptions {
        collect: None,
        ..with(&tree, &[])
    };
    assert_eq!(run("return", options).files, None);
}

#[test]
fn space_is_limited() {
    let tree = given(&[]);
    let mut options = with(&tree, &["out", "0123456789"]);
    options.limits = Limits {
        files: FileLimits { bytes: 4, count: 1 },
        ..options.limits
    };
    let outcome = run("write-file", options);
    let files = outcome.files.expect("files");
    assert_eq!(files.get("out"), Some(&b"0123"[..]));
}

#[test]
fn a_trap_keeps_the_files() {
    let tree = given(&[("in", "given")]);
    let outcome = run("trap-unreachable", with(&tree, &[]));
    assert!(matches!(outcome.ending, Ending::Trap(_)));
    assert_eq!(outcome.files.expect("files").iter().len(), 1);
}

#[test]
fn options_without_files_are_refused() {
    let options = RunOptions {
        files: None,
        ..with(&given(&[]), &[])
    };
    let error = try_run("return", options).expect_err("no files");
    assert_eq!(error.code(), ErrorCode::InvalidOption);
}
