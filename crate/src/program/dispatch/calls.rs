//! What the code of a module does with its tables.

use super::survey::Survey;
use rayon::iter::{IntoParallelRefIterator, ParallelIterator};
use std::collections::BTreeSet;
use std::ops::Range;
use wasmparser::{FunctionBody, VisitOperator, VisitSimdOperator};

/// A `call_indirect`.
pub(super) struct Call {
    /// Where it is in the module.
    pub(super) range: Range<usize>,
    pub(super) ty: u32,
    pub(super) table: u32,
}

/// What the code of a module does with tables and functions.
#[derive(Default)]
pub(super) struct Calls {
    /// Those through eligible tables.
    pub(super) indirect: Vec<Call>,
    /// The functions that it takes references to.
    pub(super) referenced: BTreeSet<u32>,
    /// The tables with which it does more.
    others: BTreeSet<u32>,
}

impl Calls {
    /// Looks at all code, and disqualifies tables. `None` for a module that has to be compiled as it is.
    pub(super) fn find(survey: &mut Survey<'_>) -> Option<Self> {
        let calls = survey.bodies.par_iter().map(Self::of);
        let mut calls = calls.try_reduce(Self::default, |a, b| Some(a.and(b)))?;
        for table in &calls.others {
            survey.disqualify(*table);
        }
        calls.indirect.retain(|call| survey.is_eligible(call.table));
        Some(calls)
    }

    fn and(mut self, mut other: Self) -> Self {
        self.indirect.append(&mut other.indirect);
        self.referenced.append(&mut other.referenced);
        self.others.append(&mut other.others);
        self
    }

    fn of(body: &FunctionBody<'_>) -> Option<Self> {
        let mut visitor = Visitor::default();
        let mut operators = body.get_operators_reader().ok()?;
        while !operators.eof() {
            visitor.start = operators.original_position();
            let known = visitor.calls.indirect.len();
            operators.visit_operator(&mut visitor).ok()?;
            if let Some(call) = visitor.calls.indirect.get_mut(known) {
                call.range.end = operators.original_position();
            }
        }
        Some(visitor.calls)
    }
}

/// Collects calls. All code of a program passes here, so nothing is made of the operators that do not matter.
#[derive(Default)]
struct Visitor {
    calls: Calls,
    /// Where the operator is that is visited.
    start: usize,
}

impl Visitor {
    fn other(&mut self, table: u32) {
        self.calls.others.insert(table);
    }
}

/// Methods for the operators that do not matter.
macro_rules! passed_over {
    ($(@$proposal:ident $operator:ident $({ $($argument:ident: $ty:ty),* })? => $visit:ident ($($arity:tt)*))*) => {
        $(passed_over!(one $visit $($($argument: $ty),*)?);)*
    };
    (one visit_call_indirect $($arguments:tt)*) => {};
    (one visit_return_call_indirect $($arguments:tt)*) => {};
    (one visit_ref_func $($arguments:tt)*) => {};
    (one visit_table_get $($arguments:tt)*) => {};
    (one visit_table_set $($arguments:tt)*) => {};
    (one visit_table_grow $($arguments:tt)*) => {};
    (one visit_table_fill $($arguments:tt)*) => {};
    (one visit_table_init $($arguments:tt)*) => {};
    (one visit_table_copy $($arguments:tt)*) => {};
    (one visit_table_atomic_get $($arguments:tt)*) => {};
    (one visit_table_atomic_set $($arguments:tt)*) => {};
    (one visit_table_atomic_rmw_xchg $($arguments:tt)*) => {};
    (one visit_table_atomic_rmw_cmpxchg $($arguments:tt)*) => {};
    (one $visit:ident $($argument:ident: $ty:ty),*) => {
        fn $visit(&mut self $(, _: $ty)*) {}
    };
}

impl<'a> VisitOperator<'a> for Visitor {
    type Output = ();

    wasmparser::for_each_visit_operator!(passed_over);

    fn simd_visitor(&mut self) -> Option<&mut dyn VisitSimdOperator<'a, Output = ()>> {
        Some(self)
    }

    fn visit_call_indirect(&mut self, ty: u32, table: u32) {
        let range = self.start..self.start;
        self.calls.indirect.push(Call { range, ty, table });
    }

    fn visit_return_call_indirect(&mut self, _: u32, table: u32) {
        self.other(table);
    }

    fn visit_ref_func(&mut self, function: u32) {
        self.calls.referenced.insert(function);
    }

    fn visit_table_get(&mut self, table: u32) {
        self.other(table);
    }

    fn visit_table_set(&mut self, table: u32) {
        self.other(table);
    }

    fn visit_table_grow(&mut self, table: u32) {
        self.other(table);
    }

    fn visit_table_fill(&mut self, table: u32) {
        self.other(table);
    }

    fn visit_table_init(&mut self, _: u32, table: u32) {
        self.other(table);
    }

    fn visit_table_copy(&mut self, to: u32, from: u32) {
        self.other(to);
        self.other(from);
    }

    fn visit_table_atomic_get(&mut self, _: wasmparser::Ordering, table: u32) {
        self.other(table);
    }

    fn visit_table_atomic_set(&mut self, _: wasmparser::Ordering, table: u32) {
        self.other(table);
    }

    fn visit_table_atomic_rmw_xchg(&mut self, _: wasmparser::Ordering, table: u32) {
        self.other(table);
    }

    fn visit_table_atomic_rmw_cmpxchg(&mut self, _: wasmparser::Ordering, table: u32) {
        self.other(table);
    }
}

impl<'a> VisitSimdOperator<'a> for Visitor {
    wasmparser::for_each_visit_simd_operator!(passed_over);
}

#[cfg(test)]
mod tests {
    /// The operators with tables that this module tells from others.
    const KNOWN: [&str; 13] = [
        "CallIndirect",
        "ReturnCallIndirect",
        "TableAtomicGet",
        "TableAtomicRmwCmpxchg",
        "TableAtomicRmwXchg",
        "TableAtomicSet",
        "TableCopy",
        "TableFill",
        "TableGet",
        "TableGrow",
        "TableInit",
        "TableSet",
        // What it says does not depend on elements.
        "TableSize",
    ];

    #[test]
    fn every_operator_with_tables_is_known() {
        let mut with_tables = Vec::new();
        macro_rules! collect {
            ($(@$proposal:ident $operator:ident $({ $($field:ident: $ty:ty),* })? => $visit:ident ($($arity:tt)*))*) => {
                $(
                    let fields: &[&str] = &[$($(stringify!($field)),*)?];
                    let tables = ["table", "table_index", "dst_table", "src_table"];
                    let is_named = stringify!($operator).starts_with("Table");
                    if is_named || fields.iter().any(|field| tables.contains(field)) {
                        with_tables.push(stringify!($operator));
                    }
                )*
            };
        }
        wasmparser::for_each_operator!(collect);
        with_tables.sort_unstable();
        assert_eq!(with_tables, KNOWN);
    }
}
