use crate::host::{
    Text, args, block_on, guest_path, idle, limits, load_in, real_source, run_plain, runtime,
};
use std::sync::Arc;
use std::time::Duration;
use wasiexec::{
    Ending, ErrorCode, LimitKind, Limits, LoadOptions, Outcome, Program, Result, RunOptions,
    Runtime,
};

const DIGEST: usize = 32;

fn trusted(name: &str) -> LoadOptions {
    LoadOptions {
        trust_precompiled: true,
        ..LoadOptions::named(name)
    }
}

fn compiled(name: &str, options: LoadOptions) -> Vec<u8> {
    let source = std::fs::read(guest_path(name)).expect("a guest");
    let program = idle().load(source, options).expect("a program");
    program.serialize().expect("a file")
}

fn run(runtime: &Runtime, program: &Arc<Program>, options: RunOptions) -> Outcome {
    block_on(runtime.run(program, options)).expect("an outcome")
}

fn refusal(loaded: Result<Arc<Program>>) -> (ErrorCode, String) {
    match loaded {
        Ok(program) => panic!("{} was loaded", program.name()),
        Err(error) => (error.code(), error.message().to_owned()),
    }
}

/// The file with its digest corrected: not damaged, but written that way on purpose.
fn signed(mut file: Vec<u8>) -> Vec<u8> {
    let content = file.len() - DIGEST;
    let digest = blake3::hash(&file[..content]);
    file[content..].copy_from_slice(digest.as_bytes());
    file
}

#[test]
fn what_was_serialized_runs_as_before() {
    for name in [
        "hello",
        "print-both",
        "component-hello",
        "component-p3-hello",
        "trap-unreachable",
    ] {
        let file = compiled(name, LoadOptions::named(name));
        let runtime = idle();
        let program = runtime.load(file, trusted(name)).expect("a program");
        let (there, here) = (
            run(&runtime, &program, RunOptions::default()),
            run_plain(name),
        );
        assert_eq!(there.ending, here.ending, "{name}");
        assert_eq!(
            (there.stdout(), there.stderr()),
            (here.stdout(), here.stderr())
        );
        assert_eq!(
            format!("{:?}", program.info()),
            format!("{:?}", load_in(&runtime, name).info())
        );
    }
}

#[test]
fn a_real_program_keeps_its_trace_with_files_and_lines() {
    let runtime = idle();
    let program = runtime.load(real_source("crash"), LoadOptions::named("crash"));
    let program = program.expect("a program");
    let direct = run(&runtime, &program, RunOptions::default());
    let file = program.serialize().expect("a file");
    let other = idle();
    let program = other.load(file, trusted("crash")).expect("a program");
    let again = run(&other, &program, RunOptions::default());
    assert_eq!(again.ending, direct.ending);
    assert!(
        format!("{:?}", again.ending).contains("crash.c"),
        "{again:?}"
    );
}

#[test]
fn a_loaded_file_serializes_to_itself() {
    let file = compiled("hello", LoadOptions::named("hello"));
    let runtime = idle();
    let program = runtime.load(file.clone(), trusted("hello"));
    let again = program.expect("a program").serialize().expect("a file");
    assert!(again == file, "{} and {} bytes", again.len(), file.len());
}

#[test]
fn fuel_works_whether_its_code_is_in_the_file_or_not() {
    let with_fuel = LoadOptions {
        fuel: true,
        ..LoadOptions::named("loop")
    };
    let (with, without) = (
        compiled("loop", with_fuel),
        compiled("loop", LoadOptions::named("loop")),
    );
    assert!(with.len() > without.len());
    for file in [with, without] {
        let runtime = idle();
        let program = runtime.load(file, trusted("loop")).expect("a program");
        let outcome = run(
            &runtime,
            &program,
            limits(Limits {
                fuel: Some(10_000),
                ..Limits::default()
            }),
        );
        assert_eq!(outcome.ending, Ending::Limit(LimitKind::Fuel));
    }
}

#[test]
fn it_is_as_interruptible_as_it_was_compiled() {
    let uninterruptible = LoadOptions {
        interruptible: false,
        ..LoadOptions::named("hello")
    };
    let runtime = idle();
    let file = compiled("hello", uninterruptible.clone());
    let program = runtime.load(file, trusted("hello")).expect("a program");
    assert_eq!(
        run(&runtime, &program, RunOptions::default()).stdout(),
        "hello\n"
    );
    let timeout = limits(Limits {
        timeout: Some(Duration::from_secs(1)),
        ..Limits::default()
    });
    let refused = block_on(runtime.run(&program, timeout)).expect_err("no limit on its time");
    assert_eq!(refused.code(), ErrorCode::InvalidOption);
    // The other way round is refused: the caller would not get the speed they asked for.
    let file = compiled("hello", LoadOptions::named("hello"));
    let options = LoadOptions {
        trust_precompiled: true,
        ..uninterruptible
    };
    let (code, message) = refusal(runtime.load(file, options));
    assert_eq!(code, ErrorCode::PrecompiledIncompatible);
    assert!(message.contains("interruptible"), "{message}");
}

#[test]
fn without_trust_it_is_refused_even_when_it_is_loaded_already() {
    let file = compiled("hello", LoadOptions::named("hello"));
    let runtime = idle();
    let loaded = runtime.load(file.clone(), trusted("hello"));
    let (code, message) = refusal(runtime.load(file, LoadOptions::named("hello")));
    assert_eq!(code, ErrorCode::PrecompiledUntrusted);
    assert!(message.contains("trustPrecompiled"), "{message}");
    drop(loaded);
}

#[test]
fn trust_changes_nothing_for_other_programs() {
    let runtime = idle();
    let hello = std::fs::read(guest_path("hello")).expect("a guest");
    let program = runtime.load(hello, trusted("hello")).expect("a program");
    assert_eq!(
        run(&runtime, &program, RunOptions::default()).stdout(),
        "hello\n"
    );
    let (code, _) = refusal(runtime.load(&b"\0nothing"[..], trusted("hello")));
    assert_eq!(code, ErrorCode::InvalidWasm);
}

#[test]
fn damage_is_found_wherever_it_is() {
    let file = compiled("hello", LoadOptions::named("hello"));
    let runtime = idle();
    let refused = |file: &[u8]| refusal(runtime.load(file, trusted("hello"))).0;
    // The 16 bytes of magic alone mark a file as a precompiled program.
    for length in [
        16,
        17,
        19,
        20,
        40,
        47,
        48,
        100,
        file.len() / 2,
        file.len() - 1,
    ] {
        assert_eq!(
            refused(&file[..length]),
            ErrorCode::PrecompiledDamaged,
            "{length} bytes"
        );
    }
    for at in (16..file.len()).step_by(file.len() / 50) {
        let mut damaged = file.clone();
        damaged[at] ^= 1 << (at % 8);
        assert_eq!(
            refused(&damaged),
            ErrorCode::PrecompiledDamaged,
            "byte {at}"
        );
    }
    let mut longer = file.clone();
    longer.push(0);
    assert_eq!(refused(&longer), ErrorCode::PrecompiledDamaged);
    // With a right digest, but a head that contradicts itself or what follows it.
    let wasm = "\"wasm\",\"bytes\":";
    let code = "\"any\"}},\"bytes\":";
    for (from, to) in [
        (wasm, format!("{wasm}9")),
        (code, format!("{code}9")),
        ("\"epoch\"", "\"nothing\"".into()),
        (
            "{\"holds\":\"wasm\"",
            "{\"holds\":{\"code\":{\"checks\":\"epoch\",\"tier\":\"optimizing\",\"nans\":\"any\"}}"
                .into(),
        ),
        ("\"wasm\"", "\"else\"".into()),
        (":true", ":false".into()),
    ] {
        assert_eq!(
            refused(&relabelled(&file, from, &to)),
            ErrorCode::PrecompiledDamaged,
            "{to}"
        );
    }
}

#[test]
fn files_of_other_versions_machines_and_settings_are_refused_by_name() {
    let file = compiled("hello", LoadOptions::named("hello"));
    let relabelled = |from: &str, to: &str| {
        let (from, to) = (format!(":{from}"), format!(":{to}"));
        refusal(runtime().load(relabelled(&file, &from, &to), trusted("hello")))
    };
    let version = format!("\"{}\"", env!("CARGO_PKG_VERSION"));
    let arch = format!("\"{}", std::env::consts::ARCH);
    for (from, to, named) in [
        (version.as_str(), "\"9.9.9\"", "9.9.9"),
        (arch.as_str(), "\"pdp11", "pdp11"),
    ] {
        let (code, message) = relabelled(from, to);
        assert_eq!(code, ErrorCode::PrecompiledIncompatible, "{message}");
        assert!(message.contains(named), "{message}");
    }
    // Code that checks the epoch, declared as code that does not.
    let uninterruptible = self::relabelled(&file, ":true", ":false");
    let unchecked = self::relabelled(&uninterruptible, "\"epoch\"", "\"nothing\"");
    let (code, message) = refusal(runtime().load(unchecked, trusted("hello")));
    assert_eq!(code, ErrorCode::PrecompiledIncompatible, "{message}");
    assert!(message.contains("epoch"), "{message}");
}

/// The same code in a file that declares it differently.
fn relabelled(file: &[u8], from: &str, to: &str) -> Vec<u8> {
    let length = u32::from_le_bytes(file[16..20].try_into().expect("four bytes")) as usize;
    let head = std::str::from_utf8(&file[20..20 + length]).expect("JSON");
    assert!(head.contains(from), "{head}");
    let head = head.replacen(from, to, 1);
    let mut changed = file[..16].to_vec();
    changed.extend((head.len() as u32).to_le_bytes());
    changed.extend(head.as_bytes());
    changed.extend(&file[20 + length..]);
    signed(changed)
}

#[test]
fn arguments_and_names_are_those_of_the_load() {
    let file = compiled("args", LoadOptions::named("before"));
    let runtime = idle();
    let program = runtime.load(file, trusted("after")).expect("a program");
    assert_eq!(run(&runtime, &program, args(&["x"])).stdout(), "after\nx\n");
}
