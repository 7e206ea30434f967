//! What the garbage collector of JavaScript is told.

use napi::Env;
use napi_derive::napi;

/// Tells JavaScript's engine that its objects keep so many bytes more outside of its heap, or less: it then collects
/// them in time. Returns how many bytes that are in all.
#[napi(catch_unwind)]
pub fn adjust_memory(env: Env, bytes: f64) -> napi::Result<f64> {
    let all = env.adjust_external_memory(bytes as i64)?;
    Ok(all as f64)
}
