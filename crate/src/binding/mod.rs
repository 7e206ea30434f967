//! The Node binding: the only files that name `napi`. They convert, nothing else.

mod options;
mod port;
mod worker;
