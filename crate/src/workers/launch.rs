//! What a worker process is.

/// The program that a worker process is, called with the number of its socket's descriptor as last
/// argument; it calls [`super::serve`].
#[derive(Clone, Debug)]
pub struct Launch {
    /// The executable.
    pub program: String,
    /// Its arguments before the descriptor.
    pub arguments: Vec<String>,
}
