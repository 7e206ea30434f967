//! Why a snapshot cannot be taken.

use crate::error::{Error, ErrorCode};
use std::fmt;

/// The error for a program in whose way `what` stands.
pub(super) fn refusal(what: impl fmt::Display) -> Error {
    Error::new(
        ErrorCode::Snapshot,
        format!("the snapshot cannot be taken: {what}"),
    )
}

/// The error for a module that wasmtime has accepted and that we do not understand.
pub(super) fn unreadable(error: impl fmt::Display) -> Error {
    refusal(format_args!("the module cannot be read: {error}"))
}
