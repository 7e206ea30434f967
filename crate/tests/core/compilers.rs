//! The compilers differ in speed and in nothing else.

use crate::host::{Text, block_on, guest_path, idle, limits, options, runtime, source};
use std::fs;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tempfile::tempdir;
use wasiexec::{
    Cache, Clock, CompilerChoice, Ending, ErrorCode, Frame, LimitKind, Limits, LoadOptions,
    Outcome, Program, RunOptions, Runtime, RuntimeOptions, Tier,
};

const CHOICES: [CompilerChoice; 3] = [
    CompilerChoice::Optimizing,
    CompilerChoice::Baseline,
    CompilerChoice::Tiered,
];

fn by(compiler: CompilerChoice, name: &str) -> LoadOptions {
    LoadOptions {
        compiler,
        ..LoadOptions::named(name)
    }
}

fn load(runtime: &Runtime, source: impl Into<Vec<u8>>, compiler: CompilerChoice) -> Arc<Program> {
    let program = runtime.load(source.into(), by(compiler, "program"));
    program.expect("a program")
}

fn run(runtime: &Runtime, program: &Arc<Program>, options: RunOptions) -> Outcome {
    block_on(runtime.run(program, options)).expect("an outcome")
}

fn tier(program: &Program) -> (Tier, String) {
    let compiler = program.inspect().expect("an inspection").compiler;
    (compiler.tier, compiler.reason)
}

/// Waits until the program has its optimized code.
fn wait_for_optimized(program: &Program) {
    let start = Instant::now();
    while tier(program).0 == Tier::Baseline {
        assert!(start.elapsed() < crate::host::PATIENCE);
        std::thread::sleep(Duration::from_millis(2));
    }
}

#[test]
fn a_program_has_the_code_that_was_asked_for() {
    let runtime = idle();
    let of = |compiler| tier(&load(&runtime, source("hello"), compiler));
    let asked = "`compiler` asks for it";
    assert_eq!(
        of(CompilerChoice::Optimizing),
        (Tier::Optimizing, asked.into())
    );
    assert_eq!(of(CompilerChoice::Baseline), (Tier::Baseline, asked.into()));
}

/// Programs that use what the baseline compiler lacks, by what that is.
const BEYOND_BASELINE: [(&str, &str); 7] = [
    (
        "gc",
        r#"(type $s (struct)) (func (export "_start") (drop (struct.new $s)))"#,
    ),
    (
        "exceptions",
        r#"(tag $t) (func (export "_start") (block $b (try_table (catch $t $b) (throw $t))))"#,
    ),
    (
        "tail calls",
        r#"(func $f) (func (export "_start") return_call $f)"#,
    ),
    (
        "function references",
        r#"(type $f (func)) (func $g) (elem declare func $g)
           (func (export "_start") (call_ref $f (ref.func $g)))"#,
    ),
    (
        "relaxed SIMD",
        r#"(func (export "_start")
             (drop (i8x16.relaxed_swizzle (v128.const i64x2 0 0) (v128.const i64x2 0 0))))"#,
    ),
    (
        "external references",
        r#"(table 1 externref) (func (export "_start") (drop (table.get (i32.const 0))))"#,
    ),
    (
        "a reference in a local",
        r#"(func (export "_start") (local externref) (drop (local.get 0)))"#,
    ),
];

#[test]
fn what_the_baseline_compiler_lacks_is_optimized_with_the_reason() {
    let runtime = idle();
    for (feature, body) in BEYOND_BASELINE {
        for compiler in CHOICES {
            let program = load(&runtime, format!("(module {body})"), compiler);
            let outcome = run(&runtime, &program, RunOptions::default());
            assert_eq!(outcome.exit_code(), Some(0), "{feature}, {compiler:?}");
            let (tier, reason) = tier(&program);
            assert_eq!(tier, Tier::Optimizing, "{feature}, {compiler:?}");
            if compiler != CompilerChoice::Optimizing {
                let start = "the baseline compiler does not compile this program: ";
                assert!(reason.starts_with(start), "{feature}: {reason}");
                assert!(reason.len() > start.len(), "{feature}");
            }
        }
    }
    assert_eq!(runtime.stats().optimizing, 0);
}

#[test]
fn invalid_programs_are_refused_in_the_same_way() {
    let invalid = "(module (func (export \"_start\") i32.const 1))";
    let messages = CHOICES.map(|compiler| {
        let refused = runtime().load(invalid.as_bytes(), by(compiler, "invalid"));
        let error = refused.err().expect("an error");
        assert_eq!(error.code(), ErrorCode::InvalidWasm);
        error.message().to_owned()
    });
    assert!(messages.iter().all(|message| *message == messages[0]));
}

#[test]
fn a_tiered_program_runs_at_once_and_is_optimized_meanwhile() {
    let runtime = idle();
    let program = load(&runtime, source("compute-argv"), CompilerChoice::Tiered);
    let options = || RunOptions {
        args: vec!["1000".into()].into(),
        ..RunOptions::default()
    };
    let first = run(&runtime, &program, options());
    wait_for_optimized(&program);
    assert_eq!(
        tier(&program),
        (Tier::Optimizing, "the optimized code is made".into())
    );
    assert_eq!(runtime.stats().optimizing, 0);
    let later = run(&runtime, &program, options());
    assert_eq!(first.ending, later.ending);
    assert_eq!(first.stdout(), later.stdout());
}

fn with_cache(folder: &Path) -> Runtime {
    Runtime::new(RuntimeOptions {
        cache: Cache::at(folder.to_owned()),
        ..options()
    })
    .expect("a runtime")
}

fn entries(folder: &Path) -> usize {
    let files = fs::read_dir(folder).map_or(Vec::new(), |files| files.flatten().collect());
    let is_entry = |file: &fs::DirEntry| file.path().extension().is_some_and(|e| e == "cwasm");
    files.iter().filter(|file| is_entry(file)).count()
}

#[test]
fn optimized_code_from_the_cache_is_used_at_once() {
    let folder = tempdir().expect("a folder");
    let first = with_cache(folder.path());
    let program = load(&first, source("hello"), CompilerChoice::Tiered);
    wait_for_optimized(&program);
    // The code of both compilers; that of the baseline one is stored by another thread.
    let start = Instant::now();
    while entries(folder.path()) < 2 {
        assert!(start.elapsed() < crate::host::PATIENCE);
        std::thread::sleep(Duration::from_millis(2));
    }
    let runtime = with_cache(folder.path());
    let again = load(&runtime, source("hello"), CompilerChoice::Tiered);
    assert_eq!(tier(&again).0, Tier::Optimizing);
    assert_eq!(
        run(&runtime, &again, RunOptions::default()).stdout(),
        "hello\n"
    );
}

#[test]
fn baseline_code_is_kept_in_the_cache_too() {
    let folder = tempdir().expect("a folder");
    let runtime = with_cache(folder.path());
    let _program = load(&runtime, source("hello"), CompilerChoice::Baseline);
    let start = Instant::now();
    while entries(folder.path()) == 0 {
        assert!(start.elapsed() < crate::host::PATIENCE);
        std::thread::sleep(Duration::from_millis(2));
    }
}

#[test]
fn fuel_is_the_same_number_with_each() {
    let runtime = idle();
    let used = CHOICES.map(|compiler| {
        let program = load(&runtime, source("hello"), compiler);
        let options = RunOptions {
            limits: Limits {
                fuel: Some(1_000_000),
                ..Limits::default()
            },
            ..RunOptions::default()
        };
        run(&runtime, &program, options).usage.fuel
    });
    assert!(used[0].is_some_and(|fuel| fuel > 0));
    assert_eq!(used, [used[0]; 3]);
}

#[test]
fn a_serialized_tiered_program_has_optimized_code() {
    let runtime = idle();
    let program = load(&runtime, source("hello"), CompilerChoice::Tiered);
    let file = program.serialize().expect("a file");
    let optimized = load(&runtime, source("hello"), CompilerChoice::Optimizing);
    let other = optimized.serialize().expect("a file");
    assert_eq!(file.len(), other.len());
    for compiler in [CompilerChoice::Tiered, CompilerChoice::Optimizing] {
        assert_eq!(restored_tier(&file, compiler), Tier::Optimizing);
    }
}

/// The code that a run gets of a precompiled `hello`.
fn restored_tier(file: &[u8], compiler: CompilerChoice) -> Tier {
    let options = LoadOptions {
        trust_precompiled: true,
        ..by(compiler, "hello")
    };
    let runtime = idle();
    let restored = runtime.load(file, options).expect("a program");
    let outcome = run(&runtime, &restored, RunOptions::default());
    assert_eq!(outcome.stdout(), "hello\n");
    tier(&restored).0
}

#[test]
fn a_file_with_code_of_one_compiler_can_be_loaded_for_another() {
    let baseline = load(&idle(), source("hello"), CompilerChoice::Baseline);
    let file = baseline.serialize().expect("a file");
    for (compiler, expected) in [
        (CompilerChoice::Baseline, Tier::Baseline),
        (CompilerChoice::Optimizing, Tier::Optimizing),
    ] {
        assert_eq!(restored_tier(&file, compiler), expected);
    }
}

/// What no compiler can compute once more, or have once for two, instead of keeping it.
fn read(i: usize) -> String {
    format!("(i64.load offset={} (local.get 0))", 8 * i)
}

/// A function that calls itself.
#[derive(Clone, Copy)]
struct Recursion {
    /// Parameters besides the number of calls.
    params: usize,
    locals: usize,
    /// Operands that are alive over the call.
    operands: usize,
    /// Whether the call goes through a table.
    is_indirect: bool,
}

impl Recursion {
    /// A program in which it calls itself so many times.
    fn program(self, depth: u32) -> String {
        let Self {
            params,
            locals,
            operands,
            is_indirect,
        } = self;
        let declared = "(local i64)".repeat(locals);
        let set: String = (1..=locals)
            .map(|i| format!("(local.set {} {})", params + i, read(i)))
            .collect();
        let pushed: String = (1..=operands).map(|i| read(locals + i)).collect();
        let added = "i64.add ".repeat(operands);
        let used: String = (1..=params + locals)
            .map(|i| format!("(local.get {i}) i64.add "))
            .collect();
        let passed: String = (1..=params).map(|i| format!("(local.get {i})")).collect();
        let call = match is_indirect {
            true => format!(
                "call_indirect (type $f) (i32.sub (local.get 0) (i32.const 1)) {passed} (i32.const 3)"
            ),
            false => format!("call $f (i32.sub (local.get 0) (i32.const 1)) {passed}"),
        };
        let first = "(i64.load (i32.const 0))".repeat(params);
        let types = "i64 ".repeat(params);
        // So many that the call is made direct.
        let elements = "$f ".repeat(32);
        format!(
            r#"(module
              (memory 20)
              (type $f (func (param i32 {types}) (result i64)))
              (table 40 funcref)
              (elem (i32.const 3) {elements})
              (func $f (type $f) {declared}
                (if (i32.eqz (local.get 0)) (then (return (i64.const 0))))
                {set}
                {pushed}
                ({call})
                {added}
                {used})
              (func (export "_start") (drop (call $f (i32.const {depth}) {first}))))"#
        )
    }
}

#[test]
fn guests_get_as_deep_with_baseline_code_as_with_optimized_code() {
    let runtime = idle();
    let shapes = [(0, 0, 0), (0, 0, 8), (0, 4, 0), (0, 16, 4), (0, 60, 20)];
    let with_params = [(1, 0, 0), (5, 0, 0), (12, 2, 2), (40, 0, 0), (200, 0, 0)];
    let shapes = shapes.into_iter().chain(with_params);
    for (params, locals, operands) in shapes {
        for is_indirect in [false, true] {
            let recursion = Recursion {
                params,
                locals,
                operands,
                is_indirect,
            };
            let fits = |compiler, depth| {
                let program = load(&runtime, recursion.program(depth), compiler);
                run(&runtime, &program, RunOptions::default()).exit_code() == Some(0)
            };
            let (mut fitting, mut too_deep) = (1, 1 << 20);
            while fitting + 1 < too_deep {
                let depth = (fitting + too_deep) / 2;
                match fits(CompilerChoice::Optimizing, depth) {
                    true => fitting = depth,
                    false => too_deep = depth,
                }
            }
            let frame = format!(
                "{params} parameters, {locals} locals and {operands} operands, {fitting} calls, indirect: {is_indirect}"
            );
            assert!(fits(CompilerChoice::Baseline, fitting), "{frame}");
            assert!(!fits(CompilerChoice::Baseline, 1 << 20), "{frame}");
        }
    }
}

#[test]
fn limits_hold_with_each() {
    for compiler in CHOICES {
        let runtime = idle();
        let program = load(&runtime, source("loop"), compiler);
        let none = Limits::default();
        let short = Some(Duration::from_millis(20));
        for (kind, options) in [
            (
                LimitKind::Timeout,
                Limits {
                    timeout: short,
                    ..none
                },
            ),
            (LimitKind::Cpu, Limits { cpu: short, ..none }),
            (
                LimitKind::Fuel,
                Limits {
                    fuel: Some(100_000),
                    ..none
                },
            ),
        ] {
            let outcome = run(&runtime, &program, limits(options));
            assert_eq!(outcome.ending, Ending::Limit(kind), "{compiler:?}");
        }
    }
}

/// The code of a trap and its frames, by each compiler.
fn traps(runtime: &Runtime, name: &str, wasm: &[u8]) -> Vec<(&'static str, Vec<Frame>)> {
    let by_each = CHOICES.map(|compiler| {
        let program = load(runtime, wasm, compiler);
        match run(runtime, &program, RunOptions::default()).ending {
            Ending::Trap(trap) => (trap.code.as_str(), trap.frames),
            other => panic!("{name}: {other:?}"),
        }
    });
    by_each.into()
}

#[test]
fn guests_have_the_same_trace_with_each() {
    let runtime = idle();
    let guests = fs::read_dir(guest_path("hello").parent().expect("a folder")).expect("guests");
    let mut count = 0;
    for guest in guests.flatten() {
        let name = guest.file_name().to_string_lossy().into_owned();
        if !name.starts_with("trap-") {
            continue;
        }
        let mut traps = traps(&runtime, &name, &fs::read(guest.path()).expect("a guest"));
        for (code, frames) in &mut traps {
            match *code {
                // The number of frames that fit onto the stack is not the same.
                "stack-overflow" => frames.truncate(1),
                // The optimizing compiler takes the start of a function for the place of an `unreachable` that nothing
                // comes before.
                "unreachable" => frames[0].offset = None,
                _ => {}
            }
        }
        assert!(
            traps.iter().all(|trap| *trap == traps[0]),
            "{name}: {traps:?}"
        );
        count += 1;
    }
    assert!(count > 10);
}

#[test]
fn the_baseline_compiler_says_where_an_unreachable_is() {
    let runtime = idle();
    for body in [
        "unreachable",
        "unreachable unreachable",
        "nop unreachable nop",
        "(drop (i32.const 5)) unreachable (drop (i32.const 5))",
        "(block unreachable)",
        "(loop (br_if 0 (i32.const 0)) unreachable)",
        "(if (i32.const 1) (then unreachable) (else nop))",
        "(if (i32.const 0) (then nop) (else unreachable))",
        "(block (br_table 0 0 (i32.const 3))) unreachable",
        "(drop (i32.add (i32.const 1) (unreachable)))",
        "(call $f)",
    ] {
        let wat = format!(
            r#"(module (func $f (drop (i32.const 1)) unreachable) (func (export "_start") {body}))"#
        );
        let wasm = wat::parse_str(wat).expect("a module");
        let traps = traps(&runtime, body, &wasm);
        let functions = |(code, frames): &(&'static str, Vec<Frame>)| {
            let indices: Vec<_> = frames.iter().map(|frame| frame.function_index).collect();
            (*code, indices)
        };
        assert_eq!(functions(&traps[1]), functions(&traps[0]), "{body}");
        let offset = traps[1].1[0].offset.expect("an offset");
        assert_eq!(wasm[offset], 0, "{body}: not an `unreachable` at {offset}");
    }
}

/// The upper bits of 0 / 0, which are 0xfff8 on x86-64 processors, are the exit code.
const NAN: &str = r#"(module
    (import "wasi_snapshot_preview1" "proc_exit" (func $exit (param i32)))
    (memory (export "memory") 1)
    (func (export "_start")
      (call $exit (i32.wrap_i64 (i64.shr_u
        (i64.reinterpret_f64 (f64.div (f64.load (i32.const 0)) (f64.load (i32.const 0))))
        (i64.const 48))))))"#;

#[test]
fn nans_are_canonical_in_runs_that_are_the_same() {
    let folder = tempdir().expect("a folder");
    for fuel in [None, Some(1_000_000)] {
        let same = || RunOptions {
            clock: Clock::Fixed(Duration::ZERO),
            random_seed: Some(1),
            ..limits(Limits {
                fuel,
                ..Limits::default()
            })
        };
        let runtime = with_cache(folder.path());
        for compiler in CHOICES {
            let program = load(&runtime, NAN, compiler);
            for _ in 0..2 {
                let outcome = run(&runtime, &program, same());
                assert_eq!(outcome.exit_code(), Some(0x7ff8), "{compiler:?} {fuel:?}");
                if compiler == CompilerChoice::Tiered {
                    wait_for_optimized(&program);
                }
            }
            let file = program.serialize().expect("a file");
            let options = LoadOptions {
                trust_precompiled: true,
                ..by(compiler, "program")
            };
            let runtime = idle();
            let again = runtime.load(file, options).expect("a program");
            let outcome = run(&runtime, &again, same());
            assert_eq!(outcome.exit_code(), Some(0x7ff8), "{compiler:?} {fuel:?}");
        }
    }
}
