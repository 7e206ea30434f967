//! Compiled code, linked with what it imports.

use super::artifact::Artifact;
use super::entry::{self, Entry};
use super::host_imports::HostImport;
use super::info::{ProgramInfo, describe_component, describe_module};
use crate::engine::Host;
use crate::error::{Error, Result};
use wasmtime::component::Component;
use wasmtime::{Engine, Module};

/// Code and what it is linked with.
pub(crate) struct Compiled {
    pub(super) code: Code,
    entry: Result<Entry>,
    /// Where runs begin that provide the imports which WASI does not have, if there are such imports.
    hosted: Option<Result<Entry>>,
    host_imports: Vec<HostImport>,
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
        let (entry, host_imports) = entry::module_entry(&self, host, starts_early);
        let hosted = match host_imports.is_empty() {
            true => None,
            false => Some(entry::hosted_entry(
                &self,
                host,
                starts_early,
                &host_imports,
            )),
        };
        Compiled {
            entry,
            hosted,
            host_imports,
            code: Code::Module(self),
        }
    }
}

impl Link for Component {
    fn link(self, host: &Host, _starts_early: bool) -> Compiled {
        Compiled {
            entry: entry::component_entry(&self, host),
            hosted: None,
            host_imports: Vec::new(),
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

    /// The same for runs that provide the imports which WASI does not have.
    pub(crate) fn hosted_entry(&self) -> Result<&Entry> {
        let entry = self.hosted.as_ref().unwrap_or(&self.entry);
        entry.as_ref().map_err(Clone::clone)
    }

    pub(super) fn describe(&self, name: String) -> ProgramInfo {
        match &self.code {
            Code::Module(module) => describe_module(name, module, &self.host_imports),
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
