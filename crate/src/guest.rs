//! What one run may do, what it has used and how it ended. Knows no linker and no scheduler.

mod classify;
mod cpu;
mod frames;
mod instance_control;
mod level;
mod limits;
mod outcome;
mod stop;
mod trap_code;
mod value;

pub(crate) use classify::{classify, own_cause};
pub(crate) use cpu::CpuMeter;
pub(crate) use frames::{Bodies, MAX_FRAMES, clip, demangle};
pub(crate) use instance_control::InstanceControl;
pub(crate) use level::{FIRST, LAST, LEVELS, level};
pub(crate) use limits::{HOSTCALL_FUEL, MemoryLimiter};
pub use limits::{Limits, OnMemory, OnOutput};
pub(crate) use outcome::Exit;
pub use outcome::{
    CallOutcome, ENCODED_ROOM, Ending, Frame, NetworkUsage, Outcome, Returned, TrapInfo, Usage,
};
pub(crate) use stop::Stopped;
pub use stop::{CallControl, Cause, LimitKind};
pub use trap_code::TrapCode;
pub(crate) use value::bits_of;
pub use value::{NumberType, Value};
