//! The files in memory that a run's options grant.

use super::descriptors::{Descriptors, FileTree};
use super::file_streams::FileStreams;
use crate::error::{Error, ErrorCode, Result};
use crate::files::{Collecting, Now, Patterns, Tree};
use crate::options::{Clock, Preopen, RunOptions};
use std::sync::Arc;

/// How much is collected at a time: half a millisecond, about.
const WORK: usize = 150_000;

/// The files of one run.
pub(crate) struct GrantedFiles {
    pub(crate) descriptors: Descriptors,
    /// Of a guest of WASI 0.3.
    pub(super) streams: Arc<FileStreams>,
    path: Arc<str>,
    collector: Option<Collector>,
}

/// Brings files back after the end of a run.
#[derive(Clone)]
pub(crate) struct Collector {
    tree: FileTree,
    patterns: Arc<Patterns>,
}

impl Collector {
    pub(crate) fn begin(&self) -> Collecting {
        Collecting::new(self.patterns.clone())
    }

    /// Goes on for less than a millisecond; returns whether all is done.
    ///
    /// # Errors
    ///
    /// [`ErrorCode::OutOfResources`] when there are too many.
    pub(crate) fn go_on(&self, collecting: &mut Collecting) -> Result<bool> {
        collecting.go_on(&self.tree.lock(), WORK)
    }
}

impl GrantedFiles {
    /// The files that `options` grant beside `preopens`.
    ///
    /// # Errors
    ///
    /// [`ErrorCode::InvalidOption`] for options that need files where there are none, and for a granted directory at
    /// the same guest path.
    pub(crate) fn new(options: &RunOptions, preopens: &[Preopen]) -> Result<Option<Self>> {
        let RunOptions {
            files,
            files_at,
            collect,
            ..
        } = options;
        let Some(given) = files else {
            return match (files_at, collect) {
                (None, None) => Ok(None),
                (Some(_), _) => Err(alone("filesAt")),
                (None, Some(_)) => Err(alone("collect")),
            };
        };
        let path = files_at.clone().unwrap_or_else(|| Arc::from("/"));
        let names = names(&path);
        if let Some(same) = preopens
            .iter()
            .find(|preopen| self::names(&preopen.guest_path) == names)
        {
            let message = format!(
                "`preopens[{:?}]` is at the guest path of `files`, which is {path:?}; give one of them another path",
                same.guest_path
            );
            return Err(Error::new(ErrorCode::InvalidOption, message));
        }
        let now = match options.clock {
            Clock::Real => Now::Real,
            Clock::Fixed(now) => Now::Fixed(now),
        };
        let tree = FileTree::new(Tree::new(given.clone(), options.limits.files, now));
        Ok(Some(Self {
            collector: collect.clone().map(|patterns| Collector {
                tree: tree.clone(),
                patterns,
            }),
            descriptors: Descriptors::new(tree, path.clone(), preopens.len()),
            streams: Arc::default(),
            path,
        }))
    }

    /// Their guest path.
    pub(super) fn path(&self) -> &str {
        &self.path
    }

    pub(crate) fn collector(&self) -> Option<Collector> {
        self.collector.clone()
    }
}

fn alone(option: &str) -> Error {
    Error::new(
        ErrorCode::InvalidOption,
        format!("`{option}` needs `files`; `files: {{}}` gives an empty directory"),
    )
}

/// The names of a guest path, as the C library of guests sees them.
fn names(path: &str) -> Vec<&str> {
    let names = path.split('/');
    names.filter(|name| !matches!(*name, "" | ".")).collect()
}
