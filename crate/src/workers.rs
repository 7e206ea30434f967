//! Worker processes: runs spread over processes instead of threads.
//!
//! Each worker is a process with a [`crate::Port`] onto a runtime of one thread. What crosses is what
//! crosses between JavaScript and a port, in frames on a socket: operations one way, deliveries the
//! other. A guest that changes the size of its memory then takes the lock of an address space that no
//! other runs in, and what kills a worker kills its runs alone.

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
