//! Calls through tables, by each compiler. The baseline compiler gets other modules, in which most of them are direct;
//! nobody can tell.
//!
//! `INDIRECT_CASES` says how many generated programs there are, `INDIRECT_SEED` from which number on.

mod generated;

use crate::host::{block_on, idle, runtime};
use crate::random::each_seed;
use generated::generate;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use wasiexec::{
    CompilerChoice, CompilerInfo, Ending, Frame, LoadOptions, Outcome, Program, RunOptions,
    Runtime, Tier, TrapCode, TrapInfo,
};

const CASES: u64 = 150;

fn load(runtime: &Runtime, source: &[u8], compiler: CompilerChoice) -> Arc<Program> {
    let options = LoadOptions {
        compiler,
        trust_precompiled: true,
        ..LoadOptions::named("program")
    };
    let program = runtime.load(source, options).expect("a program");
    let expected = match compiler {
        CompilerChoice::Baseline => Tier::Baseline,
        CompilerChoice::Optimizing | CompilerChoice::Tiered => Tier::Optimizing,
    };
    let CompilerInfo { tier, reason } = program.inspect().expect("an inspection").compiler;
    assert_eq!(tier, expected, "{reason}");
    program
}

fn run(program: &Arc<Program>) -> Outcome {
    block_on(runtime().run(program, RunOptions::default())).expect("an outcome")
}

/// What a user sees of a run.
fn seen(outcome: Outcome) -> (Ending, Vec<u8>, Vec<u8>) {
    (outcome.ending, outcome.stdout, outcome.stderr)
}

fn by_each(wasm: &[u8]) -> (Outcome, Outcome) {
    let by = |compiler| run(&load(runtime(), wasm, compiler));
    (by(CompilerChoice::Optimizing), by(CompilerChoice::Baseline))
}

#[test]
fn generated_programs_end_in_the_same_way() {
    let endings = [const { AtomicUsize::new(0) }; 4];
    let cases = each_seed("INDIRECT", CASES, |seed| {
        endings[check(seed)].fetch_add(1, Ordering::Relaxed);
    });
    let endings = endings.map(AtomicUsize::into_inner);
    let all_occur = endings.iter().all(|count| *count > 0);
    assert!(all_occur || cases < 100, "{endings:?}");
}

/// Returns the number of the kind of ending.
fn check(seed: u64) -> usize {
    let wat = generate(seed);
    let wasm = wat::parse_str(&wat).unwrap_or_else(|error| panic!("seed {seed}: {error}:\n{wat}"));
    let (optimizing, baseline) = by_each(&wasm);
    let expected = seen(optimizing);
    assert_eq!(seen(baseline), expected, "seed {seed}:\n{wat}");
    if seed.is_multiple_of(8) {
        let program = load(runtime(), &wasm, CompilerChoice::Baseline);
        let file = program.serialize().expect("a file");
        let restored = load(&idle(), &file, CompilerChoice::Baseline);
        assert_eq!(seen(run(&restored)), expected, "seed {seed}");
    }
    match expected.0 {
        Ending::Exit { .. } => 0,
        Ending::Trap(trap) => match trap.code {
            TrapCode::TableOutOfBounds => 1,
            TrapCode::IndirectCallToNull => 2,
            TrapCode::BadSignature => 3,
            other => panic!("seed {seed}: {other:?}"),
        },
        other => panic!("seed {seed}: {other:?}"),
    }
}

fn trap(outcome: Outcome) -> TrapInfo {
    match outcome.ending {
        Ending::Trap(trap) => trap,
        other => panic!("{other:?}"),
    }
}

/// A program that calls the functions with these indices of a table of 100, one after the other, by the type `$t`. In the
/// table are functions of that type in `0..40`, others in `50..60`, and `$deep` and `$fail` at 60 and 61.
fn program(indices: &[i32]) -> Vec<u8> {
    let functions: String = (0..40)
        .map(|n| format!("(func $f{n} (type $t) (i32.add (local.get 0) (i32.const {n})))\n"))
        .collect();
    let all: String = (0..40).map(|n| format!("$f{n} ")).collect();
    let others = "$other ".repeat(10);
    let calls: String = indices
        .iter()
        .map(|index| {
            format!("(drop (call_indirect (type $t) (i32.const 30) (i32.const {index})))\n")
        })
        .collect();
    wat::parse_str(format!(
        r#"(module
          (type $t (func (param i32) (result i32)))
          (type $u (func (param i64)))
          (table 100 funcref)
          (elem (i32.const 0) {all})
          (elem (i32.const 50) {others})
          (elem (i32.const 60) $deep $fail)
          {functions}
          (func $other (type $u))
          (func $deep (type $t)
            (if (result i32) (local.get 0)
              (then (call_indirect (type $t) (i32.sub (local.get 0) (i32.const 1)) (i32.const 60)))
              (else (call_indirect (type $t) (i32.const 1) (i32.const 61)))))
          (func $fail (type $t) (i32.div_u (i32.const 1) (i32.sub (local.get 0) (i32.const 1))))
          (func $start {calls})
          (func (export "_start") (call $start)))"#
    ))
    .expect("a module")
}

#[test]
fn an_index_that_means_nothing_is_a_trap_of_the_caller() {
    for (index, code) in [
        (100, TrapCode::TableOutOfBounds),
        (-1, TrapCode::TableOutOfBounds),
        (i32::MIN, TrapCode::TableOutOfBounds),
        (40, TrapCode::IndirectCallToNull),
        (49, TrapCode::IndirectCallToNull),
        (62, TrapCode::IndirectCallToNull),
        (99, TrapCode::IndirectCallToNull),
        (50, TrapCode::BadSignature),
        (59, TrapCode::BadSignature),
    ] {
        let (optimizing, baseline) = by_each(&program(&[0, 39, index, 5]));
        let trap = trap(baseline);
        assert_eq!(trap.code, code, "{index}");
        let functions: Vec<_> = trap
            .frames
            .iter()
            .map(|frame| frame.function.as_deref())
            .collect();
        assert_eq!(functions, [Some("start"), None], "{index}");
        assert_eq!(Ending::Trap(trap), optimizing.ending, "{index}");
    }
}

#[test]
fn a_trap_shows_as_many_calls_as_ever() {
    let (optimizing, baseline) = by_each(&program(&[60]));
    let trap = trap(baseline);
    assert_eq!(trap.code, TrapCode::IntegerDivisionByZero);
    assert_eq!(trap.frames.len(), 20);
    assert_eq!(trap.frames[0].function.as_deref(), Some("fail"));
    let is_deep = |frame: &Frame| frame.function.as_deref() == Some("deep");
    assert!(trap.frames[1..].iter().all(is_deep));
    assert_eq!(Ending::Trap(trap), optimizing.ending);
}

#[test]
fn a_stack_overflow_shows_functions_of_the_program_only() {
    let elements = "$f ".repeat(100);
    let wasm = wat::parse_str(format!(
        r#"(module (type $t (func)) (table 100 funcref) (elem (i32.const 0) {elements})
           (func $f (call_indirect (type $t) (i32.const 0)))
           (func (export "_start") (call $f)))"#,
    ));
    let program = load(
        runtime(),
        &wasm.expect("a module"),
        CompilerChoice::Baseline,
    );
    let trap = trap(run(&program));
    assert_eq!(trap.code, TrapCode::StackOverflow);
    assert_eq!(trap.frames.len(), 20);
    for frame in trap.frames {
        assert_eq!(frame.function.as_deref(), Some("f"));
    }
}
