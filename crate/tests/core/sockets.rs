//! No descriptor of WASI 0.1 is a socket; sockets of components reach no address.

use crate::host::{Text, block_on, runtime};
use wasiexec::{Limits, LoadOptions, Preopen, RunOptions};

const BADF: u32 = 8;
const NOTSOCK: u32 = 57;
/// Of WASI 0.2.
const ACCESS_DENIED: u32 = 1;
const INVALID_STATE: u32 = 9;

/// The functions of each preview, with their arguments after the descriptor: all valid.
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

/// A component that exits with 0 when a call on a new socket returns the error `access-denied`.
#[test]
fn sockets_of_components_can_be_made_and_no_address_be_used() {
    // 127.0.0.1 and a port, as the variant for IPv4.
    let address = |port: u16| {
        let numbers = ["0", &port.to_string(), "127", "0", "0", "1"].map(str::to_owned);
        let unused = std::iter::repeat_n("0".to_owned(), 6);
        let numbers = numbers.into_iter().chain(unused);
        numbers
            .map(|number| format!("(i32.const {number})"))
            .collect::<String>()
    };
    // 0 when the result at 1024 is an error, and is this one.
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

/// A component that makes sockets until it is refused, drops one if it has one, and makes one again. It exits with the
/// error code, or with a number for anything else that went wrong: also if it did not get `most` sockets.
fn makes_many(kind: &str, types: &str, most: u32) -> String {
    format!(
        "(component
           {types}
           (import \"wasi:cli/exit@0.2.0\" (instance $exit
             (export \"exit-with-code\" (func (param \"status-code\" u8)))))
           (core module $Memory (memory (export \"memory\") 1)
             (func (export \"realloc\") (param i32 i32 i32 i32) (result i32) unreachable))
           (core instance $memory (instantiate $Memory))
           (alias core export $memory \"memory\" (core memory $memory))
           (alias core export $memory \"realloc\" (core func $realloc))
           (core func $create (canon lower (func $create) (memory $memory) (realloc $realloc)))
           (core func $exit (canon lower (func $exit \"exit-with-code\")))
           (core func $drop (canon resource.drop ${kind}-socket))
           (core instance $host
             (export \"memory\" (memory $memory)) (export \"create\" (func $create))
             (export \"exit\" (func $exit)) (export \"drop\" (func $drop)))
           (core module $Main
             (import \"host\" \"memory\" (memory 1))
             (import \"host\" \"create\" (func $create (param i32 i32)))
             (import \"host\" \"exit\" (func $exit (param i32)))
             (import \"host\" \"drop\" (func $drop (param i32)))
             (func (export \"run\") (result i32) (local $count i32) (local $last i32) (local $code i32)
               (loop $more
                 (call $create (i32.const 0) (i32.const 0))
                 (if (i32.eqz (i32.load8_u (i32.const 0)))
                   (then
                     (local.set $last (i32.load (i32.const 4)))
                     (local.set $count (i32.add (local.get $count) (i32.const 1)))
                     (br $more))))
               (local.set $code (i32.load8_u (i32.const 4)))
               (if (i32.ne (local.get $count) (i32.const {most})) (then (call $exit (i32.const 100))))
               (if (i32.eqz (local.get $count)) (then (call $exit (local.get $code))))
               (call $drop (local.get $last))
               (call $create (i32.const 0) (i32.const 0))
               (if (i32.load8_u (i32.const 0)) (then (call $exit (i32.const 102))))
               (call $exit (local.get $code))
               unreachable))
           (core instance $main (instantiate $Main (with \"host\" (instance $host))))
           (func $run (result (result)) (canon lift (core func $main \"run\")))
           (instance $command (export \"run\" (func $run)))
           (export \"wasi:cli/run@0.2.0\" (instance $command)))"
    )
}

/// The imports of WASI 0.2 with which a socket is made.
fn p2(kind: &str) -> String {
    format!(
        "(import \"wasi:sockets/network@0.2.0\" (instance $network
           (type $error-shape (enum \"unknown\" \"access-denied\" \"not-supported\" \"invalid-argument\"
             \"out-of-memory\" \"timeout\" \"concurrency-conflict\" \"not-in-progress\" \"would-block\"
             \"invalid-state\" \"new-socket-limit\" \"address-not-bindable\" \"address-in-use\"
             \"remote-unreachable\" \"connection-refused\" \"connection-reset\" \"connection-aborted\"
             \"datagram-too-large\" \"name-unresolvable\" \"temporary-resolver-failure\"
             \"permanent-resolver-failure\"))
           (export \"error-code\" (type (eq $error-shape)))
           (type $family-shape (enum \"ipv4\" \"ipv6\"))
           (export \"ip-address-family\" (type (eq $family-shape)))))
         (alias export $network \"error-code\" (type $error))
         (alias export $network \"ip-address-family\" (type $family))
         (import \"wasi:sockets/{kind}@0.2.0\" (instance $sockets
           (export \"{kind}-socket\" (type (sub resource)))))
         (alias export $sockets \"{kind}-socket\" (type ${kind}-socket))
         (import \"wasi:sockets/{kind}-create-socket@0.2.0\" (instance $creates
           (alias outer 1 ${kind}-socket (type $outer-socket))
           (export \"{kind}-socket\" (type $socket (eq $outer-socket)))
           (alias outer 1 $error (type $outer-error))
           (export \"error-code\" (type $error (eq $outer-error)))
           (alias outer 1 $family (type $outer-family))
           (export \"ip-address-family\" (type $family (eq $outer-family)))
           (export \"create-{kind}-socket\" (func (param \"address-family\" $family)
             (result (result (own $socket) (error $error)))))))
         (alias export $creates \"create-{kind}-socket\" (func $create))"
    )
}

/// The same for WASI 0.3.
fn p3(kind: &str) -> String {
    format!(
        "(import \"wasi:sockets/types@0.3.0\" (instance $sockets
           (export \"{kind}-socket\" (type $socket (sub resource)))
           (type $error-shape (variant (case \"access-denied\") (case \"not-supported\")
             (case \"invalid-argument\") (case \"out-of-memory\") (case \"timeout\") (case \"invalid-state\")
             (case \"address-not-bindable\") (case \"address-in-use\") (case \"remote-unreachable\")
             (case \"connection-refused\") (case \"connection-broken\") (case \"connection-reset\")
             (case \"connection-aborted\") (case \"datagram-too-large\") (case \"other\" (option string))))
           (export \"error-code\" (type $error (eq $error-shape)))
           (type $family-shape (enum \"ipv4\" \"ipv6\"))
           (export \"ip-address-family\" (type $family (eq $family-shape)))
           (export \"[static]{kind}-socket.create\" (func (param \"address-family\" $family)
             (result (result (own $socket) (error $error)))))))
         (alias export $sockets \"{kind}-socket\" (type ${kind}-socket))
         (alias export $sockets \"[static]{kind}-socket.create\" (func $create))"
    )
}

#[test]
fn too_many_sockets_are_an_error_and_dropping_one_makes_room() {
    const NEW_SOCKET_LIMIT: u32 = 10;
    /// Of WASI 0.3.
    const OUT_OF_MEMORY: u32 = 3;
    for (kind, types, code) in [
        ("tcp", p2("tcp"), NEW_SOCKET_LIMIT),
        ("udp", p2("udp"), NEW_SOCKET_LIMIT),
        ("tcp", p3("tcp"), OUT_OF_MEMORY),
        ("udp", p3("udp"), OUT_OF_MEMORY),
    ] {
        for sockets in [Limits::DEFAULT_SOCKETS, 0, 1, 200, 512] {
            let wat = makes_many(kind, &types, sockets);
            let program = runtime()
                .load(wat.as_bytes(), LoadOptions::named("sockets"))
                .unwrap_or_else(|error| panic!("{error}: {wat}"));
            let limits = Limits {
                sockets,
                ..Limits::default()
            };
            let options = RunOptions {
                limits,
                ..RunOptions::default()
            };
            let outcome = block_on(runtime().run(&program, options)).expect("an outcome");
            assert_eq!(
                outcome.exit_code(),
                Some(code),
                "{sockets} {types}: {outcome:?}"
            );
        }
    }
}
