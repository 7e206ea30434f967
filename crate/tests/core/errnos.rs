//! Wrong arguments to WASI 0.1, and a host that is out of something, give an errno and never a trap.

use crate::host::{Text, block_on, runtime};
use std::path::Path;
use wasiexec::{LoadOptions, Outcome, Preopen, RunOptions};

const MODULES: [&str; 2] = ["wasi_snapshot_preview1", "wasi_unstable"];
const INVAL: u32 = 28;
const MFILE: u32 = 33;

/// The meaning of an argument, and the values that are known.
#[derive(Clone, Copy)]
enum Domain {
    /// An enum with this many cases.
    Cases(i64),
    /// Flags with these bits.
    Bits(i64),
}
use Domain::{Bits, Cases};

/// One argument of a call.
#[derive(Clone, Copy)]
enum Argument {
    /// An `i32` with a valid value.
    I32(i32),
    /// An `i64` with a valid value.
    I64(i64),
    /// An `i32` of a domain.
    Word(Domain),
    /// An `i64` of a domain.
    Long(Domain),
}
use Argument::{I32, I64, Long, Word};

/// The path "." is at 0.
const PATH: [Argument; 2] = [I32(0), I32(1)];
const LOOKUP: Argument = Word(Bits(0b1));
const TIMES: Argument = Word(Bits(0b1111));
const RIGHTS: Argument = Long(Bits((1 << 30) - 1));
const FDFLAGS: Argument = Word(Bits(0b1_1111));

/// All functions that take an enum or flags. Descriptor 3 is a granted directory.
const CALLS: &[(&str, &[Argument])] = &[
    ("clock_res_get", &[Word(Cases(4)), I32(64)]),
    ("clock_time_get", &[Word(Cases(4)), I64(0), I32(64)]),
    ("fd_advise", &[I32(3), I64(0), I64(0), Word(Cases(6))]),
    ("fd_fdstat_set_flags", &[I32(3), FDFLAGS]),
    ("fd_fdstat_set_rights", &[I32(3), RIGHTS, I64(0)]),
    ("fd_fdstat_set_rights", &[I32(3), I64(0), RIGHTS]),
    ("fd_filestat_set_times", &[I32(3), I64(0), I64(0), TIMES]),
    ("fd_seek", &[I32(3), I64(0), Word(Cases(3)), I32(64)]),
    (
        "path_filestat_get",
        &[I32(3), LOOKUP, PATH[0], PATH[1], I32(64)],
    ),
    (
        "path_filestat_set_times",
        &[I32(3), LOOKUP, PATH[0], PATH[1], I64(0), I64(0), I32(0)],
    ),
    (
        "path_filestat_set_times",
        &[I32(3), I32(0), PATH[0], PATH[1], I64(0), I64(0), TIMES],
    ),
    (
        "path_link",
        &[I32(3), LOOKUP, PATH[0], PATH[1], I32(3), PATH[0], PATH[1]],
    ),
    (
        "path_open",
        &[
            I32(3),
            LOOKUP,
            PATH[0],
            PATH[1],
            I32(0),
            I64(0),
            I64(0),
            I32(0),
            I32(64),
        ],
    ),
    (
        "path_open",
        &[
            I32(3),
            I32(0),
            PATH[0],
            PATH[1],
            Word(Bits(0b1111)),
            I64(0),
            I64(0),
            I32(0),
            I32(64),
        ],
    ),
    (
        "path_open",
        &[
            I32(3),
            I32(0),
            PATH[0],
            PATH[1],
            I32(0),
            RIGHTS,
            I64(0),
            I32(0),
            I32(64),
        ],
    ),
    (
        "path_open",
        &[
            I32(3),
            I32(0),
            PATH[0],
            PATH[1],
            I32(0),
            I64(0),
            RIGHTS,
            I32(0),
            I32(64),
        ],
    ),
    (
        "path_open",
        &[
            I32(3),
            I32(0),
            PATH[0],
            PATH[1],
            I32(0),
            I64(0),
            I64(0),
            FDFLAGS,
            I32(64),
        ],
    ),
    ("proc_raise", &[Word(Cases(31))]),
    (
        "sock_recv",
        &[I32(3), I32(0), I32(0), Word(Bits(0b11)), I32(64), I32(68)],
    ),
    ("sock_shutdown", &[I32(3), Word(Bits(0b11))]),
];

impl Argument {
    /// Unknown values: the next after the known ones, each unknown bit, and all bits.
    fn unknown(self) -> Vec<i64> {
        let (domain, width) = match self {
            Word(domain) => (domain, 32),
            Long(domain) => (domain, 64),
            I32(_) | I64(_) => return Vec::new(),
        };
        let bits = (0..width).map(|bit| match width {
            32 => i64::from((1_u32 << bit) as i32),
            _ => 1 << bit,
        });
        match domain {
            Cases(count) => {
                let small = [count, count + 1, 99, 127, 128, 255, 256, 65_535, 65_536];
                let large = [i64::from(i32::MAX), i64::from(i32::MIN), -1];
                let all = small.into_iter().chain(large);
                all.filter(|value| !(0..count).contains(value)).collect()
            }
            Bits(known) => bits
                .filter(|bit| bit & known == 0)
                .chain([!known, -1])
                .collect(),
        }
    }

    fn text(self, unknown: i64) -> String {
        match self {
            I32(value) => format!("(i32.const {value})"),
            I64(value) => format!("(i64.const {value})"),
            Word(_) => format!("(i32.const {unknown})"),
            Long(_) => format!("(i64.const {unknown})"),
        }
    }

    fn ty(self) -> &'static str {
        match self {
            I32(_) | Word(_) => "i32",
            I64(_) | Long(_) => "i64",
        }
    }
}

/// Runs a module with `body` in its `_start`, imports of `functions`, and a granted folder.
fn run(module: &str, functions: &[(&str, &str)], body: &str, folder: &Path) -> Outcome {
    let mut imports = String::new();
    for (name, ty) in functions {
        imports += &format!("(import \"{module}\" \"{name}\" (func ${name} {ty}))");
    }
    let wat = format!(
        "(module {imports}
           (import \"{module}\" \"proc_exit\" (func $exit (param i32)))
           (memory (export \"memory\") 1)
           (data (i32.const 0) \".\")
           (func (export \"_start\") (local $errno i32) (local $opened i32) {body}))"
    );
    let program = runtime()
        .load(wat.as_bytes(), LoadOptions::named("errno"))
        .unwrap_or_else(|error| panic!("{error}: {wat}"));
    let granted = Preopen {
        guest_path: "/".into(),
        host_path: folder.to_owned(),
        write: true,
    };
    let options = RunOptions {
        preopens: [granted].into_iter().collect(),
        ..RunOptions::default()
    };
    block_on(runtime().run(&program, options)).expect("an outcome")
}

#[test]
fn values_that_wasi_does_not_know_are_invalid() {
    let folder = tempfile::tempdir().expect("a folder");
    let mut wrong = Vec::new();
    let mut tried = 0;
    for module in MODULES {
        for (name, arguments) in CALLS {
            let types: Vec<_> = arguments.iter().map(|argument| argument.ty()).collect();
            let ty = format!("(param {}) (result i32)", types.join(" "));
            let all = arguments.iter().flat_map(|argument| argument.unknown());
            for unknown in all {
                let given: String = arguments.iter().map(|one| one.text(unknown)).collect();
                let body = format!("(call $exit (call ${name} {given}))");
                let outcome = run(module, &[(name, &ty)], &body, folder.path());
                tried += 1;
                if outcome.exit_code() != Some(INVAL) {
                    let ending = &outcome.ending;
                    wrong.push(format!("{module} {name} {given}: {ending:?}"));
                }
            }
        }
    }
    assert!(tried > 500, "{tried}");
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

const OPEN: (&str, &str) = (
    "path_open",
    "(param i32 i32 i32 i32 i32 i64 i64 i32 i32) (result i32)",
);
const CLOSE: (&str, &str) = ("fd_close", "(param i32) (result i32)");
const OPEN_HERE: &str = "(call $path_open (i32.const 3) (i32.const 0) (i32.const 0) (i32.const 1)
    (i32.const 0) (i64.const 0) (i64.const 0) (i32.const 0) (i32.const 64))";

#[test]
fn too_many_files_are_an_errno_and_closing_one_makes_room() {
    let folder = tempfile::tempdir().expect("a folder");
    const POLL: (&str, &str) = ("poll_oneoff", "(param i32 i32 i32 i32) (result i32)");
    // Opens files until it is refused, waits for a clock, fails to create a file, closes one, and opens one again.
    let body = format!(
        "(loop $more
           (local.set $errno {OPEN_HERE})
           (if (i32.eqz (local.get $errno))
             (then (local.set $opened (i32.add (local.get $opened) (i32.const 1))) (br $more))))
         (if (i32.ne (local.get $errno) (i32.const {MFILE})) (then (call $exit (local.get $errno))))
         (if (i32.lt_u (local.get $opened) (i32.const 400)) (then (call $exit (i32.const 100))))
         (if (i32.gt_u (local.get $opened) (i32.const 600)) (then (call $exit (i32.const 101))))
         (if (i32.ne (call $path_open (i32.const 3) (i32.const 0) (i32.const 1024) (i32.const 3)
               (i32.const 1) (i64.const 0) (i64.const 0) (i32.const 0) (i32.const 64))
               (i32.const {MFILE})) (then (call $exit (i32.const 102))))
         (i64.store (i32.const 152) (i64.const 1000000))
         (i32.store (i32.const 144) (i32.const 1))
         (if (call $poll_oneoff (i32.const 128) (i32.const 256) (i32.const 1) (i32.const 64))
           (then (call $exit (i32.const 103))))
         (if (call $fd_close (i32.const 77)) (then (call $exit (i32.const 104))))
         (if {OPEN_HERE} (then (call $exit (i32.const 105))))
         (if (i32.ne {OPEN_HERE} (i32.const {MFILE})) (then (call $exit (i32.const 106))))
         (call $exit (i32.const 0))"
    );
    for module in MODULES {
        let body = match module {
            // Its subscription to a clock has one more field in front.
            "wasi_unstable" => body
                .replace("(i32.const 152)", "(i32.const 160)")
                .replace("(i32.const 144)", "(i32.const 152)"),
            _ => body.clone(),
        };
        let outcome = run(module, &[OPEN, CLOSE, POLL], &body, folder.path());
        assert_eq!(
            outcome.exit_code(),
            Some(0),
            "{module}: {:?}",
            outcome.ending
        );
        let left = std::fs::read_dir(folder.path()).expect("a folder").count();
        assert_eq!(left, 0, "a file was created that could not be opened");
    }
}
