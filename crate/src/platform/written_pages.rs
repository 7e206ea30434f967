//! Pages of a private mapping that have been written, by their numbers from its start.

#[cfg(not(target_os = "linux"))]
mod elsewhere;
#[cfg(target_os = "linux")]
mod linux;

#[cfg(not(target_os = "linux"))]
pub(crate) use elsewhere::{give_back, page_size, written_pages};
#[cfg(target_os = "linux")]
pub(crate) use linux::{give_back, page_size, written_pages};
