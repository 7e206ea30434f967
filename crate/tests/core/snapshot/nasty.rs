//! Code that is hard to enter in the middle.

use super::{INPUTS, assert_same, load_snapshot, load_wasm, run_with, seen, snapshot_of, take};
use crate::host::{load, load_real};
use std::sync::Arc;
use wasiexec::{Ending, Program, SnapshotOptions, SnapshotUntil};

/// Reads single bytes (-1 at the end of stdin) and prints numbers, as the 8 bytes that they are.
const PRELUDE: &str = concat!(
    r#"
  (import "wasi_snapshot_preview1" "fd_read" (func $fd_read (param i32 i32 i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "fd_write" (func $fd_write (param i32 i32 i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "proc_exit" (func $proc_exit (param i32)))
  (memory $memory (export "memory") 2)
  (func $read (result i32)
"#,
    read_byte!(),
    r#"  (func $print (param i64)
    (i64.store (i32.const 104) (local.get 0))
    (i64.store (i32.const 0) (i64.const 0x8_0000_0068))
    (drop (call $fd_write (i32.const 1) (i32.const 0) (i32.const 1) (i32.const 8))))
  (func $print32 (param i32) (call $print (i64.extend_i32_s (local.get 0))))
"#
);

/// Inputs of none, some and more bytes than any guest here reads.
const BYTES: [&[u8]; 6] = [
    b"",
    b"\0",
    b"\x01",
    b"\x02\x01",
    b"abc",
    b"\x05\x04\x03\x02\x01\x00zzzzzzzz",
];

fn check(body: &str) {
    let wat = format!("(module {PRELUDE} {body})");
    let program = load_wasm(wat.as_bytes());
    assert_same(&program, &SnapshotOptions::default(), &BYTES);
}

/// Checks the body of `_start`.
fn check_start(body: &str) {
    check(&format!("(func (export \"_start\") {body})"));
}

#[test]
fn calls_side_by_side_are_told_apart() {
    check_start(
        "(call $print (i64.or (i64.extend_i32_s (call $read))
           (i64.shl (i64.extend_i32_s (call $read)) (i64.const 32))))",
    );
    check(
        r#"(func $nothing) (func $pair (result i32 i32) call $read call $read)
        (func (export "_start") call $nothing call $pair call $nothing i32.sub call $print32)"#,
    );
}

#[test]
fn operands_of_all_constructs_come_back() {
    check_start(
        "i64.const 1 f64.const nan:0x123456789 i32.const 3
         block (param i32) (result i32)
           i64.const 5 loop (param i32 i64) (result i32)
             i32.wrap_i64 i32.add i32.const 7 call $read i32.add i32.mul
           end
         end
         call $print32 i64.reinterpret_f64 call $print call $print",
    );
}

#[test]
fn loops_go_round_again() {
    check_start(
        "(local $sum i32) (local $byte i32)
         i64.const 1000
         loop $next (param i64) (result i64)
           i64.const 1 i64.add
           (local.set $byte (call $read))
           (local.set $sum (i32.add (i32.mul (local.get $sum) (i32.const 31)) (local.get $byte)))
           (br_if $next (i32.ge_s (local.get $byte) (i32.const 0)))
         end
         call $print (call $print32 (local.get $sum))",
    );
}

#[test]
fn both_arms_of_an_if_can_be_entered() {
    for condition in [0, 1] {
        check_start(&format!(
            "i64.const 11 i32.const {condition}
             if (param i64) (result i64)
               i64.const 3 i64.mul call $read i64.extend_i32_s i64.add
             else
               i64.const 5 i64.mul call $read i64.extend_i32_s i64.sub
             end
             call $print"
        ));
    }
}

#[test]
fn arms_may_have_taken_some_of_their_parameters() {
    // Each of these has taken another part of the three parameters when it reads.
    for taken in [
        "",
        "drop",
        "drop drop",
        "drop drop drop i32.const 1",
        "drop drop drop i32.const 1 i32.const 2",
        "i32.add i32.add i64.extend_i32_s",
        "i32.add local.tee 0 i32.add",
        "block (param i32) (result i32) i32.const 9 i32.add end",
        "block (param i32 i32 i32) (result i32 i32 i32) i32.const 9 i32.add end",
        "loop (param i32 i32 i32) (result i32 i32 i32) i32.const 9 i32.add end",
        "block (param i32 i32 i32) (result i32) i32.add i32.add br 0 end",
        "local.set 0 local.set 0 local.tee 0",
        "i32.const 1 if (param i32) (result i32) i32.const 4 i32.mul end",
        "i32.const 1 if (param i32 i32 i32) (result i32 i32 i32) i32.const 4 i32.mul end",
        "i32.const 0 if (param i32 i32 i32) (result i32) drop drop else i32.add i32.add end",
        "i32.const 0 br_if 0",
    ] {
        for condition in [0, 1] {
            // The block around takes away whatever is left.
            check_start(&format!(
                "(local i32) i64.const 77
                 i32.const 1 i32.const 2 i32.const 3 i32.const {condition}
                 if (param i32 i32 i32) (result i32 i32 i32)
                   {taken} call $read call $print32 i32.const 5 i32.const 6 i32.const 8 br 0
                 else
                   {taken} call $read call $print32 i32.const 15 i32.const 16 i32.const 18 br 0
                 end
                 call $print32 call $print32 call $print32 call $print"
            ));
        }
    }
}

#[test]
fn arms_within_arms_keep_their_operands_apart() {
    for outer in ["", "i32.const 3 i32.mul", "drop i32.const 40"] {
        for inner in ["", "i32.const 7 i32.add", "drop i32.const 50"] {
            for kind in ["if", "block", "loop"] {
                let is_if = kind == "if";
                let condition = if is_if { "i32.const 1" } else { "" };
                let other = if is_if { "else i32.mul" } else { "" };
                check_start(&format!(
                    "i64.const 5 i32.const 6 i32.const 1
                     if (param i32) (result i32)
                       {outer} i32.const 100 i32.const 200 {condition}
                       {kind} (param i32 i32) (result i32)
                         {inner} i32.const 1
                         if (param i32) (result i32)
                           {inner} i32.const 9 call $read i32.add i32.add
                         end
                         i32.sub {other}
                       end
                       i32.add
                     end
                     call $print32 call $print"
                ));
            }
        }
    }
}

#[test]
fn branches_leave_the_pieces_that_are_skipped() {
    check_start(
        "(local $round i32)
         block $out loop $again
           block $a block $b block $c
             (br_table $a $b $c $out (i32.and (local.get $round) (i32.const 3)))
           end (call $print32 (i32.const 1))
           end (call $print32 (i32.const 2)) (br_if $out (i32.gt_u (local.get $round) (i32.const 4)))
           end
           (local.set $round (i32.add (local.get $round) (i32.const 1)))
           (block $inner (loop $spin
             (br_if $inner (i32.lt_s (call $read) (i32.const 2)))
             (local.set $round (i32.add (local.get $round) (i32.const 1)))
             (br_if $again (i32.and (local.get $round) (i32.const 1)))
             (br $out)))
           (br_if $again (i32.lt_u (local.get $round) (i32.const 9)))
         end end
         (call $print32 (local.get $round))",
    );
}

#[test]
fn recursion_through_a_table_has_a_copy_per_frame() {
    check(
        r#"(type $f (func (param i32 i64) (result i64)))
        (table 4 8 funcref) (elem (i32.const 1) $down $up)
        (func $down (type $f)
          (if (result i64) (i32.eqz (local.get 0))
            (then (i64.extend_i32_s (call $read)))
            (else (i64.add (local.get 1)
              (call_indirect (type $f) (i32.sub (local.get 0) (i32.const 1))
                (i64.mul (local.get 1) (i64.const 3))
                (i32.add (i32.const 1) (i32.and (local.get 0) (i32.const 1))))))))
        (func $up (type $f)
          (i64.xor (local.get 1) (call $down (local.get 0) (i64.add (local.get 1) (i64.const 1)))))
        (func (export "_start")
          (drop (table.grow (ref.func $up) (i32.const 1)))
          (call $print (call $down (i32.const 30) (i64.const 1)))
          (call $print (call_indirect (type $f) (i32.const 9) (i64.const 2) (i32.const 4)))
          (call $print32 (table.size)))"#,
    );
}

#[test]
fn every_bit_of_a_number_comes_back() {
    check(
        r#"(global $f (mut f32) (f32.const 0)) (global $d (mut f64) (f64.const 0))
        (global $v (mut v128) (v128.const i64x2 0 0)) (global $c i64 (i64.const -5))
        (func $bits (param f32 f64 v128)
          (call $print32 (i32.reinterpret_f32 (local.get 0)))
          (call $print (i64.reinterpret_f64 (local.get 1)))
          (call $print (i64x2.extract_lane 0 (local.get 2)))
          (call $print (i64x2.extract_lane 1 (local.get 2))))
        (func (export "_start") (local $f f32) (local $d f64) (local $v v128)
          (global.set $f (f32.reinterpret_i32 (i32.const 0xffa00001)))
          (global.set $d (f64.reinterpret_i64 (i64.const 0x7ff4000000000001)))
          (global.set $v (v128.const i64x2 0x7ff0000000000001 -1))
          (local.set $f (f32.reinterpret_i32 (i32.const 0x7f800001)))
          (local.set $d (f64.const -nan:0xfffff))
          (local.set $v (i8x16.splat (i32.const 0x81)))
          f32.const -0 f64.const -0 (v128.const f32x4 nan:0x1 -nan:0x2 -0 inf)
          (call $print32 (call $read))
          call $bits
          (call $bits (local.get $f) (local.get $d) (local.get $v))
          (call $bits (global.get $f) (global.get $d) (global.get $v))
          (call $print (global.get $c)))"#,
    );
}

#[test]
fn frames_that_were_replaced_are_not_there() {
    check(
        r#"(type $r (func (param i32 i32 i32 i32) (result i32)))
        (table funcref (elem $fd_read))
        (func $direct (param i32) (result i32) (i32.store8 (i32.const 100) (i32.const 0))
          (i64.store (i32.const 0) (i64.const 0x1_0000_0064))
          (return_call $fd_read (i32.const 0) (i32.const 0) (local.get 0) (i32.const 8)))
        (func $indirect (param i32 i64) (result i32)
          (return_call_indirect (type $r) (i32.const 0) (i32.const 0) (local.get 0) (i32.const 8) (i32.const 0)))
        (func $twice (param i64) (result i32) (return_call $direct (i32.const 1)))
        (func (export "_start")
          (call $print32 (call $twice (i64.const 1)))
          (call $print32 (i32.load8_u (i32.const 100)))
          (call $print32 (call $indirect (i32.const 1) (i64.const 1)))
          (call $print32 (i32.load8_u (i32.const 100))))"#,
    );
}

#[test]
fn function_references_keep_their_functions() {
    check(
        r#"(type $n (func (param i32) (result i32)))
        (type $h (func (param i32 (ref $n)) (result i32)))
        (global $g (mut (ref null $n)) (ref.null $n)) (global $a (mut (ref func)) (ref.func $add))
        (table $t 2 (ref null $n)) (table $all 3 10 (ref $n) (ref.func $add))
        (elem declare func $add $mul $call)
        (func $add (type $n) (i32.add (local.get 0) (i32.const 7)))
        (func $mul (type $n) (i32.mul (local.get 0) (i32.const 3)))
        ;; reads within a call_ref, below operands and constructs with references
        (func $call (type $h) (local $null (ref null $n)) (local $set (ref null func))
          (local.set $set (ref.func $mul))
          local.get 1
          block $b (param (ref $n)) (result i32)
            (i32.add (local.get 0) (call $read))
            loop (param (ref $n) i32) (result i32)
              (i32.add (call $read)) local.get 1 call_ref $n
              br 1
            end
          end
          local.get 1 call_ref $n
          (i32.add (ref.is_null (local.get $null)))
          (i32.add (ref.is_null (local.get $set))))
        (func (export "_start") (local (ref null $n))
          (local.set 0 (ref.func $mul)) (global.set $g (ref.func $mul))
          (table.set $t (i32.const 1) (ref.func $add)) (table.set $all (i32.const 1) (ref.func $mul))
          (call $print32 (call_ref $h (i32.const 5) (ref.func $mul) (ref.func $call)))
          (call $print32 (call_ref $n (i32.const 5) (local.get 0)))
          (call $print32 (call_ref $n (i32.const 5) (ref.as_non_null (global.get $g))))
          (call $print32 (call_ref $n (i32.const 5) (table.get $t (i32.const 1))))
          (call $print32 (ref.is_null (table.get $t (i32.const 0))))
          (call $print32 (call_ref $n (i32.const 5) (table.get $all (i32.const 1))))
          (call $print32 (call_ref $n (i32.const 5) (table.get $all (i32.const 2)))))"#,
    );
}

#[test]
fn types_in_groups_keep_their_numbers() {
    check(
        r#"(rec (type $a (func (param (ref null $b)) (result i32))) (type $b (func (param i32 (ref null $a)) (result i32))))
        (rec (type $s (sub (func (result i32)))) (type $t (sub $s (func (result i32)))))
        (elem declare func $b1 $t1 $a1)
        (func $b1 (type $b) (i32.add (local.get 0) (call $read)))
        (func $t1 (type $t) (call $read))
        (func $a1 (type $a) (i32.sub (call_ref $b (i32.const 4) (ref.null $a) (local.get 0)) (call $read)))
        (func (export "_start")
          (ref.func $t1)
          (block (param (ref $s)) (result i32 i32)
            (call_ref $s)
            (call_ref $a (ref.func $b1) (ref.func $a1)))
          call $print32 call $print32)"#,
    );
}

#[test]
fn exceptions_are_caught_where_they_would_have_been() {
    check(
        r#"(tag $e (param i32 i64)) (tag $other)
        (func $throw (param i32)
          (if (i32.gt_s (call $read) (i32.const 1)) (then (throw $e (local.get 0) (i64.const 9))))
          (if (i32.eq (call $read) (i32.const 1)) (then (throw $other))))
        (func $one (param i32) (result i32)
          i32.const 1000
          (block $caught (result i32 i64)
            (block $any
              (try_table (result i32 i64) (catch $e $caught) (catch_all $any)
                (block (try_table (catch $other 0) (call $throw (local.get 0))))
                (i32.const 3) (call $throw (i32.const 17)) (i64.const 4))
              (br $caught))
            (i32.const 5) (i64.const 6))
          call $print i32.add)
        (func (export "_start")
          (call $print32 (call $one (i32.const 50)))
          (call $print32 (call $one (i32.const 60)))
          (call $throw (i32.const 1)))"#,
    );
}

#[test]
fn the_start_section_may_read() {
    let start =
        r#"(func $start (call $print32 (call $read)) (call $print32 (call $read))) (start $start)"#;
    check(start);
    check(&format!(
        r#"{start} (global $g (mut i32) (i32.const 4))
        (func (export "_start") (call $print32 (global.get $g)) (call $print32 (call $read)))"#
    ));
    // One that has run is not run again.
    check(
        r#"(global $g (mut i32) (i32.const 4)) (start $start)
        (func $start (global.set $g (i32.add (global.get $g) (i32.const 1))) (call $print32 (i32.const 3)))
        (func (export "_start") (call $print32 (call $read)) (call $print32 (global.get $g)))"#,
    );
}

#[test]
fn memories_and_tables_of_all_kinds_come_back() {
    check(
        r#"(memory $big i64 1 70000) (memory $none 0) (memory $third 1)
        (table $wide i64 3 100 funcref) (table $objects 5 externref) (table $empty 0 10 funcref)
        (data (memory $big) (i64.const 65530) "abc") (data (memory $third) (i32.const 5) "x")
        (elem (table $wide) (i64.const 1) func $one)
        (func $one (result i32) (i32.const 41))
        (func (export "_start")
          (drop (memory.grow $big (i64.const 2))) (drop (memory.grow $third (i32.const 1)))
          (drop (table.grow $wide (ref.func $two) (i64.const 2)))
          (i64.store $big (i64.const 196600) (i64.const -3)) (i64.store8 $big (i64.const 65531) (i64.const 65))
          (i32.store $third (i32.const 131068) (i32.const 99))
          (call $print32 (call $read))
          (call $print (memory.size $big)) (call $print32 (memory.size $third)) (call $print32 (memory.size $none))
          (call $print (i64.load $big (i64.const 65530))) (call $print (i64.load $big (i64.const 196600)))
          (call $print32 (i32.load $third (i32.const 131068))) (call $print32 (i32.load $third (i32.const 5)))
          (call $print (table.size $wide)) (call $print32 (table.size $objects)) (call $print32 (table.size $empty))
          (call $print32 (call_indirect $wide (result i32) (i64.const 1)))
          (call $print32 (call_indirect $wide (result i32) (i64.const 4)))
          (call $print32 (ref.is_null (table.get $wide (i64.const 0))))
          (call $print32 (memory.grow $none (i32.const 1)))
          (call $print (memory.grow $big (i64.const 70000)))
          (call $print (table.grow $wide (ref.null func) (i64.const 96))))
        (func $two (result i32) (i32.const 42)) (elem declare func $two)"#,
    );
}

#[test]
fn segments_are_dropped_or_not_as_they_were() {
    for dropped in [
        "",
        "(data.drop $a)",
        "(elem.drop $e)",
        "(data.drop $a) (elem.drop $e) (data.drop $a)",
    ] {
        check(&format!(
            r#"(table 4 funcref) (func $one (result i32) (i32.const 41))
            (data $active (i32.const 200) "active") (data $a "passive") (data $b "other")
            (elem $e func $one $one) (elem $f funcref (ref.func $one) (ref.null func)) (elem declare func $one)
            (func (export "_start")
              {dropped}
              (memory.init $b (i32.const 300) (i32.const 0) (i32.const 5)) (data.drop $b) (elem.drop $f)
              (call $print32 (call $read))
              (call $print (i64.load (i32.const 200))) (call $print (i64.load (i32.const 300)))
              (memory.init $active (i32.const 200) (i32.const 0) (i32.const 0))
              (memory.init $a (i32.const 200) (i32.const 0) (i32.const (;length;) 7))
              (call $print (i64.load (i32.const 200)))
              (table.init $e (i32.const 1) (i32.const 0) (i32.const 2))
              (call $print32 (call_indirect (result i32) (i32.const 2)))
              (memory.init $b (i32.const 200) (i32.const 0) (i32.const 1)))"#
        ));
    }
}

#[test]
fn what_a_program_lacks_is_added_to_its_module() {
    // No tables, no globals, no data, and no types but those of imports.
    check_start(
        "(i32.store (i32.const 70000) (call $read)) (call $print32 (i32.load (i32.const 70000)))",
    );
    // A memory in which nothing was written yet.
    let wat = r#"(module
      (import "wasi_snapshot_preview1" "fd_read" (func $read (param i32 i32 i32 i32) (result i32)))
      (import "wasi_snapshot_preview1" "proc_exit" (func $exit (param i32)))
      (memory (export "memory") 1)
      (func (export "_start") (call $exit (call $read (i32.const 0) (i32.const 0) (i32.const 0) (i32.const 8)))))"#;
    assert_same(
        &load_wasm(wat.as_bytes()),
        &SnapshotOptions::default(),
        &BYTES,
    );
}

#[test]
fn traps_have_the_frames_of_the_program() {
    let wat = format!(
        r#"(module $guest {PRELUDE}
        (func $deep (param i32) (result i32)
          (if (result i32) (local.get 0)
            (then (i32.sub (call $deep (i32.sub (local.get 0) (i32.const 1))) (i32.const 1)))
            (else (i32.div_u (i32.const 1000) (call $read)))))
        (func $outer (call $print32 (call $deep (i32.const 3))) (call $crash))
        (func $crash unreachable)
        (func (export "_start") (call $outer)))"#
    );
    let program = load_wasm(wat.as_bytes());
    assert_same(&program, &SnapshotOptions::default(), &BYTES);
    let snapshot = snapshot_of(&program, &SnapshotOptions::default());
    let Ending::Trap(trap) = run_with(&snapshot, b"\0").ending else {
        panic!("no trap");
    };
    let names: Vec<_> = trap
        .frames
        .iter()
        .filter_map(|frame| frame.function.as_deref())
        .collect();
    assert_eq!(names, ["deep", "deep", "deep", "deep", "outer"]);
}

/// The functions that a run traps in.
fn trap_of(program: &Arc<Program>, stdin: &[u8]) -> Vec<(Option<String>, u32)> {
    let Ending::Trap(trap) = run_with(program, stdin).ending else {
        panic!("no trap");
    };
    let frames = trap.frames.into_iter();
    let frames = frames.map(|frame| (frame.function, frame.function_index));
    frames.collect()
}

#[test]
fn traps_of_snapshots_of_snapshots_have_the_frames_of_the_program() {
    let wat = format!(
        r#"(module $guest {PRELUDE}
        (func $crash (param i32) (if (local.get 0) (then unreachable)))
        (func $begin (call $crash (i32.eq (call $read) (i32.const 1))) (call $crash (i32.eq (call $read) (i32.const 2))))
        (start $begin)
        (func $prepare (export "prepare"))
        (func $main (export "_start")
          (call $crash (i32.eq (call $read) (i32.const 3)))
          (call $crash (i32.eq (call $read) (i32.const 4)))))"#
    );
    let program = load_wasm(wat.as_bytes());
    let inputs: [&[u8]; 4] = [b"\x01", b"\0\x02", b"\0\0\x03", b"\0\0\0\x04"];
    let prepared = SnapshotOptions {
        until: SnapshotUntil::Call {
            name: "prepare".into(),
        },
        ..SnapshotOptions::default()
    };
    let once = snapshot_of(&program, &SnapshotOptions::default());
    let twice = snapshot_of(&once, &SnapshotOptions::default());
    let called = snapshot_of(&twice, &prepared);
    let thrice = snapshot_of(&called, &SnapshotOptions::default());
    for input in inputs {
        let frames = trap_of(&program, input);
        for snapshot in [&once, &twice, &called, &thrice] {
            assert_eq!(trap_of(snapshot, input), frames);
        }
    }
}

#[test]
fn waiting_for_stdin_is_reading_it() {
    for (module, size) in [("wasi_snapshot_preview1", 48), ("wasi_unstable", 56)] {
        let wat = format!(
            r#"(module
            (import "{module}" "poll_oneoff" (func $poll (param i32 i32 i32 i32) (result i32)))
            (import "{module}" "fd_read" (func $fd_read (param i32 i32 i32 i32) (result i32)))
            (import "{module}" "fd_write" (func $fd_write (param i32 i32 i32 i32) (result i32)))
            (import "{module}" "proc_exit" (func $proc_exit (param i32)))
            (memory (export "memory") 1)
            (func $say (drop (call $fd_write (i32.const 1) (i32.const 16) (i32.const 1) (i32.const 24))))
            (data (i32.const 16) "\20\00\00\00\02\00\00\00") (data (i32.const 32) "a\n")
            ;; two subscriptions: stdout can be written, stdin can be read
            (func $wait (result i32)
              (i32.store8 (i32.const 1008) (i32.const 2)) (i32.store (i32.const 1016) (i32.const 1))
              (i32.store8 (i32.add (i32.const 1008) (i32.const {size})) (i32.const 1))
              (i32.add
                (call $poll (i32.const 1000) (i32.const 2000) (i32.const 1) (i32.const 3000))
                (call $poll (i32.const 1000) (i32.const 2000) (i32.const 2) (i32.const 3000))))
            (func (export "_start")
              (call $say)
              (if (call $wait) (then (call $proc_exit (i32.const 99))))
              (i32.store8 (i32.const 32) (i32.const 98)) (call $say)
              (i64.store (i32.const 40) (i64.const 0x8_0000_0064))
              (drop (call $fd_read (i32.const 0) (i32.const 40) (i32.const 1) (i32.const 48)))
              (call $proc_exit (i32.add (i32.load (i32.const 48)) (i32.load8_u (i32.const 100))))))"#
        );
        assert_same(
            &load_wasm(wat.as_bytes()),
            &SnapshotOptions::default(),
            &BYTES,
        );
    }
}

#[test]
fn a_snapshot_of_a_snapshot_is_a_snapshot() {
    let program = load_real("rust");
    let options = super::args(&["cat"]);
    let first = snapshot_of(&program, &options);
    let second = take(&first, &SnapshotOptions::default()).expect("a snapshot of a snapshot");
    let second = load_snapshot(&second);
    for input in INPUTS {
        assert_eq!(
            seen(run_with(&second, input)),
            seen(run_with(&first, input))
        );
    }
    let cat = snapshot_of(&load("cat"), &SnapshotOptions::default());
    assert_same(&cat, &SnapshotOptions::default(), &INPUTS);
}

#[test]
fn deep_stacks_and_deep_nesting_come_back() {
    check(
        r#"(func $down (param i32) (result i32)
          (if (result i32) (local.get 0)
            (then (i32.add (i32.const 1) (call $down (i32.sub (local.get 0) (i32.const 1)))))
            (else (call $read))))
        (func (export "_start") (call $print32 (call $down (i32.const 3000))))"#,
    );
    let (open, close) = (
        "block (param i32) (result i32) ".repeat(5000),
        "end ".repeat(5000),
    );
    check_start(&format!(
        "i32.const 1 {open} call $read i32.add {close} call $print32"
    ));
    let (open, close) = (
        "i32.const 1 if (param i32) (result i32) i32.const 2 i32.add ".repeat(1000),
        "else i32.const 3 i32.mul end ".repeat(1000),
    );
    check_start(&format!(
        "i32.const 1 {open} call $read i32.add {close} call $print32"
    ));
}
