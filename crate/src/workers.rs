//! Worker processes: runs spread over processes instead of threads.
//!
//! Each worker is a process with a [`crate::Port`] onto a runtime of one thread. As between JavaScript and a
//! port, operations go one way and deliveries the other, here in frames on a socket. A guest that grows its
//! memory takes the lock of an address space in which no other guest computes, and a crash of a worker ends
//! only that worker's runs.

mod arrivals;
mod batch;
mod frame;
mod ids;
mod launch;
mod link;
mod member;
mod pool;
mod program;
mod queue;
mod run;
mod serve;
mod spread;
mod state;

pub use launch::Launch;
pub use pool::{PoolOptions, port_to_workers};
pub use serve::serve;
