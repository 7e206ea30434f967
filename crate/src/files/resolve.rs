//! From paths to nodes.

use super::code::Code;
use super::id::NodeId;
use super::name::{MAX_NAME, MAX_PATH};
use super::tree::{NodeView, Tree};
use std::sync::Arc;

/// The most symbolic links on one path, as on Linux.
const MAX_SYMLINKS: usize = 40;

/// What happens to a symbolic link at the end of a path.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Last {
    Follow,
    /// It is followed only if there is a slash after it.
    FollowSlash,
    Keep,
}

/// Where a path leads.
pub(super) struct Place {
    /// The directory and the name in it; `None` for a path that ends in `.` or `..`.
    entry: Option<(NodeId, Arc<str>)>,
    /// What is there.
    pub(super) node: Option<NodeId>,
    /// Whether the path says that it is a directory.
    pub(super) slash: bool,
}

impl Place {
    /// The directory and the name in it.
    ///
    /// # Errors
    ///
    /// `code` for a path that ends in `.` or `..`.
    pub(super) fn entry(self, code: Code) -> Result<(NodeId, Arc<str>), Code> {
        self.entry.ok_or(code)
    }

    /// The same for a new node.
    ///
    /// # Errors
    ///
    /// [`Code::Exist`] when there is one.
    pub(super) fn free_name(self) -> Result<(NodeId, Arc<str>), Code> {
        match self.node {
            Some(_) => Err(Code::Exist),
            None => self.entry(Code::Exist),
        }
    }
}

impl Tree {
    /// Follows a path from a directory. Neither the path nor a symbolic link leads out of the directory.
    pub(super) fn resolve(&self, at: NodeId, path: &str, last: Last) -> Result<Place, Code> {
        if path.is_empty() {
            return Err(Code::NoEntry);
        }
        if path.len() > MAX_PATH {
            return Err(Code::NameTooLong);
        }
        let mut slash = path.ends_with('/');
        let mut names = Vec::new();
        push(&mut names, path)?;
        // The directories from `at` on.
        let mut above = Vec::new();
        let mut directory = at;
        self.directory(at)?;
        let mut symlinks = 0;
        while let Some(name) = names.pop() {
            match name {
                "." => continue,
                ".." => {
                    directory = above.pop().ok_or(Code::NotPermitted)?;
                    continue;
                }
                _ if name.len() > MAX_NAME => return Err(Code::NameTooLong),
                _ => {}
            }
            let is_last = names.is_empty();
            let node = self.directory(directory)?.find(name);
            match node.map(|node| (node, self.view(node))) {
                Some((_, NodeView::Symlink(target)))
                    if !is_last || last == Last::Follow || (last == Last::FollowSlash && slash) =>
                {
                    symlinks += 1;
                    if symlinks > MAX_SYMLINKS {
                        return Err(Code::Loop);
                    }
                    slash |= is_last && target.ends_with('/');
                    push(&mut names, target)?;
                }
                Some((node, NodeView::Directory(_))) if !is_last => {
                    above.push(directory);
                    directory = node;
                }
                Some(_) if !is_last => return Err(Code::NotDirectory),
                None if !is_last => return Err(Code::NoEntry),
                found => {
                    return Ok(Place {
                        entry: Some((directory, name.into())),
                        node: found.map(|(node, _)| node),
                        slash,
                    });
                }
            }
        }
        Ok(Place {
            entry: None,
            node: Some(directory),
            slash: true,
        })
    }
}

/// Puts the names of a path on those that are left, so that the first name is on top.
fn push<'a>(names: &mut Vec<&'a str>, path: &'a str) -> Result<(), Code> {
    match path.as_bytes() {
        [b'/', ..] => return Err(Code::NotPermitted),
        bytes if bytes.contains(&0) => return Err(Code::Invalid),
        _ => {}
    }
    names.extend(path.split('/').rev().filter(|name| !name.is_empty()));
    Ok(())
}
