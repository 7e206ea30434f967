//! Which part of the network a run may use. Without a grant it is none.

mod access;
mod name;
mod rule;

pub(crate) use access::{Access, Purpose};
pub use name::NamePattern;
pub use rule::{Host, Protocol, Rule, Subnet};

/// What one run may use of the network.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Network {
    /// Remote addresses: those that the run may connect to, send datagrams to and receive datagrams from. Whoever may
    /// reach a granted listener may connect to it.
    pub allow: Vec<Rule>,
    /// Local addresses that the run may bind and listen on. Port 0 stands for any port that the operating system
    /// chooses. A [`Host::Names`] matches nothing here.
    pub listen: Vec<Rule>,
    /// Names that the run may look up, besides those in `allow`.
    pub dns: Vec<NamePattern>,
}
