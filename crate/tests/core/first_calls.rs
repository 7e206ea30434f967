//! A guest's first calls are carried out without a WASI context, and must give the same results as
//! wasmtime-wasi. Each call is made here as the first of its run, and again after a call that makes the context.

use crate::host::{args, block_on, runtime};
use std::sync::Arc;
use wasiexec::{LoadOptions, OnOutput, Output, Program, RunOptions};

/// Pairs of an address and a length in the guest's memory from 256 on, 8 bytes each.
const CIOVECS: [(u32, u32); 10] = [
    (600, 5),
    (605, 3),
    (0, 0),
    (600, 5),
    (70_000, 5),
    (65_534, 5),
    (u32::MAX, 2),
    (600, 0),
    (0, 65_536),
    (600, u32::MAX),
];

/// What can be seen of a run from outside: how it ended, and its output, which contains its memory.
#[derive(Debug, PartialEq)]
struct Seen {
    ending: String,
    stdout: Vec<u8>,
    stderr: Vec<u8>,
}

/// Calls `function`, stores its errno, and prints all of its memory.
fn guest(function: &str, arguments: &[i64], touched: bool) -> Arc<Program> {
    let params = "i32 ".repeat(arguments.len());
    let constants: String = arguments
        .iter()
        .map(|argument| format!("(i32.const {})", *argument as u32 as i32))
        .collect();
    let ciovecs: String = CIOVECS
        .iter()
        .flat_map(|(start, length)| [start.to_le_bytes(), length.to_le_bytes()])
        .flatten()
        .map(|byte| format!("\\{byte:02x}"))
        .collect();
    let touch = match touched {
        true => "(drop (call $clock (i32.const 0) (i64.const 0) (i32.const 65528)))",
        false => "",
    };
    let source = format!(
        r#"(module
          (import "wasi_snapshot_preview1" "{function}" (func $call (param {params}) (result i32)))
          (import "wasi_snapshot_preview1" "clock_time_get"
            (func $clock (param i32 i64 i32) (result i32)))
          (import "wasi_snapshot_preview1" "fd_write"
            (func $write (param i32 i32 i32 i32) (result i32)))
          (memory (export "memory") 1)
          (data (i32.const 256) "{ciovecs}")
          (data (i32.const 600) "hello, world")
          (func (export "_start")
            {touch}
            (i64.store (i32.const 65528) (i64.const 0x0123456789abcdef))
            (i32.store (i32.const 4096) (call $call {constants}))
            (i64.store (i32.const 4104) (i64.const 0x1000000000000))
            (drop (call $write (i32.const 1) (i32.const 4104) (i32.const 1) (i32.const 4112)))))"#
    );
    let program = runtime().load(source.into_bytes(), LoadOptions::named("first-calls"));
    program.expect("a program")
}

fn seen(program: &Arc<Program>, options: &RunOptions) -> Seen {
    let outcome = block_on(runtime().run(program, options.clone())).expect("an outcome");
    Seen {
        ending: format!("{:?}", outcome.ending)
            .split("frames")
            .next()
            .unwrap_or_default()
            .into(),
        stdout: outcome.stdout.to_vec(),
        stderr: outcome.stderr.to_vec(),
    }
}

fn variants() -> Vec<RunOptions> {
    let limited = |bytes, on_output| {
        let mut options = RunOptions::default();
        options.limits.output_bytes = Some(bytes);
        options.limits.on_output = on_output;
        options
    };
    vec![
        RunOptions::default(),
        RunOptions {
            env: Arc::new([("A".into(), "1".into()), ("B".into(), String::new())]),
            stdout: Output::Ignore,
            ..args(&["", "ä", &"x".repeat(50)])
        },
        limited(3, OnOutput::Stop),
        limited(3, OnOutput::Truncate),
        limited(8, OnOutput::Stop),
    ]
}

fn compare(function: &str, calls: &[&[i64]]) {
    for arguments in calls {
        let [first, later] = [false, true].map(|touched| guest(function, arguments, touched));
        for (number, options) in variants().iter().enumerate() {
            assert_eq!(
                seen(&first, options),
                seen(&later, options),
                "{function} {arguments:?} with options {number}"
            );
        }
    }
}

#[test]
fn fd_write() {
    let at = |ciovec: i64| 256 + 8 * ciovec;
    compare(
        "fd_write",
        &[
            &[1, at(0), 1, 512],
            &[1, at(0), 2, 512],
            &[1, at(0), 4, 512],
            &[1, at(0), 5, 512],
            &[1, at(2), 2, 512],
            &[2, at(0), 2, 512],
            &[2, at(0), 4, 512],
            &[1, at(2), 2, 512],
            &[1, at(4), 1, 512],
            &[1, at(5), 1, 512],
            &[1, at(6), 1, 512],
            &[1, at(7), 1, 512],
            &[1, at(7), 2, 512],
            &[1, at(8), 1, 512],
            &[1, at(9), 1, 512],
            &[1, at(0), 0, 512],
            &[1, at(0), -1, 512],
            &[1, at(0), 0x2000_0000, 512],
            &[1, at(0) + 1, 1, 512],
            &[1, 65_532, 1, 512],
            &[1, 65_536, 0, 512],
            &[1, 70_000, 1, 512],
            &[1, at(0), 1, 513],
            &[1, at(0), 1, 65_532],
            &[1, at(0), 1, 65_534],
            &[1, at(0), 1, 65_536],
            &[1, at(0), 1, at(0)],
            &[0, at(0), 1, 512],
            &[3, at(0), 1, 512],
            &[-1, at(0), 1, 512],
        ],
    );
}

#[test]
fn fd_fdstat_get() {
    compare(
        "fd_fdstat_get",
        &[
            &[0, 512],
            &[1, 512],
            &[2, 512],
            &[3, 512],
            &[-1, 512],
            &[1, 516],
            &[1, 513],
            &[1, 65_512],
            &[1, 65_520],
            &[1, 65_536],
            &[1, -8],
        ],
    );
}

#[test]
fn fd_prestat_get() {
    compare(
        "fd_prestat_get",
        &[
            &[3, 512],
            &[0, 512],
            &[4, 512],
            &[-1, 512],
            &[3, 513],
            &[3, 70_000],
        ],
    );
}

#[test]
fn sizes() {
    for function in ["args_sizes_get", "environ_sizes_get"] {
        compare(
            function,
            &[
                &[512, 516],
                &[512, 512],
                &[513, 516],
                &[512, 518],
                &[65_532, 512],
                &[65_536, 512],
                &[512, 65_536],
                &[-4, 512],
            ],
        );
    }
}

#[test]
fn strings() {
    for function in ["args_get", "environ_get"] {
        compare(
            function,
            &[
                &[512, 640],
                &[512, 512],
                &[512, 514],
                &[640, 630],
                &[513, 640],
                &[65_532, 512],
                &[65_536, 512],
                &[512, 65_530],
                &[512, 65_536],
                &[65_536, 65_536],
                &[-4, 512],
                &[512, -1],
            ],
        );
    }
}

/// The guest's memory has 4 GiB: its last byte is at `u32::MAX`, and there is no address after it.
#[test]
fn strings_at_the_end_of_what_32_bits_reach() {
    let errno = |at: i32, touched: bool| {
        let touch = match touched {
            true => "(drop (call $clock (i32.const 0) (i64.const 0) (i32.const 512)))",
            false => "",
        };
        let source = format!(
            r#"(module
              (import "wasi_snapshot_preview1" "args_get" (func $args (param i32 i32) (result i32)))
              (import "wasi_snapshot_preview1" "clock_time_get"
                (func $clock (param i32 i64 i32) (result i32)))
              (import "wasi_snapshot_preview1" "proc_exit" (func $exit (param i32)))
              (memory (export "memory") 65536)
              (func (export "_start")
                {touch}
                (call $exit (call $args (i32.const 512) (i32.const {at})))))"#
        );
        let program = runtime().load(source.into_bytes(), LoadOptions::named("end"));
        seen(&program.expect("a program"), &RunOptions::default()).ending
    };
    let length = "end\0".len() as i32;
    for at in [-length - 1, -length, 1 - length, -1] {
        assert_eq!(errno(at, false), errno(at, true), "{at}");
    }
}
