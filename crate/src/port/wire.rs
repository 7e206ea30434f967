//! What crosses between a submitter and a port: operations one way, records the other, as numbers and bytes.

mod operations;
mod options;
mod protocol;
mod received;
mod records;

pub(crate) use operations::{Operation, PipeEvent, RunOperation};
pub(super) use options::{PipeMaker, limits, run_options};
pub(crate) use received::{Record, RecordKind};
pub use records::Delivery;
pub(crate) use records::Outbox;
