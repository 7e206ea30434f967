//! What guests see of a [`Tree`](crate::files::Tree): descriptors of files in memory beside those of the host.

mod component;
mod component_descriptor;
mod descriptors;
mod file_calls;
mod file_streams;
mod granted;
mod p2;
mod p2_streams;
mod p3;
mod p3_streams;
mod p3_types;
mod path_calls;
mod poll;
mod preview1;
mod status;
#[cfg(test)]
mod tests;

pub(super) use component::{ComponentFiles, GuestFiles};
pub(super) use component_descriptor::MemoryDescriptor;
pub(crate) use granted::{Collector, GrantedFiles};
pub(super) use p3_types::{descriptor_type, error_code};
pub(super) use preview1::Preview1;
