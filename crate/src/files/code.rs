//! What goes wrong with a file, in the words of WASI.

pub(crate) use wasmtime_wasi::p2::bindings::filesystem::types::ErrorCode as Code;
