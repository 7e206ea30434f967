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

impl Compiled {
    pub(super) fn of_module(module: Module, host: &Host, starts_early: bool) -> Self {
        Self {
            entry: entry::module_entry(&module, host, starts_early),
            code: Code::Module(module),
        }
    }

    /// A component's modules start before it in any case.
    pub(super) fn of_component(component: Component, host: &Host, _starts_early: bool) -> Self {
        Self {
            entry: entry::component_entry(&component, host),
            code: Code::Component(component),
        }
    }

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
