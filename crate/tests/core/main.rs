//! The core from outside: one file a concept, guests in `../guests`, each named for its behaviour.

mod bad_input;
mod batch;
mod cache;
mod caller_run;
mod components;
mod endings;
mod entries;
mod errnos;
mod fairness;
mod files;
mod first_calls;
mod host;
mod inspection;
mod limits;
mod malformed;
mod memory;
mod output;
mod port;
mod precompiled;
mod programs;
mod scheduler;
mod sockets;
mod stdio;
mod stops;
mod traps;
mod uninterruptible;
