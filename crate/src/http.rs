//! HTTP: one request that a run serves with its response, and the origins that a run may send requests to.

mod access;
mod exchange;
mod origin;
mod passing;
mod request;
mod trust;

pub(crate) use access::{HttpAccess, Reach};
pub use exchange::{Exchange, ResponseEvent};
pub use origin::{HttpOrigin, HttpScheme, Origins};
pub(crate) use passing::{Handling, pass_on};
pub use request::ServedRequest;
pub use trust::Trust;
