//! Programs that only import WASI 0.1's `sock_*`: no descriptor is a socket.

use crate::host::{Text, block_on, runtime};
use wasiexec::{LoadOptions, Preopen, RunOptions};

const BADF: u32 = 8;
const NOTSOCK: u32 = 57;

/// The functions of each preview, with their arguments behind the descriptor: all in order.
const CALLS: [(&str, &str, &[i32]); 7] = [
    ("wasi_snapshot_preview1", "sock_accept", &[0, 64]),
    ("wasi_snapshot_preview1", "sock_recv", &[0, 1, 0, 64, 68]),
    ("wasi_snapshot_preview1", "sock_send", &[0, 1, 0, 64]),
    ("wasi_snapshot_preview1", "sock_shutdown", &[3]),
    ("wasi_unstable", "sock_recv", &[0, 1, 0, 64, 68]),
    ("wasi_unstable", "sock_send", &[0, 1, 0, 64]),
    ("wasi_unstable", "sock_shutdown", &[3]),
];

/// A program that exits with the errno of one call on one descriptor.
fn program(module: &str, function: &str, descriptor: i32, rest: &[i32]) -> String {
    let types = "i32 ".repeat(rest.len() + 1);
    let arguments: String = [&[descriptor], rest]
        .concat()
        .iter()
        .map(|argument| format!("(i32.const {argument})"))
        .collect();
    format!(
        "(module
           (import \"{module}\" \"{function}\" (func $call (param {types}) (result i32)))
           (import \"{module}\" \"proc_exit\" (func $exit (param i32)))
           (memory (export \"memory\") 1)
           (func (export \"_start\") (call $exit (call $call {arguments}))))"
    )
}

#[test]
fn sock_functions_say_that_no_descriptor_is_a_socket() {
    let folder = tempfile::tempdir().expect("a folder");
    let granted = Preopen {
        guest_path: "/".into(),
        host_path: folder.path().to_owned(),
        write: false,
    };
    for (module, function, rest) in CALLS {
        for (descriptor, folder, errno) in [
            (0, false, NOTSOCK),
            (1, false, NOTSOCK),
            (2, false, NOTSOCK),
            (3, false, BADF),
            (3, true, NOTSOCK),
            (99, true, BADF),
            (-1, false, BADF),
        ] {
            let wat = program(module, function, descriptor, rest);
            let program = runtime()
                .load(wat.as_bytes(), LoadOptions::named("socket"))
                .expect("a program");
            let options = RunOptions {
                preopens: folder.then(|| granted.clone()).into_iter().collect(),
                ..RunOptions::default()
            };
            let outcome = block_on(runtime().run(&program, options)).expect("an outcome");
            assert_eq!(
                outcome.exit_code(),
                Some(errno),
                "{module} {function} on {descriptor}"
            );
        }
    }
}
