//! What guests can import, and which of that one run grants.

mod clocks;
mod context;
mod descriptors;
mod deterministic;
mod directories;
mod directory_times;
mod errnos;
mod files;
mod host_functions;
mod http;
mod linker;
mod listing;
mod memory_files;
mod network;
mod poll;
mod poll_unstable;
mod preview1;
mod quick;
mod resolver;
mod resources;
mod resume;
mod resumption;
mod sockets;
mod state;
mod stdin_call;
mod virtual_clock;

pub(crate) use context::{Invocation, Wasi};
pub(crate) use descriptors::MAX_DESCRIPTORS;
pub(crate) use host_functions::{add_host_function, crosses};
pub(crate) use linker::{component_linker, module_linker};
pub(crate) use memory_files::{Collector, GrantedFiles};
pub(crate) use preview1::{P0, P1};
pub(crate) use resumption::Resumption;
pub(crate) use state::RunState;
pub(crate) use stdin_call::{StdinCall, StdinHook, hook_stdin};
