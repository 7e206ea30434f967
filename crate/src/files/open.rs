//! How nodes are found and opened.

use super::code::Code;
use super::contents::Contents;
use super::id::{Kind, NodeId};
use super::node::{NodeContent, Stat};
use super::resolve::Last;
use super::tree::{NodeView, Tree};

/// How a file is opened.
#[derive(Clone, Copy)]
pub(crate) struct Open {
    pub(crate) follow: bool,
    pub(crate) create: bool,
    pub(crate) exclusive: bool,
    pub(crate) truncate: bool,
    pub(crate) directory: bool,
    pub(crate) write: bool,
}

impl Tree {
    /// Opens a file or directory; it is open until [`close`](Self::close).
    pub(crate) fn open(&mut self, at: NodeId, path: &str, how: Open) -> Result<Stat, Code> {
        if how.directory && (how.create || how.exclusive || how.truncate) {
            return Err(Code::Invalid);
        }
        let is_new = how.create && how.exclusive;
        let last = match how.follow && !is_new {
            true => Last::Follow,
            false => Last::FollowSlash,
        };
        let place = self.resolve(at, path, last)?;
        let node = match place.node {
            None if !how.create => return Err(Code::NoEntry),
            None if place.slash => return Err(Code::IsDirectory),
            None => {
                let (directory, name) = place.free_name()?;
                self.can_add(directory)?;
                let file = self.add(NodeContent::File(Contents::Own(Vec::new())));
                self.enter(directory, name, file);
                file
            }
            Some(_) if is_new => return Err(Code::Exist),
            Some(node) => {
                match self.kind(node) {
                    Kind::Symlink if how.directory => return Err(Code::NotDirectory),
                    Kind::Symlink => return Err(Code::Loop),
                    Kind::Directory if how.create || how.truncate || how.write => {
                        return Err(Code::IsDirectory);
                    }
                    Kind::File if how.directory || place.slash => return Err(Code::NotDirectory),
                    Kind::File if how.truncate => self.set_size(node, 0)?,
                    Kind::Directory | Kind::File => {}
                }
                node
            }
        };
        self.retain(node);
        Ok(self.stat(node))
    }

    /// Looks up a node that has to be there.
    pub(crate) fn find(&self, at: NodeId, path: &str, follow: bool) -> Result<NodeId, Code> {
        let last = match follow {
            true => Last::Follow,
            false => Last::FollowSlash,
        };
        let place = self.resolve(at, path, last)?;
        let node = place.node.ok_or(Code::NoEntry)?;
        match place.slash && self.kind(node) != Kind::Directory {
            true => Err(Code::NotDirectory),
            false => Ok(node),
        }
    }

    pub(crate) fn read_link(&self, at: NodeId, path: &str) -> Result<String, Code> {
        match self.view(self.find(at, path, false)?) {
            NodeView::Symlink(target) => Ok(target.to_owned()),
            _ => Err(Code::Invalid),
        }
    }
}
