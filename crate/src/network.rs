//! Which part of the network a run may use. Without a grant it is none.

mod access;
mod grant;
mod name;
mod rule;

pub(crate) use access::{Access, Purpose};
pub use grant::Network;
pub use name::NamePattern;
pub use rule::{Host, Protocol, Rule, Subnet};
