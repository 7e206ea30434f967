//! Compiled code, linked with what it imports.

use super::artifact::Artifact;
use super::entry::{self, Entry};
use super::exports::Exports;
use super::host_imports::HostImport;
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
    /// Both again with host functions for what WASI does not have, if the module imports such.
    hosted: Option<Hosted>,
    host_imports: Vec<HostImport>,
    exports: OnceLock<Arc<Exports>>,
}

/// A module linked with host functions.
struct Hosted {
    linked: Result<InstancePre<RunState>>,
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
        let linked = entry::link_module(&self, host);
        let entry_of = |linked: &Result<InstancePre<RunState>>| {
            let pre = linked.clone();
            pre.and_then(|pre| entry::module_entry(&self, pre, starts_early))
        };
        let host_imports = match &linked {
            Ok(_) => Vec::new(),
            Err(_) => entry::host_imports(&self, host),
        };
        let hosted = (!host_imports.is_empty()).then(|| {
            let linked = entry::link_hosted(&self, host, &host_imports);
            Hosted {
                entry: entry_of(&linked),
                linked,
            }
        });
        Compiled {
            entry: entry_of(&linked),
            linked,
            hosted,
            host_imports,
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
            hosted: None,
            host_imports: Vec::new(),
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

    /// The same for runs that provide the imports which WASI does not have.
    pub(crate) fn hosted_entry(&self) -> Result<&Entry> {
        let hosted = self.hosted.as_ref().map(|hosted| &hosted.entry);
        hosted.unwrap_or(&self.entry).as_ref().map_err(Clone::clone)
    }

    /// What an instance is made from, with host functions or without, and what its caller can use.
    ///
    /// # Errors
    ///
    /// [`ErrorCode::UnresolvedImport`], and [`ErrorCode::UnsupportedWasm`] for components.
    pub(crate) fn linked(
        &self,
        is_hosted: bool,
    ) -> Result<(&InstancePre<RunState>, &Arc<Exports>)> {
        let linked = match &self.hosted {
            Some(hosted) if is_hosted => &hosted.linked,
            _ => &self.linked,
        };
        let linked = linked.as_ref().map_err(Clone::clone)?;
        let exports = self
            .exports
            .get_or_init(|| Arc::new(Exports::of(linked.module())));
        Ok((linked, exports))
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
