//! Compiled code, linked with what it imports.

use super::artifact::Artifact;
use super::entry::{self, Entry};
use super::info::{ProgramInfo, describe_component, describe_module};
use crate::engine::Host;
use crate::error::{Error, Result};
use wasmtime::component::Component;
use wasmtime::{Engine, Module};

/// Code and what it is linked with.
pub(crate) struct Compiled {
    pub(super) code: Code,
    entry: Result<Entry>,
}

pub(super) enum Code {
    Module(Module),
    Component(Component),
}

/// An artifact that can be linked with what it imports.
pub(super) trait Link: Artifact {
    /// `starts_early` is whether a module has a start section.
    fn link(self, host: &Host, starts_early: bool) -> Compiled;
}

impl Link for Module {
    fn link(self, host: &Host, starts_early: bool) -> Compiled {
        Compiled {
            entry: entry::module_entry(&self, host, starts_early),
            code: Code::Module(self),
        }
    }
}

impl Link for Component {
    fn link(self, host: &Host, _starts_early: bool) -> Compiled {
        Compiled {
            entry: entry::component_entry(&self, host),
            code: Code::Component(self),
        }
    }
}

impl Compiled {
    /// The engine that the code was made for.
    pub(crate) fn engine(&self) -> &Engine {
        match &self.code {
            Code::Module(module) => module.engine(),
            Code::Component(component) => component.engine(),
        }
    }

    pub(crate) fn entry(&self) -> Result<&Entry> {
        self.entry.as_ref().map_err(Clone::clone)
    }

    pub(super) fn describe(&self, name: String) -> ProgramInfo {
        match &self.code {
            Code::Module(module) => describe_module(name, module),
            Code::Component(component) => describe_component(name, component),
        }
    }

    pub(super) fn serialize(&self) -> Result<Vec<u8>> {
        let code = match &self.code {
            Code::Module(module) => Artifact::serialize(module),
            Code::Component(component) => Artifact::serialize(component),
        };
        code.map_err(|error| Error::internal(format_args!("{error:#}")))
    }
}
