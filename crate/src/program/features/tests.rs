use super::*;
use crate::engine::{Engines, PoolSize};
use crate::program::{Cache, Given, LoadOptions, Program};
use std::sync::Arc;

/// A program for each feature that uses it; its name, and its text. What wasmtime runs of them is found out.
const PROBES: [(&str, &str); 38] = [
    (
        "mutable-global",
        r#"(module (global (export "g") (mut i32) (i32.const 0)))"#,
    ),
    (
        "saturating-float-to-int",
        "(module (func (param f32) (drop (i32.trunc_sat_f32_s (local.get 0)))))",
    ),
    (
        "sign-extension",
        "(module (func (param i32) (drop (i32.extend8_s (local.get 0)))))",
    ),
    ("reference-types", "(module (table 1 externref))"),
    (
        "multi-value",
        "(module (func (result i32 i32) (i32.const 1) (i32.const 2)))",
    ),
    (
        "bulk-memory",
        "(module (memory 1) (func (memory.fill (i32.const 0) (i32.const 0) (i32.const 0))))",
    ),
    ("simd", "(module (func (param v128)))"),
    (
        "relaxed-simd",
        "(module (func (param v128) (drop (i8x16.relaxed_swizzle (local.get 0) (local.get 0)))))",
    ),
    (
        "threads",
        "(module (memory 1) (func (drop (i32.atomic.load (i32.const 0)))))",
    ),
    (
        "shared-everything-threads",
        "(module (type (shared (func))))",
    ),
    ("tail-call", "(module (func $f (return_call $f)))"),
    ("multi-memory", "(module (memory 1) (memory 1))"),
    ("exceptions", "(module (tag $t) (func (throw $t)))"),
    ("memory64", "(module (memory i64 1))"),
    (
        "extended-const",
        "(module (global i32 (i32.add (i32.const 1) (i32.const 2))))",
    ),
    ("component-model", "(component)"),
    (
        "function-references",
        "(module (type $f (func)) (func (param (ref null $f))))",
    ),
    (
        "memory-control",
        "(module (memory 1) (func (memory.discard (i32.const 0) (i32.const 0))))",
    ),
    (
        "gc",
        "(module (type $s (struct)) (func (drop (struct.new $s))))",
    ),
    ("custom-page-sizes", "(module (memory 1 (pagesize 1)))"),
    (
        "legacy-exceptions",
        "(module (tag $t) (func try catch $t end))",
    ),
    (
        "stack-switching",
        "(module (type $f (func)) (type $c (cont $f)))",
    ),
    (
        "wide-arithmetic",
        "(module (func (param i64) (i64.mul_wide_u (local.get 0) (local.get 0)) (drop) (drop)))",
    ),
    (
        "component-model-values",
        r#"(component (import "a" (value $a u32)) (export "b" (value $a)))"#,
    ),
    (
        "component-model-nested-names",
        r#"(component (import "a:b:c/d" (func)))"#,
    ),
    (
        "component-model-async",
        "(component (core func (canon task.cancel)))",
    ),
    (
        "component-model-async-stackful",
        r#"(component (core module $m (func (export "f"))) (core instance $i (instantiate $m))
           (func (export "f") async (canon lift (core func $i "f") async)))"#,
    ),
    (
        "component-model-more-async-builtins",
        "(component (type $s (stream u8)) (core func (canon stream.cancel-read $s async)))",
    ),
    (
        "component-model-threading",
        "(component (core func (canon thread.index)))",
    ),
    (
        "component-model-error-context",
        "(component (core func (canon error-context.drop)))",
    ),
    (
        "component-model-fixed-length-lists",
        "(component (type (list u8 4)))",
    ),
    (
        "component-model-gc",
        r#"(component (core type $t (func)) (import "f" (func $f)) (core func (canon lower (func $f) gc (core-type $t))))"#,
    ),
    (
        "custom-descriptors",
        "(module (rec (type $a (descriptor $b) (struct)) (type $b (describes $a) (struct))))",
    ),
    ("component-model-map", "(component (type (map u32 u32)))"),
    (
        "component-model-64",
        "(component (core func (canon context.get i64 0)))",
    ),
    (
        "component-model-implements",
        r#"(component (import "d" (implements "a:b/c") (instance)))"#,
    ),
    (
        "component-model-canon-names",
        r#"(component (import "a:b/c@1" (versionsuffix ".2.3") (instance)))"#,
    ),
    (
        "compact-imports",
        r#"(module (import "m" (item "a" (func)) (item "b" (func))))"#,
    ),
];

#[test]
fn every_feature_has_a_probe_that_uses_it() {
    let mut known: Vec<_> = PROBES.iter().map(|(name, _)| *name).collect();
    known.sort_unstable();
    let mut all: Vec<_> = named(WasmFeatures::all()).map(|(name, _)| name).collect();
    all.sort_unstable();
    assert_eq!(known, all, "a feature of wasmparser is new or gone");
    let mut wrong = Vec::new();
    for (name, text) in PROBES {
        match wat::parse_str(text) {
            Ok(wasm) if used(&wasm).iter().any(|used| used == name) => {}
            Ok(wasm) => wrong.push(format!("{name}: {:?}", used(&wasm))),
            Err(error) => wrong.push(format!("{name}: {error}")),
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn what_the_engines_refuse_is_what_is_said_to_be_refused() {
    let engines = Arc::new(Engines::new(PoolSize { total: 2, warm: 1 }));
    let mut wrong = Vec::new();
    for (name, text) in PROBES {
        let given = Given::new(text.as_bytes().into(), false).expect("text");
        let loaded = Program::new(given, LoadOptions::named("probe"), &engines, Cache::none());
        let (_, feature) = named(WasmFeatures::all())
            .find(|(known, _)| known == name)
            .expect("a feature");
        match loaded.map(drop) {
            Ok(()) if RUN.contains(feature) => {}
            Ok(()) => wrong.push(format!("{name} is run")),
            Err(error) if RUN.contains(feature) => wrong.push(format!("{name}: {error}")),
            Err(error) => {
                let says = error.code() == ErrorCode::UnsupportedWasm
                    && error.message().contains(&format!("does not run: {name}"));
                if !says {
                    wrong.push(format!("{name}: {error}"));
                }
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn a_program_uses_what_it_is_not_valid_without() {
    let program = |text: &str| used(&wat::parse_str(text).expect("text"));
    assert_eq!(program("(module (func))"), [""; 0]);
    let both = "(module (memory 1) (func (param v128) (memory.copy (i32.const 0) (i32.const 0) (i32.const 0))))";
    assert_eq!(program(both), ["bulk-memory", "simd"]);
    assert_eq!(used(b"\0asm"), [""; 0]);
}

#[test]
fn a_program_that_is_not_valid_is_said_to_be_invalid() {
    let wasm = wat::parse_str("(module (func (result i32)))").expect("text");
    let error = Error::new(ErrorCode::InvalidWasm, "as the compiler says");
    let explained = explained(error, &wasm);
    assert_eq!(explained.code(), ErrorCode::InvalidWasm);
    assert_eq!(explained.message(), "as the compiler says");
}
