//! What a worker process is.

use std::process::Command;

/// Says that a process is a worker. An executable that holds a whole program may take itself for a
/// Node that can be told to be one: it then refuses to have workers of its own.
const MARK: (&str, &str) = ("WASIEXEC_WORKER", "1");

/// The program that a worker process is, called with the number of its socket as last argument;
/// it calls [`super::serve`].
#[derive(Clone, Debug)]
pub struct Launch {
    /// The executable.
    pub program: String,
    /// Its arguments before the number.
    pub arguments: Vec<String>,
}

impl Launch {
    /// What starts a worker that has the socket of this number. Of the environment it gets the
    /// variables named; the rest may hold secrets.
    pub(super) fn command(&self, number: i32, variables: &[&str]) -> Command {
        let kept = variables
            .iter()
            .filter_map(|name| Some((name, std::env::var_os(name)?)));
        let mut command = Command::new(&self.program);
        command
            .args(&self.arguments)
            .arg(number.to_string())
            .env_clear()
            .envs(kept)
            .envs([MARK])
            // Where the executable is Electron.
            .env("ELECTRON_RUN_AS_NODE", "1");
        command
    }
}
