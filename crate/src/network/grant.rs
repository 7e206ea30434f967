//! What a run is granted.

use super::name::NamePattern;
use super::rule::Rule;

/// What one run may use of the network.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Network {
    /// Remote addresses: those that the run may connect to, send datagrams to and receive datagrams from. Whoever may
    /// reach a granted listener may connect to it.
    pub allow: Vec<Rule>,
    /// Local addresses that the run may bind and listen on. Port 0 stands for any port that the operating system
    /// chooses. A [`Host::Names`](super::Host::Names) matches nothing here.
    pub listen: Vec<Rule>,
    /// Names that the run may look up, besides those in `allow`.
    pub dns: Vec<NamePattern>,
}
