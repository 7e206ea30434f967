//! A guest's stdin, stdout and stderr.

mod attach;
mod capture;
mod config;
mod discard;
mod guest_end;
mod inherit;
mod permit;
mod pipe;
mod replay;

pub(crate) use attach::{set_output, set_stdin};
pub(crate) use capture::Capture;
pub use config::{Input, OnBrokenPipe, Output, OutputStreamKind};
pub(crate) use inherit::Inherited;
pub use pipe::{InputPipe, OutputPipe, Widened};
pub(crate) use replay::{Printed, Replay};
