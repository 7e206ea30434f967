use crate::host::{Text, args, load, one_second, run, runtime, try_run};
use std::fs;
use std::path::Path;
use tempfile::{TempDir, tempdir};
use wasiexec::{Ending, ErrorCode, LimitKind, Outcome, Preopen, RunOptions};

/// `EMFILE`.
const MFILE: u32 = 33;

fn preopen(guest_path: &str, host_path: &Path, write: bool) -> Preopen {
    Preopen {
        guest_path: guest_path.into(),
        host_path: host_path.into(),
        write,
    }
}

fn granted(folder: &Path, write: bool, arguments: &[&str]) -> RunOptions {
    RunOptions {
        preopens: [preopen("/data", folder, write)].into(),
        ..args(arguments)
    }
}

fn read(folder: &Path, path: &str) -> Outcome {
    run("read-file", granted(folder, false, &[path]))
}

fn write(folder: &Path, path: &str, text: &str, may: bool) -> Outcome {
    run("write-file", granted(folder, may, &[path, text]))
}

/// Checks that the guest was refused with an errno and printed it.
fn assert_refused(outcome: &Outcome) {
    assert_eq!(outcome.exit_code(), Some(1), "{outcome:?}");
    assert!(outcome.stdout().starts_with("errno "), "{outcome:?}");
}

/// A folder `inside` with a file `a`, beside a file `secret`.
fn folders() -> TempDir {
    let folder = tempdir().expect("a folder");
    fs::create_dir(folder.path().join("inside")).expect("a folder");
    fs::write(folder.path().join("inside/a"), "inside a").expect("a file");
    fs::write(folder.path().join("secret"), "the secret").expect("a file");
    folder
}

fn text(path: &Path) -> String {
    fs::read_to_string(path).expect("a file")
}

#[test]
fn nothing_is_granted_by_default() {
    assert_refused(&run("read-file", args(&["a"])));
    assert_refused(&run("write-file", args(&["a", "b"])));
    let outcome = run("list-preopens", RunOptions::default());
    assert_eq!((outcome.exit_code(), outcome.stdout()), (Some(0), ""));
}

#[test]
fn a_preopen_can_be_read() {
    let folder = folders();
    let outcome = read(&folder.path().join("inside"), "a");
    assert_eq!(
        (outcome.exit_code(), outcome.stdout()),
        (Some(0), "inside a")
    );
}

#[test]
fn a_file_that_is_not_there_is_an_errno() {
    let folder = folders();
    let outcome = read(&folder.path().join("inside"), "b");
    // ENOENT in WASI 0.1.
    assert_eq!(
        (outcome.exit_code(), outcome.stdout()),
        (Some(1), "errno 44\n")
    );
}

#[test]
fn a_read_only_preopen_cannot_be_written() {
    let folder = folders();
    let inside = folder.path().join("inside");
    assert_refused(&write(&inside, "new", "text", false));
    assert!(!inside.join("new").exists());
    assert_refused(&write(&inside, "a", "text", false));
    assert_eq!(text(&inside.join("a")), "inside a");
}

#[test]
fn a_writable_preopen_can_be_written() {
    let folder = folders();
    let inside = folder.path().join("inside");
    for name in ["new", "a"] {
        assert_eq!(write(&inside, name, "text", true).exit_code(), Some(0));
        assert_eq!(text(&inside.join(name)), "text");
    }
    assert_eq!(read(&inside, "new").stdout(), "text");
}

#[test]
fn preopens_come_in_order_and_with_their_names() {
    let (first, second) = (folders(), folders());
    fs::write(first.path().join("only-here"), "first").expect("a file");
    let preopens = vec![
        preopen("/data", first.path(), false),
        preopen("out/ü", second.path(), true),
    ];
    let outcome = run(
        "list-preopens",
        RunOptions {
            preopens: preopens.clone().into(),
            ..RunOptions::default()
        },
    );
    assert_eq!(
        (outcome.exit_code(), outcome.stdout()),
        (Some(0), "/data\nout/ü\n")
    );
    // The guest reads under the first preopen, fd 3.
    let with = |preopens: Vec<_>| RunOptions {
        preopens: preopens.into(),
        ..args(&["only-here"])
    };
    assert_eq!(run("read-file", with(preopens.clone())).stdout(), "first");
    let turned = preopens.into_iter().rev().collect();
    assert_refused(&run("read-file", with(turned)));
}

#[test]
fn the_access_of_one_preopen_is_not_that_of_the_other() {
    let (first, second) = (folders(), folders());
    for (first_may, second_may) in [(true, false), (false, true)] {
        let preopens = [
            preopen("/first", first.path(), first_may),
            preopen("/second", second.path(), second_may),
        ]
        .into();
        let outcome = run(
            "write-file",
            RunOptions {
                preopens,
                ..args(&["new", "text"])
            },
        );
        assert_eq!(outcome.exit_code(), Some(u32::from(!first_may)));
    }
}

#[test]
fn dots_and_absolute_paths_do_not_lead_outside() {
    let folder = folders();
    let inside = folder.path().join("inside");
    let secret = folder.path().join("secret");
    let absolute = secret.to_str().expect("a text path");
    for path in [
        "../secret",
        "./../secret",
        "../inside/../secret",
        absolute,
        "/data/a",
    ] {
        assert_refused(&read(&inside, path));
        assert_refused(&write(&inside, path, "overwritten", true));
    }
    assert_refused(&write(&inside, "../new", "text", true));
    assert!(!folder.path().join("new").exists());
    assert_eq!(text(&secret), "the secret");
}

#[test]
fn a_preopen_that_is_not_there_is_named() {
    let folder = folders();
    for name in ["missing", "secret"] {
        let path = folder.path().join(name);
        let error = try_run("hello", granted(&path, false, &[])).expect_err("a host fault");
        assert_eq!(error.code(), ErrorCode::Preopen, "{error}");
        assert!(
            error
                .message()
                .contains(path.to_str().expect("a text path")),
            "{error}"
        );
        assert!(error.message().contains("/data"), "{error}");
    }
}

#[test]
#[cfg(unix)]
fn symbolic_links_do_not_lead_outside() {
    use std::os::unix::fs::symlink;
    let folder = folders();
    let inside = folder.path().join("inside");
    let secret = folder.path().join("secret");
    symlink(&secret, inside.join("absolute")).expect("a link");
    symlink("../secret", inside.join("relative")).expect("a link");
    symlink("..", inside.join("up")).expect("a link");
    symlink("/", inside.join("root")).expect("a link");
    symlink("../new", inside.join("dangling")).expect("a link");
    for path in [
        "absolute",
        "relative",
        "up/secret",
        "root/etc/passwd",
        "dangling",
    ] {
        assert_refused(&read(&inside, path));
        assert_refused(&write(&inside, path, "overwritten", true));
    }
    assert_eq!(text(&secret), "the secret");
    assert!(!folder.path().join("new").exists());
}

#[test]
#[cfg(unix)]
fn symbolic_links_lead_to_files_inside() {
    let folder = folders();
    let inside = folder.path().join("inside");
    std::os::unix::fs::symlink("a", inside.join("link")).expect("a link");
    assert_eq!(read(&inside, "link").stdout(), "inside a");
}

#[test]
#[cfg(unix)]
fn a_pipe_on_disk_does_not_hold_the_deadline() {
    let folder = folders();
    let fifo = folder.path().join("inside/fifo");
    let made = std::process::Command::new("mkfifo").arg(&fifo).status();
    assert!(made.expect("mkfifo").success());
    let options = RunOptions {
        limits: one_second(),
        ..granted(&folder.path().join("inside"), false, &["fifo"])
    };
    let outcome = run("read-file", options);
    // Frees the thread that opens the FIFO for reading. Opening it for both never waits.
    drop(fs::OpenOptions::new().read(true).write(true).open(&fifo));
    assert_eq!(outcome.ending, Ending::Limit(LimitKind::Timeout));
}

#[test]
fn a_guest_that_never_closes_its_files_gets_no_more_and_they_are_closed() {
    let folder = folders();
    let inside = folder.path().join("inside");
    // Together these would be more files than most processes may have open.
    for _ in 0..50 {
        let outcome = run("many-fds", granted(&inside, false, &[]));
        assert_eq!(outcome.exit_code(), Some(MFILE), "{outcome:?}");
    }
    assert_eq!(text(&inside.join("a")), "inside a");
}

#[test]
fn a_fault_of_one_run_leaves_the_runtime_as_it_was() {
    let folder = folders();
    let missing = folder.path().join("missing");
    let before = runtime().stats().allocation;
    assert!(try_run("hello", granted(&missing, false, &[])).is_err());
    assert_eq!(runtime().stats().allocation, before);
    assert_eq!(run("hello", RunOptions::default()).stdout(), "hello\n");
    drop(load("hello"));
}
