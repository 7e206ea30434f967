//! What changes directories.

use super::code::Code;
use super::directory::Directory;
use super::id::{Kind, NodeId};
use super::name::MAX_PATH;
use super::node::NodeContent;
use super::resolve::{Last, Place};
use super::tree::Tree;
use std::sync::Arc;

impl Tree {
    pub(crate) fn create_directory(&mut self, at: NodeId, path: &str) -> Result<(), Code> {
        let (parent, name) = self.resolve(at, path, Last::FollowSlash)?.free_name()?;
        self.can_add(parent)?;
        let directory = self.add(NodeContent::Directory(Directory::new(parent)));
        self.enter(parent, name, directory);
        Ok(())
    }

    /// Makes a symbolic link. Where it leads is looked at when it is followed.
    pub(crate) fn symlink(&mut self, target: &str, at: NodeId, path: &str) -> Result<(), Code> {
        match target.as_bytes() {
            [] => return Err(Code::NoEntry),
            // Nothing could follow it.
            [b'/', ..] => return Err(Code::NotPermitted),
            bytes if bytes.contains(&0) => return Err(Code::Invalid),
            bytes if bytes.len() > MAX_PATH => return Err(Code::NameTooLong),
            _ => {}
        }
        let place = self.resolve(at, path, Last::Keep)?;
        let (parent, name) = self.new_name(place)?;
        self.budget.take_bytes(target.len() as u64)?;
        let symlink = self.add(NodeContent::Symlink(target.into()));
        self.enter(parent, name, symlink);
        Ok(())
    }

    /// Gives a file one more name.
    pub(crate) fn link(
        &mut self,
        from: (NodeId, &str),
        follow: bool,
        to: (NodeId, &str),
    ) -> Result<(), Code> {
        if follow {
            return Err(Code::Invalid);
        }
        let source = self.resolve(from.0, from.1, Last::Keep)?;
        let node = source.node.ok_or(Code::NoEntry)?;
        if self.kind(node) == Kind::Directory {
            return Err(Code::NotPermitted);
        }
        if source.slash {
            return Err(Code::NotDirectory);
        }
        let place = self.resolve(to.0, to.1, Last::Keep)?;
        let (parent, name) = self.new_name(place)?;
        self.enter(parent, name, node);
        Ok(())
    }

    pub(crate) fn unlink(&mut self, at: NodeId, path: &str) -> Result<(), Code> {
        let place = self.resolve(at, path, Last::Keep)?;
        let node = place.node.ok_or(Code::NoEntry)?;
        if self.kind(node) == Kind::Directory {
            return Err(Code::IsDirectory);
        }
        if place.slash {
            return Err(Code::NotDirectory);
        }
        let (parent, name) = place.entry(Code::IsDirectory)?;
        self.leave(parent, &name, node);
        Ok(())
    }

    pub(crate) fn remove_directory(&mut self, at: NodeId, path: &str) -> Result<(), Code> {
        let place = self.resolve(at, path, Last::Keep)?;
        let node = place.node.ok_or(Code::NoEntry)?;
        if place.slash && self.kind(node) == Kind::Symlink {
            // With the slash, the path must not lead outside either.
            self.resolve(at, path, Last::FollowSlash)?;
        }
        let is_empty = self.directory(node)?.is_empty();
        let (parent, name) = place.entry(Code::Invalid)?;
        if !is_empty {
            return Err(Code::NotEmpty);
        }
        self.leave(parent, &name, node);
        Ok(())
    }

    /// Moves a file or directory, also to the place of another one.
    pub(crate) fn rename(&mut self, from: (NodeId, &str), to: (NodeId, &str)) -> Result<(), Code> {
        let source = self.resolve(from.0, from.1, Last::Keep)?;
        let node = source.node.ok_or(Code::NoEntry)?;
        let is_directory = self.kind(node) == Kind::Directory;
        if source.slash && !is_directory {
            return Err(Code::NotDirectory);
        }
        let (old_parent, old_name) = source.entry(Code::Busy)?;
        let place = self.resolve(to.0, to.1, Last::Keep)?;
        let replaced = place.node;
        if place.slash && !is_directory {
            return Err(Code::NotDirectory);
        }
        let (parent, name) = place.entry(Code::Busy)?;
        if replaced == Some(node) {
            return Ok(());
        }
        if self.links(parent) == 0 {
            return Err(Code::NoEntry);
        }
        if is_directory && self.is_within(parent, node) {
            return Err(Code::Invalid);
        }
        if let Some(replaced) = replaced {
            match (is_directory, self.directory(replaced)) {
                (true, Ok(directory)) if !directory.is_empty() => return Err(Code::NotEmpty),
                (true, Err(_)) => return Err(Code::NotDirectory),
                (false, Ok(_)) => return Err(Code::IsDirectory),
                _ => self.leave(parent, &name, replaced),
            }
        }
        // It has two names for a moment, so that it is not freed.
        self.enter(parent, name, node);
        self.leave(old_parent, &old_name, node);
        Ok(())
    }

    /// Where a file that is not a directory can get a name.
    fn new_name(&self, place: Place) -> Result<(NodeId, Arc<str>), Code> {
        if place.slash && place.node.is_none() {
            return Err(Code::NoEntry);
        }
        let (parent, name) = place.free_name()?;
        self.can_add(parent)?;
        Ok((parent, name))
    }

    /// Whether a directory can have one more entry.
    pub(super) fn can_add(&self, directory: NodeId) -> Result<(), Code> {
        // One that was removed and is still open.
        if self.links(directory) == 0 {
            return Err(Code::NoEntry);
        }
        self.budget.has_entry()
    }

    /// Enters a node into a directory.
    pub(super) fn enter(&mut self, directory: NodeId, name: Arc<str>, node: NodeId) {
        let now = self.now();
        self.budget.take_entry();
        let own = self.own(node);
        own.links += 1;
        own.times.changed = now;
        if let NodeContent::Directory(entered) = &mut own.content {
            entered.parent = directory;
        }
        let own = self.own(directory);
        own.times.modify(now);
        if let NodeContent::Directory(directory) = &mut own.content {
            directory.insert(name, node);
        }
    }

    /// Removes an entry, and the node with it if that was the last way to it.
    fn leave(&mut self, directory: NodeId, name: &str, node: NodeId) {
        let now = self.now();
        self.budget.give_entry();
        let own = self.own(directory);
        own.times.modify(now);
        if let NodeContent::Directory(directory) = &mut own.content {
            directory.remove(name);
        }
        let own = self.own(node);
        own.links -= 1;
        own.times.changed = now;
        self.free(node);
    }

    /// Whether a directory is another one or below it.
    fn is_within(&self, directory: NodeId, other: NodeId) -> bool {
        let mut at = directory;
        loop {
            if at == other {
                return true;
            }
            match self.directory(at) {
                Ok(view) if view.parent() != at => at = view.parent(),
                // The root.
                _ => return false,
            }
        }
    }
}
