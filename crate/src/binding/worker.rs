//! What a worker process calls, and what it takes to start one.

use crate::workers::serve;
use napi::Env;
use napi_derive::napi;

/// The URL of this addon's file.
#[napi(catch_unwind)]
pub fn addon_url(env: Env) -> napi::Result<String> {
    env.get_module_file_name()
}

/// Serves the socket of this number until its other end closes; never call it elsewhere than in a
/// process that was started for it.
#[napi(catch_unwind)]
pub fn serve_worker(socket: i32) -> napi::Result<()> {
    serve(socket).map_err(|error| napi::Error::from_reason(error.to_string()))
}
