//! Windows has no workers yet.

use super::super::launch::Launch;
use std::io::{self, Read, Write};
use std::process::Child;

pub(crate) type Stream = tokio::io::DuplexStream;

pub(crate) fn start(_: &Launch) -> io::Result<(Child, Stream)> {
    Err(io::ErrorKind::Unsupported.into())
}

pub(crate) fn from_descriptor(_: i32) -> io::Result<Socket> {
    Err(io::ErrorKind::Unsupported.into())
}

pub(crate) fn when_hung_up(_: &Socket, _: impl FnOnce()) -> io::Result<()> {
    Err(io::ErrorKind::Unsupported.into())
}

/// Never exists.
pub(crate) enum Socket {}

impl Socket {
    pub(crate) fn try_clone(&self) -> io::Result<Self> {
        match *self {}
    }
}

impl Read for Socket {
    fn read(&mut self, _: &mut [u8]) -> io::Result<usize> {
        match *self {}
    }
}

impl Write for Socket {
    fn write(&mut self, _: &[u8]) -> io::Result<usize> {
        match *self {}
    }

    fn flush(&mut self) -> io::Result<()> {
        match *self {}
    }
}
