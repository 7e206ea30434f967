//! A look at certificates before they are given to runs.

use crate::http::Trust;
use napi_derive::napi;

/// Throws unless this is PEM text with certificates that can be trusted.
#[napi(catch_unwind)]
pub fn check_authorities(pem: String) -> napi::Result<()> {
    let checked = Trust::with(&pem);
    checked
        .map(drop)
        .map_err(|error| napi::Error::from_reason(error.to_string()))
}
