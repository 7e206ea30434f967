//! What crosses between a submitter and a port: operations one way, records the other, as numbers and bytes.

mod calls;
mod fields;
mod files_section;
mod http;
mod network;
mod operations;
mod options;
mod pipe_maker;
mod protocol;
mod received;
mod records;
mod words;

pub(crate) use calls::{GuestAccess, ReceivedCall};
pub(crate) use operations::{Operation, PipeEvent, RunOperation};
pub(crate) use options::calls_host;
pub(super) use options::{limits, run_options};
pub(super) use pipe_maker::{NoPipes, PipeMaker};
pub(super) use protocol::pipe::WINDOW as PIPE_WINDOW;
pub(crate) use received::{Record, RecordKind};
pub use records::Delivery;
pub(crate) use records::Outbox;
