//! Makes programs: whatever they compute comes into a checksum, which they print at their end.

use crate::random::Random;
use std::fmt::Write;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Type {
    I32,
    I64,
    F32,
    F64,
    V128,
    /// Any function.
    Func,
    /// One of the type `$same`.
    Same,
}

const TYPES: [Type; 7] = [
    Type::I32,
    Type::I64,
    Type::F32,
    Type::F64,
    Type::V128,
    Type::Func,
    Type::Same,
];

impl Type {
    fn text(self) -> &'static str {
        match self {
            Self::I32 => "i32",
            Self::I64 => "i64",
            Self::F32 => "f32",
            Self::F64 => "f64",
            Self::V128 => "v128",
            Self::Func => "funcref",
            Self::Same => "(ref null $same)",
        }
    }

    fn mix(self) -> &'static str {
        match self {
            Self::I32 => "call $mix_i32",
            Self::I64 => "call $mix_i64",
            Self::F32 => "i32.reinterpret_f32 call $mix_i32",
            Self::F64 => "i64.reinterpret_f64 call $mix_i64",
            Self::V128 => "call $mix_v128",
            Self::Func => "ref.is_null call $mix_i32",
            Self::Same => "call $mix_same",
        }
    }
}

struct Signature {
    params: Vec<Type>,
    results: Vec<Type>,
}

struct Program {
    random: Random,
    functions: Vec<Signature>,
    globals: Vec<Type>,
    text: String,
    has_memories: bool,
    has_segments: bool,
    /// How often it reads, in thousandths of its steps.
    reads: usize,
}

/// The code of a function so far.
struct Code {
    locals: Vec<Type>,
    results: Vec<Type>,
    /// What a branch to each construct takes, outermost first.
    labels: Vec<Vec<Type>>,
    stack: Vec<Type>,
    /// Where the operands of the innermost construct begin.
    base: usize,
    /// Steps that are left.
    budget: usize,
    /// Whether the code that comes next is never reached.
    dead: bool,
}

pub fn generate(seed: u64) -> String {
    let mut random = Random::new(seed.wrapping_mul(0x5851_f42d_4c95_7f2d));
    let mut types = |most: usize| {
        let number = random.below(most + 1);
        (0..number).map(|_| random.pick(&TYPES)).collect::<Vec<_>>()
    };
    let mut functions = vec![
        Signature {
            params: vec![],
            results: vec![],
        },
        Signature {
            params: vec![Type::I32],
            results: vec![Type::I32],
        },
        Signature {
            params: vec![Type::I32],
            results: vec![Type::I32],
        },
    ];
    for _ in 0..4 {
        functions.push(Signature {
            params: types(4),
            results: types(3),
        });
    }
    let globals = [&TYPES[..], &types(5)].concat();
    let mut program = Program {
        reads: [20, 60, 200][random.below(3)],
        has_memories: random.one_in(4),
        has_segments: random.one_in(3),
        random,
        functions,
        globals,
        text: String::new(),
    };
    program.module();
    program.text
}

fn list(kind: &str, types: &[Type]) -> String {
    types.iter().fold(String::new(), |mut text, ty| {
        let _ = write!(text, " ({kind} {})", ty.text());
        text
    })
}

const PRELUDE: &str = concat!(
    r#"
  (import "wasi_snapshot_preview1" "fd_read" (func $fd_read (param i32 i32 i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "fd_write" (func $fd_write (param i32 i32 i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "proc_exit" (func $proc_exit (param i32)))
  (type $same (func (param i32) (result i32)))
  (memory $memory (export "memory") 1 4)
  (table $table 8 12 funcref)
  (table $typed 4 9 (ref null $same))
  (tag $tag (param i32 i64))
  (global $sum (mut i64) (i64.const 1))
  (global $fuel (mut i32) (i32.const 400))
  (global $reads (mut i32) (i32.const 0))
  (data (i32.const 300) "some bytes at the start")
  (elem (table $table) (i32.const 2) func $f1 $f2 $f1)
  (elem (table $typed) (i32.const 1) (ref null $same) (ref.func $f2) (ref.null $same) (ref.func $f1))
  (func $mix_i64 (param i64)
    (global.set $sum (i64.add (i64.mul (i64.rotl (global.get $sum) (i64.const 7)) (i64.const 0x9e3779b97f4a7c15)) (local.get 0))))
  (func $mix_i32 (param i32) (call $mix_i64 (i64.extend_i32_u (local.get 0))))
  (func $mix_v128 (param v128)
    (call $mix_i64 (i64x2.extract_lane 0 (local.get 0))) (call $mix_i64 (i64x2.extract_lane 1 (local.get 0))))
  ;; tells apart null and the two functions of this type
  (func $mix_same (param (ref null $same))
    (table.set $typed (i32.const 0) (local.get 0))
    (call $mix_i32 (ref.is_null (local.get 0))))
  (func $tick
    (global.set $fuel (i32.sub (global.get $fuel) (i32.const 1)))
    (if (i32.le_s (global.get $fuel) (i32.const 0)) (then (call $finish))))
  (func $read (result i32)
    (global.set $reads (i32.add (global.get $reads) (i32.const 1)))
"#,
    read_byte!(),
    r#"  (func $print (param $fd i32) (param i64)
    (i64.store (i32.const 104) (local.get 1))
    (i64.store (i32.const 16) (i64.const 0x8_0000_0068))
    (drop (call $fd_write (local.get $fd) (i32.const 16) (i32.const 1) (i32.const 24))))
  (func $mix_memory (local $at i32)
    (loop $next
      (call $mix_i64 (i64.load (local.get $at)))
      (local.set $at (i32.add (local.get $at) (i32.const 8)))
      (br_if $next (i32.lt_u (local.get $at) (i32.mul (memory.size) (i32.const 65536))))))
  (func $mix_tables (local $at i32)
    (call $mix_i32 (table.size $table)) (call $mix_i32 (table.size $typed))
    (loop $next
      (call $mix_i32 (ref.is_null (table.get $table (local.get $at))))
      (local.set $at (i32.add (local.get $at) (i32.const 1)))
      (br_if $next (i32.lt_u (local.get $at) (table.size $table))))
    (local.set $at (i32.const 0))
    (loop $next
      (call $mix_i32 (ref.is_null (table.get $typed (local.get $at))))
      (local.set $at (i32.add (local.get $at) (i32.const 1)))
      (br_if $next (i32.lt_u (local.get $at) (table.size $typed)))))
  (func $finish
    (call $print (i32.const 1) (global.get $sum))
    (call $mix_globals) (call $print (i32.const 1) (global.get $sum))
    (call $mix_memory) (call $print (i32.const 1) (global.get $sum))
    (call $mix_memories) (call $print (i32.const 2) (global.get $sum))
    (call $mix_tables) (call $print (i32.const 1) (global.get $sum))
    (call $print (i32.const 1) (i64.extend_i32_u (global.get $reads)))
    (call $proc_exit (i32.and (i32.wrap_i64 (global.get $sum)) (i32.const 127))))
  (func (export "_start") (call $f0) (call $f0) (call $mix_i32 (call $read)) (call $finish))
"#
);

const MEMORIES: &str = r#"
  (memory $second 0 2) (memory $wide i64 1 3)
  (data (memory $wide) (i64.const 65000) "wide")
  (func $mix_memories (local $at i32)
    (call $mix_i32 (memory.size $second)) (call $mix_i64 (memory.size $wide))
    (block $none
      (br_if $none (i32.eqz (memory.size $second)))
      (loop $next
        (call $mix_i64 (i64.load $second (local.get $at)))
        (local.set $at (i32.add (local.get $at) (i32.const 8)))
        (br_if $next (i32.lt_u (local.get $at) (i32.const 65536)))))
    (local.set $at (i32.const 0))
    (loop $next
      (call $mix_i64 (i64.load $wide (i64.extend_i32_u (local.get $at))))
      (local.set $at (i32.add (local.get $at) (i32.const 8)))
      (br_if $next (i32.lt_u (local.get $at) (i32.const 65536)))))
"#;

const SEGMENTS: &str = r#"
  (data $passive "0123456789abcdef") (data $other "other")
  (elem $functions func $f1 $f2)
"#;

impl Program {
    fn module(&mut self) {
        self.text.push_str("(module");
        self.text.push_str(PRELUDE);
        self.text.push_str(match self.has_memories {
            true => MEMORIES,
            false => "(func $mix_memories)",
        });
        if self.has_segments {
            self.text.push_str(SEGMENTS);
        }
        let mut mix = String::new();
        for (number, ty) in self.globals.clone().into_iter().enumerate() {
            let value = self.constant(ty);
            let _ = writeln!(
                self.text,
                "(global $g{number} (mut {}) ({value}))",
                ty.text()
            );
            let _ = writeln!(mix, "global.get $g{number} {}", ty.mix());
        }
        let _ = writeln!(
            self.text,
            "(func $mix_globals {mix})\n(elem declare func $f1 $f2)"
        );
        for number in 0..self.functions.len() {
            self.function(number);
        }
        self.text.push(')');
    }

    fn function(&mut self, number: usize) {
        let params = self.functions[number].params.clone();
        let results = self.functions[number].results.clone();
        let mut locals = params.clone();
        for _ in 0..self.random.below(6) {
            locals.push(self.random.pick(&TYPES));
        }
        let ty = if results == [Type::I32] && params == [Type::I32] {
            "(type $same)"
        } else {
            ""
        };
        let _ = writeln!(
            self.text,
            "(func $f{number} {ty}{}{}{}\ncall $tick",
            list("param", &params),
            list("result", &results),
            list("local", &locals[params.len()..]),
        );
        let mut code = Code {
            locals,
            labels: vec![results.clone()],
            results: results.clone(),
            stack: Vec::new(),
            base: 0,
            budget: 60,
            dead: false,
        };
        self.body(&mut code, &results);
        self.text.push_str(")\n");
    }

    fn put(&mut self, text: &str) {
        self.text.push_str(text);
        self.text.push('\n');
    }

    /// Code from here to the end of a construct, which leaves these operands.
    fn body(&mut self, code: &mut Code, results: &[Type]) {
        for _ in 0..self.random.below(10) + 1 {
            if code.budget == 0 {
                break;
            }
            code.budget -= 1;
            self.step(code);
            if std::mem::take(&mut code.dead) {
                return;
            }
        }
        let mut kept = 0;
        if self.random.one_in(2) {
            let operands = &code.stack[code.base..];
            let pairs = operands.iter().zip(results);
            kept = pairs
                .take_while(|(operand, result)| operand == result)
                .count();
        }
        while code.stack.len() > code.base + kept {
            self.mix(code);
        }
        for ty in &results[kept..] {
            self.push(code, *ty);
        }
    }

    fn mix(&mut self, code: &mut Code) {
        if let Some(ty) = code.stack.pop() {
            self.put(ty.mix());
        }
    }

    fn constant(&mut self, ty: Type) -> String {
        let bits = self.random.next();
        match ty {
            Type::I32 => format!("i32.const {}", bits as i32 >> (bits >> 59)),
            Type::I64 => format!("i64.const {}", bits as i64 >> (bits >> 58)),
            Type::F32 if bits.is_multiple_of(3) => {
                format!("f32.const -nan:0x{:x}", (bits as u32 >> 10) | 1)
            }
            Type::F32 => format!("f32.const {}", bits as i16),
            Type::F64 if bits.is_multiple_of(3) => {
                format!("f64.const nan:0x{:x}", (bits >> 13) | 1)
            }
            Type::F64 => format!("f64.const {}", bits as i32),
            Type::V128 => format!(
                "v128.const i64x2 {} {}",
                bits as i64,
                self.random.next() as i64
            ),
            Type::Func if self.random.one_in(3) => "ref.null func".into(),
            Type::Same if self.random.one_in(3) => "ref.null $same".into(),
            Type::Func | Type::Same => format!("ref.func $f{}", 1 + self.random.below(2)),
        }
    }

    fn push(&mut self, code: &mut Code, ty: Type) {
        let locals: Vec<_> = (0..code.locals.len())
            .filter(|at| code.locals[*at] == ty)
            .collect();
        let globals: Vec<_> = (0..self.globals.len())
            .filter(|at| self.globals[*at] == ty)
            .collect();
        let text = match self.random.below(4) {
            0 | 1 if !locals.is_empty() => format!("local.get {}", self.random.pick(&locals)),
            2 => format!("global.get $g{}", self.random.pick(&globals)),
            _ => self.constant(ty),
        };
        self.put(&text);
        code.stack.push(ty);
    }

    fn push_all(&mut self, code: &mut Code, types: &[Type]) {
        for ty in types {
            self.push(code, *ty);
        }
    }

    /// Makes the uppermost operands have these types, by those that are there or by new ones.
    fn provide(&mut self, code: &mut Code, types: &[Type]) {
        if !(code.stack[code.base..].ends_with(types) && self.random.one_in(2)) {
            self.push_all(code, types);
        }
    }

    fn types(&mut self, most: usize) -> Vec<Type> {
        let number = self.random.below(most + 1);
        (0..number).map(|_| self.random.pick(&TYPES)).collect()
    }

    fn step(&mut self, code: &mut Code) {
        if self.random.below(1000) < self.reads {
            self.put("call $read");
            code.stack.push(Type::I32);
            return;
        }
        match self.random.below(24) {
            0..=2 => {
                let ty = self.random.pick(&TYPES);
                self.push(code, ty);
            }
            3 if code.stack.len() > code.base => self.mix(code),
            4 | 5 => self.compute(code),
            6 => self.set_variable(code),
            7 => self.access_memory(code),
            8 => self.use_table(code),
            9 | 10 => self.call(code),
            11..=16 if code.labels.len() < 7 => self.construct(code),
            17 => self.catch(code),
            18 | 19 => self.branch(code),
            20 => self.select(code),
            21 if self.has_segments => self.use_segments(code),
            22 => {
                let fd = 1 + self.random.below(2);
                self.put(&format!("i32.const {fd} global.get $sum call $print"));
            }
            23 if self.random.one_in(6) => self.leave(code),
            _ => {
                let number = 1 + self.random.below(3);
                let types: Vec<_> = (0..number).map(|_| self.random.pick(&TYPES)).collect();
                self.push_all(code, &types);
            }
        }
    }

    fn compute(&mut self, code: &mut Code) {
        let (params, operations, result): (&[Type], &[&str], Type) = match self.random.below(9) {
            0 => (
                &[Type::I32, Type::I32],
                &[
                    "i32.add", "i32.sub", "i32.mul", "i32.xor", "i32.shl", "i32.lt_s",
                ],
                Type::I32,
            ),
            1 => (
                &[Type::I64, Type::I64],
                &["i64.add", "i64.sub", "i64.mul", "i64.xor", "i64.rotl"],
                Type::I64,
            ),
            2 => (&[Type::I64], &["i32.wrap_i64", "i64.eqz"], Type::I32),
            3 => (
                &[Type::I32],
                &["i64.extend_i32_s", "i64.extend_i32_u"],
                Type::I64,
            ),
            4 => (&[Type::F32, Type::F32], &["f32.copysign"], Type::F32),
            5 => (&[Type::F64], &["f64.neg", "f64.abs"], Type::F64),
            6 => (
                &[Type::V128, Type::V128],
                &["v128.xor", "i8x16.add", "i64x2.sub"],
                Type::V128,
            ),
            7 => (&[Type::Same], &["ref.is_null"], Type::I32),
            // Traps now and then.
            _ => (
                &[Type::I32, Type::I32],
                &["i32.const 3 i32.or i32.div_u"],
                Type::I32,
            ),
        };
        self.provide(code, params);
        code.stack.truncate(code.stack.len() - params.len());
        let operation = self.random.pick(operations);
        self.put(operation);
        code.stack.push(result);
    }

    fn set_variable(&mut self, code: &mut Code) {
        if code.locals.is_empty() || self.random.one_in(3) {
            let number = self.random.below(self.globals.len());
            let ty = self.globals[number];
            self.provide(code, &[ty]);
            code.stack.pop();
            self.put(&format!("global.set $g{number}"));
            return;
        }
        let number = self.random.below(code.locals.len());
        let ty = code.locals[number];
        self.provide(code, &[ty]);
        if self.random.one_in(2) {
            self.put(&format!("local.tee {number}"));
        } else {
            code.stack.pop();
            self.put(&format!("local.set {number}"));
        }
    }

    fn access_memory(&mut self, code: &mut Code) {
        let at = self.random.below(8000) * 8 + 1024;
        let (memory, address) = match self.random.below(4) {
            0 if self.has_memories => ("$wide", format!("i64.const {}", at.min(65000))),
            _ => ("$memory", format!("i32.const {}", at.min(65000))),
        };
        match self.random.below(8) {
            0 => {
                self.put("(call $mix_i32 (memory.grow $memory (i32.const 1)))");
            }
            1 if self.has_memories => {
                self.put("(call $mix_i32 (memory.grow $second (i32.const 1)))");
                self.put("(call $mix_i64 (memory.grow $wide (i64.const 1)))");
            }
            2 => {
                let length = self.random.below(300);
                self.put(&format!(
                    "(memory.fill (i32.const {at}) (i32.const 7) (i32.const {length}))"
                ));
            }
            3 => {
                self.put(&format!("{address} v128.load {memory}"));
                code.stack.push(Type::V128);
            }
            4 => {
                self.put(&format!("{address} i64.load {memory}"));
                code.stack.push(Type::I64);
            }
            _ => {
                self.put(&address);
                self.push(code, Type::I64);
                code.stack.pop();
                self.put(&format!("i64.store {memory}"));
            }
        }
    }

    fn use_table(&mut self, code: &mut Code) {
        let at = self.random.below(8);
        match self.random.below(6) {
            0 => {
                self.put(&format!("i32.const {at}"));
                self.push(code, Type::Func);
                code.stack.pop();
                self.put("table.set $table");
            }
            1 => {
                self.put(&format!("i32.const {at} table.get $table"));
                code.stack.push(Type::Func);
            }
            2 => {
                self.put(&format!("i32.const {} table.get $typed", at % 4));
                code.stack.push(Type::Same);
            }
            3 => {
                self.push(code, Type::Same);
                code.stack.pop();
                self.put("i32.const 1 table.grow $typed call $mix_i32");
            }
            // Either of these traps now and then.
            4 => {
                self.provide(code, &[Type::I32]);
                self.put(&format!(
                    "i32.const {} call_indirect $table (type $same)",
                    if at == 7 { 1 } else { 2 + at % 3 }
                ));
            }
            _ => {
                self.provide(code, &[Type::I32]);
                self.put(&format!(
                    "i32.const {} table.get $typed call_ref $same",
                    if at == 7 { 2 } else { 1 + at % 2 * 2 }
                ));
            }
        }
    }

    fn use_segments(&mut self, _: &mut Code) {
        let text = match self.random.below(30) {
            0 => "data.drop $passive",
            1 => "data.drop $other",
            2 => "elem.drop $functions",
            6..=20 => "(memory.init $passive (i32.const 3000) (i32.const 0) (i32.const 0))",
            3 => "(table.init $table $functions (i32.const 5) (i32.const 0) (i32.const 2))",
            4 => "(memory.init $other (i32.const 2000) (i32.const 0) (i32.const 5))",
            5 => "(memory.init $other (i32.const 2000) (i32.const 0) (i32.const 0))",
            _ => "(memory.init $passive (i32.const 3000) (i32.const 3) (i32.const 9))",
        };
        self.put(text);
    }

    fn call(&mut self, code: &mut Code) {
        let number = 1 + self.random.below(self.functions.len() - 1);
        let params = self.functions[number].params.clone();
        self.provide(code, &params);
        code.stack.truncate(code.stack.len() - params.len());
        self.put(&format!("call $f{number}"));
        code.stack.extend(&self.functions[number].results);
    }

    /// Begins a construct that takes some operands.
    fn begin(&mut self, code: &mut Code, keyword: &str, params: usize, results: &[Type]) -> usize {
        let params = code.stack[code.stack.len() - params..].to_vec();
        let text = format!(
            "{keyword}{}{}",
            list("param", &params),
            list("result", results)
        );
        self.put(&text);
        let labels = if keyword == "loop" {
            params.clone()
        } else {
            results.to_vec()
        };
        code.labels.push(labels);
        std::mem::replace(&mut code.base, code.stack.len() - params.len())
    }

    fn end(&mut self, code: &mut Code, base: usize, results: &[Type]) {
        self.put("end");
        code.labels.pop();
        code.stack.truncate(code.base);
        code.stack.extend(results);
        code.base = base;
    }

    fn construct(&mut self, code: &mut Code) {
        if self.random.one_in(2) {
            let types = self.types(3);
            self.push_all(code, &types);
        }
        let params = self.random.below((code.stack.len() - code.base).min(4) + 1);
        let mut results = self.types(3);
        let keyword = self.random.pick(&["block", "loop", "if", "if"]);
        let taken = code.stack[code.stack.len() - params..].to_vec();
        if self.random.one_in(3) {
            results = taken.clone();
        }
        if keyword == "if" {
            self.push(code, Type::I32);
            code.stack.pop();
            self.put("i32.const 1 i32.and");
        }
        let base = self.begin(code, keyword, params, &results);
        if keyword == "loop" {
            self.put("call $tick");
        }
        self.body(code, &results);
        if keyword == "if" && (results != taken || self.random.one_in(2)) {
            self.put("else");
            code.stack.truncate(code.base);
            code.stack.extend(&taken);
            self.body(code, &results);
        }
        self.end(code, base, &results);
    }

    fn catch(&mut self, code: &mut Code) {
        let caught = [Type::I32, Type::I64];
        let params = self.random.below((code.stack.len() - code.base).min(2) + 1);
        let results = self.types(2);
        let outer = self.begin(code, "block", params, &caught);
        let taken = code.stack[code.stack.len() - params..].to_vec();
        let text = format!(
            "try_table{}{}",
            list("param", &taken),
            list("result", &results)
        );
        self.put(&format!("{text} (catch $tag 0)"));
        code.labels.push(results.clone());
        let inner = std::mem::replace(&mut code.base, code.stack.len() - params);
        self.body(code, &results);
        if self.random.one_in(3) {
            self.put("(throw $tag (i32.const 5) (i64.const 6))");
        }
        self.end(code, inner, &results);
        while code.stack.len() > code.base {
            self.mix(code);
        }
        self.push_all(code, &caught);
        self.end(code, outer, &caught);
    }

    fn branch(&mut self, code: &mut Code) {
        let number = self.random.below(code.labels.len());
        let depth = code.labels.len() - 1 - number;
        let types = code.labels[number].clone();
        self.provide(code, &types);
        match self.random.below(8) {
            0 => {
                self.put(&format!("br {depth}"));
                code.dead = true;
            }
            1 => {
                let other = code
                    .labels
                    .iter()
                    .position(|label| *label == types)
                    .unwrap_or(number);
                let other = code.labels.len() - 1 - other;
                self.push(code, Type::I32);
                self.put(&format!("br_table {depth} {other} {depth}"));
                code.dead = true;
            }
            _ => {
                self.push(code, Type::I32);
                code.stack.pop();
                self.put(&format!("i32.const 3 i32.and i32.eqz br_if {depth}"));
            }
        }
    }

    fn select(&mut self, code: &mut Code) {
        let ty = self.random.pick(&TYPES);
        self.provide(code, &[ty, ty]);
        self.push(code, Type::I32);
        code.stack.truncate(code.stack.len() - 2);
        self.put(&format!("select (result {})", ty.text()));
    }

    /// Leaves the function, or the program.
    fn leave(&mut self, code: &mut Code) {
        let text = match self.random.below(16) {
            0 => "unreachable",
            1 | 2 => "(throw $tag (i32.const 1) (i64.const 2))",
            _ => {
                let results = code.results.clone();
                self.provide(code, &results);
                "return"
            }
        };
        self.put(text);
        code.dead = true;
    }
}
