//! What guests can import, and which of that one run grants.

mod context;
mod deterministic;
mod directories;
mod errnos;
mod files;
mod linker;
mod listing;
mod preview1;
mod quick;
mod resources;
mod sockets;
mod state;

pub(crate) use context::{Invocation, Wasi};
pub(crate) use linker::{component_linker, module_linker};
pub(crate) use preview1::{P0, P1};
pub(crate) use state::RunState;
