//! The code of one dispatcher.

use std::collections::HashMap;
use wasm_encoder::{BlockType, Function, Instruction};

/// Up to so many places without a function of the type are bridged by a branch table. So its length stays within a
/// multiple of the number of functions.
const GAP: u32 = 32;
/// What a place in a branch table takes at most, in bytes.
const TARGET: usize = 5;
/// What an argument takes at most.
const ARGUMENT: usize = 3;
/// What else a call of a function takes at most, with its part of the search.
const CALL: usize = 40;

/// A function in a table.
#[derive(Clone, Copy)]
pub(super) struct Entry {
    pub(super) index: u32,
    pub(super) function: u32,
}

/// No less than the number of bytes of a dispatcher.
pub(super) fn size_of(params: usize, entries: &[Entry]) -> usize {
    let targets: usize = runs(entries).map(|run| span(run) as usize).sum();
    let call = params * ARGUMENT + CALL;
    (entries.len() + 1)
        .saturating_mul(call)
        .saturating_add(targets * TARGET)
}

/// The body of the function that calls those of `entries`, which are sorted by index. It takes `params` arguments and an
/// index; other indices get the indirect call with this table and type.
pub(super) fn body((table, ty): (u32, u32), params: u32, entries: &[Entry]) -> Vec<u8> {
    let mut code = Code {
        function: Function::new([]),
        params,
    };
    let runs: Vec<_> = runs(entries).collect();
    code.search(&runs);
    code.arguments();
    code.emit(Instruction::LocalGet(params));
    code.emit(Instruction::CallIndirect {
        type_index: ty,
        table_index: table,
    });
    code.emit(Instruction::End);
    code.function.into_raw_body()
}

/// Those that are near each other.
fn runs(entries: &[Entry]) -> impl Iterator<Item = &[Entry]> {
    entries.chunk_by(|a, b| b.index - a.index <= GAP)
}

/// The number of places from the first to the last.
fn span(run: &[Entry]) -> u32 {
    match run {
        [first, .., last] => last.index - first.index + 1,
        _ => run.len() as u32,
    }
}

struct Code {
    function: Function,
    params: u32,
}

impl Code {
    fn emit(&mut self, instruction: Instruction<'_>) {
        self.function.instruction(&instruction);
    }

    /// Goes on behind if the index is in none of the runs, which are sorted.
    fn search(&mut self, runs: &[&[Entry]]) {
        match runs {
            [] => {}
            [[entry]] => {
                self.compare(entry, Instruction::I32Eq);
                self.call(entry.function);
                self.emit(Instruction::End);
            }
            [run] => self.table(run),
            _ => {
                let (lower, upper) = runs.split_at(runs.len() / 2);
                self.compare(&upper[0][0], Instruction::I32LtU);
                self.search(lower);
                self.emit(Instruction::Else);
                self.search(upper);
                self.emit(Instruction::End);
            }
        }
    }

    /// Begins what is done only if the index compares so.
    fn compare(&mut self, entry: &Entry, comparison: Instruction<'_>) {
        self.emit(Instruction::LocalGet(self.params));
        self.emit(Instruction::I32Const(entry.index as i32));
        self.emit(comparison);
        self.emit(Instruction::If(BlockType::Empty));
    }

    /// A branch table, to a call for each function.
    fn table(&mut self, run: &[Entry]) {
        let first = run[0].index;
        let mut functions = Vec::new();
        let mut labels = HashMap::new();
        for entry in run {
            let next = functions.len() as u32;
            if *labels.entry(entry.function).or_insert(next) == next {
                functions.push(entry.function);
            }
        }
        let none = functions.len() as u32;
        let mut targets = vec![none; span(run) as usize];
        for entry in run {
            targets[(entry.index - first) as usize] = labels[&entry.function];
        }
        for _ in 0..=none {
            self.emit(Instruction::Block(BlockType::Empty));
        }
        self.emit(Instruction::LocalGet(self.params));
        self.emit(Instruction::I32Const(first as i32));
        self.emit(Instruction::I32Sub);
        self.emit(Instruction::BrTable(targets.into(), none));
        for function in functions {
            self.emit(Instruction::End);
            self.call(function);
        }
        self.emit(Instruction::End);
    }

    fn arguments(&mut self) {
        for param in 0..self.params {
            self.emit(Instruction::LocalGet(param));
        }
    }

    fn call(&mut self, function: u32) {
        self.arguments();
        self.emit(Instruction::Call(function));
        self.emit(Instruction::Return);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_dispatcher_is_no_larger_than_was_reckoned_with() {
        let near: Vec<u32> = (0..300).collect();
        let far: Vec<u32> = (0..300).map(|n| n * 1_000_003).collect();
        let mixed: Vec<u32> = (0..300).map(|n| n * n * 40 / 7).collect();
        let gaps: Vec<u32> = (0..300).map(|n| u32::MAX - (300 - n) * GAP).collect();
        for indices in [
            &near,
            &far,
            &mixed,
            &gaps,
            &vec![],
            &vec![7],
            &vec![u32::MAX],
        ] {
            for (params, functions) in [(0, 1), (3, 1 << 20), (200, 1 << 30), (999, 7)] {
                let entries: Vec<_> = (0..)
                    .zip(indices)
                    .map(|(n, index)| Entry {
                        index: *index,
                        function: u32::MAX - n % functions,
                    })
                    .collect();
                let length = body((9, u32::MAX), params, &entries).len();
                let most = size_of(params as usize, &entries);
                assert!(length <= most, "{length} of {most}: {params}, {indices:?}");
            }
        }
    }
}
