use super::{FEWEST, bodies, rewrite, rewrite_from};
use wasm_encoder::{
    CodeSection, ConstExpr, ElementSection, Elements, Function, FunctionSection, Module, RefType,
    TableSection, TableType, TypeSection,
};
use wasmparser::{ElementItems, ElementKind, Operator, Parser, Payload, Validator, WasmFeatures};

/// A module whose table is only called, with more in it.
fn module(more: &str) -> String {
    format!(
        "(module
           (type $t (func (param i32) (result i32)))
           (func $f (type $t) local.get 0)
           (func $g (type $t) (call_indirect (type $t) (local.get 0) (i32.const 1)))
           {more})"
    )
}

/// The table of such a module.
const PLAIN: &str = "(table $table 2 funcref) (elem (i32.const 0) $f $g)";

fn parse(wat: &str) -> Vec<u8> {
    wat::parse_str(wat).unwrap_or_else(|error| panic!("{error}:\n{wat}"))
}

/// The module instead of `wasm`, which is valid like it.
fn rewritten(wasm: &[u8]) -> Option<Vec<u8>> {
    let is_valid = |wasm: &[u8]| {
        let mut validator = Validator::new_with_features(WasmFeatures::all());
        validator.validate_all(wasm).map(drop)
    };
    is_valid(wasm).expect("a valid module");
    let other = rewrite_from(1, wasm)?;
    is_valid(&other).expect("a module that is still valid");
    Some(other)
}

/// What a module has, as far as it matters to wasmtime.
#[derive(Debug, Default, PartialEq)]
struct Seen {
    /// How many functions its segments have, without those that occur again.
    in_segments: usize,
    /// The `call_indirect`s of each function.
    indirect: Vec<usize>,
    /// The length of each body.
    lengths: Vec<usize>,
}

fn seen(wasm: &[u8]) -> Seen {
    let mut seen = Seen::default();
    let mut functions = std::collections::BTreeSet::new();
    for payload in Parser::new(0).parse_all(wasm) {
        match payload.expect("a module") {
            Payload::ElementSection(section) => {
                for element in section {
                    let element = element.expect("a segment");
                    let is_active = matches!(element.kind, ElementKind::Active { .. });
                    match element.items {
                        ElementItems::Functions(items) if is_active => {
                            functions.extend(items.into_iter().flatten());
                        }
                        ElementItems::Expressions(_, items) if is_active => {
                            for item in items.into_iter().flatten() {
                                let first = item.get_operators_reader().read();
                                if let Ok(Operator::RefFunc { function_index }) = first {
                                    functions.insert(function_index);
                                }
                            }
                        }
                        _ => {}
                    }
                }
            }
            Payload::CodeSectionEntry(body) => {
                let operators = body.get_operators_reader().expect("a body").into_iter();
                let is_indirect =
                    |operator: &_| matches!(operator, Ok(Operator::CallIndirect { .. }));
                seen.indirect.push(operators.filter(is_indirect).count());
                seen.lengths.push(body.range().len());
            }
            _ => {}
        }
    }
    seen.in_segments = functions.len();
    seen
}

/// Whether the functions of tables are called directly, with all bodies where they were.
fn is_direct(wasm: &[u8]) -> bool {
    let Some(other) = rewritten(wasm) else {
        return false;
    };
    let (before, after) = (seen(wasm), seen(&other));
    let number = before.lengths.len();
    assert_eq!(after.lengths[..number], before.lengths);
    assert!(after.indirect[..number].iter().all(|calls| *calls == 0));
    assert_eq!(after.in_segments, 1);
    let (old, new) = (bodies(wasm), bodies(&other));
    assert_eq!(old.imported, new.imported);
    let moved: Vec<_> = old
        .starts
        .iter()
        .zip(&new.starts)
        .map(|(old, new)| new - old)
        .collect();
    assert!(moved.windows(2).all(|moved| moved[0] == moved[1]));
    true
}

#[test]
fn functions_of_tables_that_are_only_called_are_called_directly() {
    for more in [
        PLAIN,
        "(table $table funcref (elem $f $g))",
        "(table $table 2 9 funcref) (elem (i32.const 1) $f) (elem (i32.const 0) $g)",
        "(table 2 funcref) (elem (i32.const 0) funcref (ref.null func) (ref.func $f))",
        "(table 2 funcref) (elem (i32.const 0) func $f) (elem declare func $g)",
        "(table 2 funcref) (elem (i32.const 0) $f) (elem func $g)",
        // The same type once more, and a type that no function has.
        "(type $same (func (param i32) (result i32))) (table 2 funcref) (elem (i32.const 0) $f)
         (func (drop (call_indirect (type $same) (i32.const 0) (i32.const 0)))
               (call_indirect (param i64) (i64.const 0) (i32.const 0)))",
        // Asking for the size, and for another table.
        "(table 2 funcref) (elem (i32.const 0) $f) (table $other 1 externref)
         (func (drop (table.size 0)) (drop (table.get $other (i32.const 0))))",
        // Other ways to get hold of a function.
        "(table 2 funcref) (elem (i32.const 0) $f $g) (export \"f\" (func $f)) (start $s) (func $s)
         (global funcref (ref.func $g)) (func (drop (ref.func $f)))",
        "(table 2 funcref) (elem (i32.const 0) $f $g) (func (drop (ref.func $g)))",
        // Far apart, and often.
        "(table 5000000 funcref) (elem (i32.const 4999999) $f) (elem (i32.const 0) $g $f $g $f)",
        "(memory 1) (data (i32.const 0) \"x\") (table 2 funcref) (elem (i32.const 0) $f)",
    ] {
        assert!(is_direct(&parse(&module(more))), "{more}");
    }
}

#[test]
fn imported_functions_are_called_too() {
    let wasm = parse(
        r#"(module (type $t (func)) (import "a" "b" (func $i)) (import "a" "m" (memory 1))
           (table 2 funcref) (elem (i32.const 0) $i $f)
           (func $f (call_indirect (type $t) (i32.const 0))))"#,
    );
    assert!(is_direct(&wasm));
}

#[test]
fn other_modules_are_compiled_as_they_are() {
    for (why, more) in [
        ("no table", "(table 2 funcref)"),
        (
            "exported",
            "(table (export \"t\") 2 funcref) (elem (i32.const 0) $f)",
        ),
        (
            "exported later",
            "(table $t 2 funcref) (elem (i32.const 0) $f) (export \"t\" (table $t))",
        ),
        (
            "not null",
            "(table 2 funcref (ref.func $f)) (elem (i32.const 0) $f)",
        ),
        (
            "an offset from elsewhere",
            "(global $g i32 (i32.const 0)) (table 2 funcref) (elem (global.get $g) $f)",
        ),
        (
            "a computed offset",
            "(table 2 funcref) (elem (i32.add (i32.const 0) (i32.const 1)) $f)",
        ),
        (
            "an element from elsewhere",
            "(global $g funcref (ref.func $f)) (table 2 funcref) (elem (i32.const 0) funcref (global.get $g))",
        ),
        (
            "elements that are never null",
            "(table 2 funcref) (elem (i32.const 0) (ref func) (ref.func $f))",
        ),
        ("too long", "(table 2 funcref) (elem (i32.const 1) $f $g)"),
        ("far too long", "(table 2 funcref) (elem (i32.const -1) $f)"),
        (
            "read",
            "(table 2 funcref) (elem (i32.const 0) $f) (func (drop (table.get 0 (i32.const 0))))",
        ),
        (
            "written",
            "(table 2 funcref) (elem (i32.const 0) $f) (func (table.set 0 (i32.const 0) (ref.null func)))",
        ),
        (
            "grown",
            "(table 2 funcref) (elem (i32.const 0) $f) (func (drop (table.grow 0 (ref.null func) (i32.const 1))))",
        ),
        (
            "filled",
            "(table 2 funcref) (elem (i32.const 0) $f) (func (table.fill 0 (i32.const 0) (ref.null func) (i32.const 1)))",
        ),
        (
            "copied to",
            "(table 2 funcref) (table $o 2 funcref) (elem (i32.const 0) $f) (func (table.copy 0 $o (i32.const 0) (i32.const 0) (i32.const 1)))",
        ),
        (
            "copied from",
            "(table 2 funcref) (table $o 2 funcref) (elem (i32.const 0) $f) (func (table.copy $o 0 (i32.const 0) (i32.const 0) (i32.const 1)))",
        ),
        (
            "initialized",
            "(table 2 funcref) (elem (i32.const 0) $f) (elem $e func $g) (func (table.init 0 $e (i32.const 0) (i32.const 0) (i32.const 1)))",
        ),
        (
            "tail calls",
            "(table 2 funcref) (elem (i32.const 0) $f) (func (result i32) (return_call_indirect (type $t) (i32.const 0) (i32.const 0)))",
        ),
        (
            "a group of types",
            "(rec (type (func))) (table 2 funcref) (elem (i32.const 0) $f)",
        ),
        (
            "a type that has subtypes",
            "(type (sub (func))) (table 2 funcref) (elem (i32.const 0) $f)",
        ),
        (
            "a structure",
            "(type (struct)) (table 2 funcref) (elem (i32.const 0) $f)",
        ),
        (
            "a type with a type",
            "(type (func (param (ref null $t)))) (table 2 funcref) (elem (i32.const 0) $f)",
        ),
    ] {
        assert!(rewritten(&parse(&module(more))).is_none(), "{why}");
    }
    let nothing = "(module (table 1 funcref) (func $f) (elem (i32.const 0) $f))";
    assert!(rewritten(&parse(nothing)).is_none());
    for table in [
        "(import \"a\" \"t\" (table 2 funcref))",
        "(table i64 2 funcref)",
    ] {
        let index = if table.contains("i64") { "i64" } else { "i32" };
        let wat = format!(
            "(module {table} (type $t (func)) (elem ({index}.const 0) $f)
               (func $f (call_indirect (type $t) ({index}.const 0))))"
        );
        assert!(rewritten(&parse(&wat)).is_none(), "{table}");
    }
}

#[test]
fn other_tables_of_a_module_stay_as_they_are() {
    let wasm = parse(&module(
        "(table $table 2 funcref) (table $other (export \"t\") 2 funcref)
         (elem (table $other) (i32.const 0) func $g $f) (elem (table $table) (i32.const 0) func $f)
         (func (drop (call_indirect $other (type $t) (i32.const 0) (i32.const 0))))",
    ));
    let other = rewritten(&wasm).expect("another module");
    let (before, after) = (seen(&wasm), seen(&other));
    assert_eq!(before.indirect, [0, 1, 1]);
    assert_eq!(after.indirect[..3], [0, 0, 1]);
    assert_eq!(after.in_segments, 3);
}

#[test]
fn what_is_not_a_module_is_left_to_the_compiler() {
    let wasm = parse(&module(PLAIN));
    for length in 0..wasm.len() {
        let part = &wasm[..length];
        if rewrite_from(1, part).is_some() {
            Validator::new().validate_all(part).expect("a module");
        }
    }
    for invalid in [
        "(module (table 1 funcref) (elem (i32.const 0) 7) (type (func)) (func (call_indirect (type 0) (i32.const 0))))",
        "(module (table 1 funcref) (elem (i32.const 0) 0) (type (func)) (func (call_indirect (type 7) (i32.const 0))))",
        "(module (table 1 funcref) (elem (i32.const 0) 0) (type (func)) (func (call_indirect 7 (type 0) (i32.const 0))))",
        "(module (table 1 funcref) (elem 7 (i32.const 0) 0) (type (func)) (func (call_indirect (type 0) (i32.const 0))))",
    ] {
        assert!(rewrite_from(1, &parse(invalid)).is_none(), "{invalid}");
    }
    // What is invalid stays so.
    for invalid in [
        "(func (drop (ref.func 0)))",
        "(func (result i32) (call_indirect (type $t) (i64.const 0) (i32.const 0)))",
        "(func (result i64) (call_indirect (type $t) (i32.const 0) (i32.const 0)))",
        "(func $unknown (drop (ref.func $unknown)))",
        "(elem (i32.const 0) funcref (ref.func 7))",
    ] {
        let elements = "(table $table 2 funcref) (elem (i32.const 1) $g)";
        let wasm = parse(&module(&format!("{elements} {invalid}")));
        let validate = |wasm: &[u8]| Validator::new().validate_all(wasm).map(drop);
        validate(&wasm).expect_err(invalid);
        if let Some(other) = rewrite_from(1, &wasm) {
            validate(&other).expect_err(invalid);
        }
    }
}

/// A module with so many functions that have so many parameters, all in a table. One before them makes an indirect call,
/// written as in `call`.
fn many(functions: u32, params: usize, call: &[u8]) -> Vec<u8> {
    let mut types = TypeSection::new();
    types.ty().function([], []);
    types
        .ty()
        .function(vec![wasm_encoder::ValType::I32; params], []);
    let (mut section, mut code) = (FunctionSection::new(), CodeSection::new());
    for index in 0..=functions {
        section.function(u32::from(index > 0));
        let mut body = Function::new([]);
        // As long as functions are.
        body.raw([0x01; 150]);
        if index == 0 {
            for _ in 0..=params {
                body.instructions().i32_const(0);
            }
            body.raw(call.iter().copied());
        }
        body.instructions().end();
        code.function(&body);
    }
    let mut tables = TableSection::new();
    tables.table(TableType {
        element_type: RefType::FUNCREF,
        table64: false,
        minimum: u64::from(functions),
        maximum: None,
        shared: false,
    });
    let mut elements = ElementSection::new();
    let all: Vec<_> = (1..=functions).collect();
    elements.active(
        None,
        &ConstExpr::i32_const(0),
        Elements::Functions(all.into()),
    );
    let mut module = Module::new();
    module.section(&types).section(&section).section(&tables);
    module.section(&elements).section(&code);
    module.finish()
}

const SHORT: &[u8] = &[0x11, 1, 0];

#[test]
fn a_call_is_as_long_however_it_was_written() {
    for call in [
        SHORT,
        &[0x11, 0x81, 0, 0],
        &[0x11, 0x81, 0x80, 0x80, 0x80, 0, 0],
        &[0x11, 1, 0x80, 0x80, 0x80, 0x80, 0],
        &[0x11, 0x81, 0x80, 0x80, 0x80, 0, 0x80, 0x80, 0x80, 0x80, 0],
    ] {
        for functions in [1, 200] {
            assert!(is_direct(&many(functions, 2, call)), "{call:?}");
        }
    }
}

#[test]
fn a_call_that_is_too_short_for_its_number_stays() {
    // The first function, those in the table, the one that is in the table instead, and the dispatcher.
    let most = (1 << 14) - 1 - 2;
    assert!(is_direct(&many(most, 0, SHORT)));
    assert!(rewritten(&many(most + 1, 0, SHORT)).is_none());
    assert!(is_direct(&many(most + 1, 0, &[0x11, 0x81, 0, 0])));
}

#[test]
fn dispatchers_take_no_more_than_a_part_of_their_module() {
    assert!(is_direct(&many(10, 999, SHORT)));
    assert!(rewritten(&many(1, 1000, SHORT)).is_none());
    assert!(rewritten(&many(1000, 900, SHORT)).is_none());
    assert!(is_direct(&many(10_000, 3, SHORT)));
}

#[test]
fn few_functions_have_entries() {
    let fewest = FEWEST as u32;
    assert!(rewrite(&many(fewest - 1, 0, SHORT)).is_none());
    assert!(rewrite(&many(fewest, 0, SHORT)).is_some());
}
