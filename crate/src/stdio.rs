//! A guest's stdin, stdout and stderr.

mod attach;
mod capture;
mod config;
mod discard;
mod guest_end;
mod inherit;
mod input_pipe;
mod output_pipe;
mod permit;
mod relay;
mod replay;
mod sender;
mod wakers;

pub(crate) use attach::{set_output, set_stdin};
pub(crate) use capture::Capture;
pub use config::{Input, OnBrokenPipe, Output, OutputStreamKind};
pub(crate) use inherit::Inherited;
pub use input_pipe::InputPipe;
pub use output_pipe::{OutputPipe, Widened};
pub(crate) use replay::{Printed, Replay};
