//! No descriptor of WASI 0.1 is a socket; those of components reach no address.

use crate::host::{Text, block_on, runtime};
use wasiexec::{LoadOptions, Preopen, RunOptions};

const BADF: u32 = 8;
const NOTSOCK: u32 = 57;
/// Of WASI 0.2.
const ACCESS_DENIED: u32 = 1;
const INVALID_STATE: u32 = 9;

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

/// Exits with 0 when a call on a new socket returns the error `access-denied`.
#[test]
fn sockets_of_components_can_be_made_and_no_address_be_used() {
    // 127.0.0.1 with a port, as the variant of IPv4.
    let address = |port: u16| {
        let numbers = ["0", &port.to_string(), "127", "0", "0", "1"].map(str::to_owned);
        let unused = std::iter::repeat_n("0".to_owned(), 6);
        let numbers = numbers.into_iter().chain(unused);
        numbers
            .map(|number| format!("(i32.const {number})"))
            .collect::<String>()
    };
    // 0 when the result at 1024 is an error, and this one.
    let is_error = |at: u32, error: u32| {
        format!(
            "(i32.or (i32.ne (i32.load8_u (i32.const 1024)) (i32.const 1))
                     (i32.ne (i32.load8_u (i32.const {at})) (i32.const {error})))"
        )
    };
    let bind = |port| {
        format!(
            "(call $bind (call $socket) (call $network) {} (i32.const 1024)) {}",
            address(port),
            is_error(1025, ACCESS_DENIED)
        )
    };
    // Only a bound socket may have a stream.
    let stream = format!(
        "(call $udp-stream (call $socket) (i32.const 1) {} (i32.const 1024)) {}",
        address(9),
        is_error(1028, INVALID_STATE)
    );
    for body in [bind(0), bind(8080), stream] {
        let wat = include_str!("malformed/p2.wat").replace("$BODY", &body);
        let program = runtime()
            .load(wat.as_bytes(), LoadOptions::named("socket"))
            .expect("a program");
        let run = runtime().run(&program, RunOptions::default());
        let outcome = block_on(run).expect("an outcome");
        assert_eq!(outcome.exit_code(), Some(0), "{body}: {outcome:?}");
    }
}
