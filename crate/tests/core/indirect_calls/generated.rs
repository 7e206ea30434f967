//! Makes programs that call functions through tables. What these are called with comes into a checksum, which is printed
//! after each call.

use crate::random::Random;
use std::fmt::Write;

/// The types of values.
const TYPES: [&str; 5] = ["i32", "i64", "f32", "f64", "v128"];

struct Signature {
    params: Vec<&'static str>,
    results: Vec<&'static str>,
}

struct Table {
    size: usize,
    /// What it begins with.
    functions: Vec<Option<usize>>,
}

struct Program {
    random: Random,
    signatures: Vec<Signature>,
    /// The type of each function.
    functions: Vec<usize>,
    tables: Vec<Table>,
    text: String,
}

/// The text of a program.
pub fn generate(seed: u64) -> String {
    let mut program = Program {
        random: Random::new(seed),
        signatures: Vec::new(),
        functions: Vec::new(),
        tables: Vec::new(),
        text: String::new(),
    };
    program.signatures();
    program.functions();
    program.tables();
    for function in 0..program.functions.len() {
        program.function(function);
    }
    program.start();
    format!("(module\n{HEAD}{}{TAIL})", program.text)
}

const HEAD: &str = r#"
  (import "wasi_snapshot_preview1" "fd_write" (func $fd_write (param i32 i32 i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "proc_exit" (func $proc_exit (param i32)))
  (memory (export "memory") 1)
  (data (i32.const 16) "\20\00\00\00\08\00\00\00")
  (global $sum (mut i64) (i64.const 1))
  (global $left (mut i32) (i32.const 60))
"#;

const TAIL: &str = r#"
  (func $mix_i64 (param i64)
    (global.set $sum (i64.add (i64.mul (global.get $sum) (i64.const 6364136223846793005)) (local.get 0))))
  (func $mix_i32 (param i32) (call $mix_i64 (i64.extend_i32_u (local.get 0))))
  (func $mix_f32 (param f32) (call $mix_i32 (i32.reinterpret_f32 (local.get 0))))
  (func $mix_f64 (param f64) (call $mix_i64 (i64.reinterpret_f64 (local.get 0))))
  (func $mix_v128 (param v128)
    (call $mix_i64 (i64x2.extract_lane 0 (local.get 0)))
    (call $mix_i64 (i64x2.extract_lane 1 (local.get 0))))
  (func $print
    (i64.store (i32.const 32) (global.get $sum))
    (drop (call $fd_write (i32.const 1) (i32.const 16) (i32.const 1) (i32.const 24))))
"#;

impl Program {
    fn types(&mut self, number: usize) -> Vec<&'static str> {
        (0..number).map(|_| self.random.pick(&TYPES)).collect()
    }

    fn signatures(&mut self) {
        for index in 0..2 + self.random.below(6) {
            let most = if self.random.one_in(6) { 40 } else { 8 };
            let (params, results) = (self.random.below(most), self.random.below(4));
            let signature = match self.random.one_in(4) && index > 0 {
                // One that is equal to another.
                true => {
                    let other = self.random.below(index);
                    let Signature { params, results } = &self.signatures[other];
                    Signature {
                        params: params.clone(),
                        results: results.clone(),
                    }
                }
                false => Signature {
                    params: self.types(params),
                    results: self.types(results),
                },
            };
            let Signature { params, results } = &signature;
            let (params, results) = (params.join(" "), results.join(" "));
            let _ = writeln!(
                self.text,
                "  (type $t{index} (func (param {params}) (result {results})))"
            );
            self.signatures.push(signature);
        }
    }

    fn functions(&mut self) {
        let most = self.random.pick(&[3, 40, 300]);
        for _ in 0..=self.random.below(most) {
            let signature = self.random.below(self.signatures.len());
            self.functions.push(signature);
        }
    }

    fn tables(&mut self) {
        for table in 0..=self.random.below(3) {
            let most = self.random.pick(&[4, 100, 2000]);
            let size = 1 + self.random.below(most);
            let maximum = match self.random.one_in(3) {
                true => format!("{}", size + 5),
                false => String::new(),
            };
            // Some are not only called.
            let export = match self.random.one_in(6) {
                true => format!("(export \"table{table}\")"),
                false => String::new(),
            };
            let _ = writeln!(
                self.text,
                "  (table $table{table} {export} {size} {maximum} funcref)"
            );
            if self.random.one_in(8) {
                let _ = writeln!(
                    self.text,
                    "  (func (table.set $table{table} (i32.const 0) (ref.null func)))"
                );
            }
            self.tables.push(Table {
                size,
                functions: vec![None; size],
            });
        }
        for _ in 0..=self.random.below(8) {
            self.segment();
        }
    }

    /// Functions for a table, near each other or far apart, or the same again and again. Segments overlap.
    fn segment(&mut self) {
        let number = self.random.below(self.tables.len());
        let size = self.tables[number].size;
        let offset = self.random.below(size);
        let length = self.random.below(size - offset + 1).min(300);
        let has_nulls = self.random.one_in(3);
        let one = self.random.below(self.functions.len());
        let is_one = self.random.one_in(5);
        let mut elements = String::new();
        for index in offset..offset + length {
            let function = match is_one {
                true => one,
                false => self.random.below(self.functions.len()),
            };
            let is_null = has_nulls && self.random.one_in(2);
            let function = (!is_null).then_some(function);
            self.tables[number].functions[index] = function;
            let _ = match (has_nulls, function) {
                (true, Some(function)) => write!(elements, " (ref.func $f{function})"),
                (true, None) => write!(elements, " (ref.null func)"),
                (false, function) => write!(elements, " $f{}", function.unwrap_or_default()),
            };
        }
        let kind = if has_nulls { "funcref" } else { "func" };
        let _ = writeln!(
            self.text,
            "  (elem (table $table{number}) (i32.const {offset}) {kind}{elements})"
        );
    }

    fn constant(&mut self, ty: &str) -> String {
        let value = self.random.next() as i32;
        match ty {
            "v128" => format!("(v128.const i32x4 {value} 1 {} 3)", value ^ 77),
            _ => format!("({ty}.const {value})"),
        }
    }

    fn constants(&mut self, types: &[&'static str]) -> String {
        let constants: Vec<_> = types.iter().map(|ty| self.constant(ty)).collect();
        constants.join(" ")
    }

    /// A call through a table, most often of a function that is there.
    fn call(&mut self) -> String {
        let number = self.random.below(self.tables.len());
        let Table { size, functions } = &self.tables[number];
        let (size, index) = (*size, self.random.below(*size));
        let near = functions[index..].iter().position(Option::is_some);
        let index = index + near.unwrap_or_default();
        let function = functions[index];
        let random = self.random.below(self.signatures.len());
        let (index, signature) = match self.random.below(200) {
            0 => (format!("(i32.const {size})"), random),
            1 => ("(i32.const -1)".into(), random),
            2 => (format!("(i32.const {index})"), random),
            3 => {
                let sum = "(i32.wrap_i64 (global.get $sum))";
                (format!("(i32.rem_u {sum} (i32.const {size}))"), random)
            }
            _ => match function {
                Some(function) => (
                    format!("(i32.const {index})"),
                    self.equal_to(self.functions[function]),
                ),
                None => (format!("(i32.const {index})"), random),
            },
        };
        let Signature { params, results } = &self.signatures[signature];
        let (params, results) = (params.clone(), results.clone());
        let arguments = self.constants(&params);
        let mixed: String = results
            .iter()
            .rev()
            .map(|ty| format!(" (call $mix_{ty})"))
            .collect();
        format!("{arguments} (call_indirect $table{number} (type $t{signature}) {index}){mixed}")
    }

    /// This signature, or one that is equal.
    fn equal_to(&self, signature: usize) -> usize {
        let Signature { params, results } = &self.signatures[signature];
        let is_equal = |other: &Signature| (&other.params, &other.results) == (params, results);
        let last = self.signatures.iter().rposition(is_equal);
        last.unwrap_or(signature)
    }

    fn function(&mut self, function: usize) {
        let signature = self.functions[function];
        let Signature { params, results } = &self.signatures[signature];
        let (params, results) = (params.clone(), results.clone());
        let mixed: String = (0..)
            .zip(&params)
            .map(|(index, ty): (usize, _)| format!(" (call $mix_{ty} (local.get {index}))"))
            .collect();
        let mut calls = String::new();
        for _ in 0..self.random.below(3) {
            let call = self.call();
            let _ = writeln!(
                calls,
                "    (if (i32.gt_s (global.get $left) (i32.const 0)) (then
      (global.set $left (i32.sub (global.get $left) (i32.const 1)))
      {call}))"
            );
        }
        let constants = self.constants(&results);
        let _ = writeln!(
            self.text,
            "  (func $f{function} (type $t{signature})
    (call $mix_i32 (i32.const {function})){mixed}
    (call $print)
{calls}    {constants})"
        );
    }

    fn start(&mut self) {
        let mut calls = String::new();
        for _ in 0..1 + self.random.below(20) {
            let call = self.call();
            let _ = writeln!(calls, "    {call}");
        }
        let _ = writeln!(
            self.text,
            "  (func (export \"_start\")
{calls}    (call $print)
    (call $proc_exit (i32.and (i32.wrap_i64 (global.get $sum)) (i32.const 127))))"
        );
    }
}
