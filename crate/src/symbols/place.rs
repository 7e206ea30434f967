//! A place in a program's source.

/// What is known of one function of one call: functions that the compiler has inlined have a place of their own.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Place {
    /// As it is written in the program: mangled, if the language does so.
    pub(super) function: Option<String>,
    pub(super) file: Option<String>,
    /// From 1 on.
    pub(super) line: Option<u32>,
    /// From 1 on.
    pub(super) column: Option<u32>,
}

impl Place {
    pub(super) fn is_something(&self) -> bool {
        *self != Self::default()
    }
}
