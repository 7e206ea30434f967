//! How a worker process is started.

/// The command that starts a worker process. Its last argument is the number of the socket's descriptor, with
/// which the process calls [`super::serve`].
#[derive(Clone, Debug)]
pub struct Launch {
    /// The executable.
    pub program: String,
    /// Its arguments before the descriptor.
    pub arguments: Vec<String>,
}
