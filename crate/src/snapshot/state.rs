//! Everything that a guest is while it waits for stdin.

use crate::error::Result;
use crate::wasi::StdinCall;

/// A value. References to anything but functions are always null.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Value {
    I32(i32),
    I64(i64),
    /// The bits.
    F32(u32),
    /// The bits.
    F64(u64),
    V128(u128),
    /// The function with this index.
    Function(u32),
    Null,
}

/// One function call that has not returned.
#[derive(Debug)]
pub(super) struct CapturedFrame {
    pub(super) function: u32,
    /// Where in the module the call is that it waits for: its end, or where exceptions are handled perhaps its start.
    pub(super) pc: usize,
    /// Parameters first.
    pub(super) locals: Vec<Value>,
    /// From the bottom to the top, with the arguments of the call. A frame also shows some that it no longer has: these
    /// may be anything, and so may why they cannot be taken.
    pub(super) operands: Vec<Result<Value>>,
}

/// A memory, without its pages that are zero.
#[derive(Debug)]
pub(super) struct CapturedMemory {
    /// Its size in its own pages.
    pub(super) pages: u64,
    /// What is where.
    pub(super) runs: Vec<(u64, Vec<u8>)>,
}

/// The state of a guest.
#[derive(Debug)]
pub(super) struct State {
    /// Outermost first.
    pub(super) frames: Vec<CapturedFrame>,
    /// The call that would read stdin or wait for it, if it is in one.
    pub(super) call: Option<StdinCall>,
    /// Whether the guest is in its start section: `_start` is then still to be called.
    pub(super) starting: bool,
    pub(super) memories: Vec<CapturedMemory>,
    pub(super) globals: Vec<Value>,
    /// The functions of each table.
    pub(super) tables: Vec<Vec<Option<u32>>>,
}
