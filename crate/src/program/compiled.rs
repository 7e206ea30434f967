//! Compiled code, linked with what it imports.

use super::artifact::Artifact;
use super::entry::{self, Entry};
use super::exports::Exports;
use super::info::{ProgramInfo, describe_component, describe_module};
use crate::engine::Host;
use crate::error::{Error, ErrorCode, Result};
use crate::wasi::RunState;
use std::sync::{Arc, OnceLock};
use wasmtime::component::Component;
use wasmtime::{Engine, InstancePre, Module};

/// Code and what it is linked with.
pub(crate) struct Compiled {
    pub(super) code: Code,
    entry: Result<Entry>,
    /// What instances of a module are made from.
    linked: Result<InstancePre<RunState>>,
    exports: OnceLock<Arc<Exports>>,
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
        let linked = entry::link_module(&self, host);
        let entry = linked.clone();
        Compiled {
            entry: entry.and_then(|pre| entry::module_entry(&self, pre, starts_early)),
            linked,
            exports: OnceLock::new(),
            code: Code::Module(self),
        }
    }
}

impl Link for Component {
    fn link(self, host: &Host, _starts_early: bool) -> Compiled {
        Compiled {
            entry: entry::component_entry(&self, host),
            linked: Err(Error::new(
                ErrorCode::UnsupportedWasm,
                "components cannot be instantiated yet; a component that is a command can be run",
            )),
            exports: OnceLock::new(),
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

    /// What an instance is made from, and what its caller can use.
    ///
    /// # Errors
    ///
    /// [`ErrorCode::UnresolvedImport`], and [`ErrorCode::UnsupportedWasm`] for components.
    pub(crate) fn linked(&self) -> Result<(&InstancePre<RunState>, &Arc<Exports>)> {
        let linked = self.linked.as_ref().map_err(Clone::clone)?;
        let exports = self
            .exports
            .get_or_init(|| Arc::new(Exports::of(linked.module())));
        Ok((linked, exports))
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
