//! Compiled code, linked with what it imports.

use super::artifact::Artifact;
use super::entry::{self, Entry, Handler};
use super::exports::Exports;
use super::host_imports::HostImport;
use super::info::{ProgramInfo, describe_component, describe_module};
use crate::component::{Described, Imports, Interface};
use crate::engine::Host;
use crate::error::{Error, Result};
use crate::wasi::RunState;
use std::sync::{Arc, OnceLock};
use wasmtime::component::Component;
use wasmtime::{Engine, InstancePre, Module, component};

/// Code and what it is linked with.
pub(crate) struct Compiled {
    pub(super) code: Code,
    entry: Result<Entry>,
    /// What instances are made from.
    linked: Result<Pre>,
    /// Both again with host functions for what WASI does not have, if the module imports such.
    hosted: Option<Hosted>,
    host_imports: Vec<HostImport>,
    component_imports: Option<Described>,
    exports: OnceLock<Arc<Exports>>,
    interface: OnceLock<Arc<Interface>>,
    handler: OnceLock<Result<Handler>>,
    /// The bytes that follow the code where it was loaded from; wasmtime serializes them with it.
    pub(super) trailer: usize,
}

/// Code with its imports.
enum Pre {
    Module(InstancePre<RunState>),
    Component(component::InstancePre<RunState>),
}

/// What an instance is made from, and what its caller can use.
pub(crate) enum Linked<'a> {
    Module(&'a InstancePre<RunState>, &'a Arc<Exports>),
    Component(&'a component::InstancePre<RunState>, &'a Arc<Interface>),
}

/// A program linked with host functions.
struct Hosted {
    linked: Result<Pre>,
    entry: Result<Entry>,
    handler: OnceLock<Result<Handler>>,
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
                linked: linked.map(Pre::Module),
                handler: OnceLock::new(),
            }
        });
        Compiled {
            entry: entry_of(&linked),
            linked: linked.map(Pre::Module),
            hosted,
            host_imports,
            component_imports: None,
            exports: OnceLock::new(),
            interface: OnceLock::new(),
            handler: OnceLock::new(),
            trailer: 0,
            code: Code::Module(self),
        }
    }
}

impl Link for Component {
    fn link(self, host: &Host, _starts_early: bool) -> Compiled {
        let linked = entry::link_component(&self, host);
        let entry_of = |linked: &Result<component::InstancePre<RunState>>| {
            let pre = linked.clone();
            pre.and_then(|pre| entry::component_entry(&self, pre))
        };
        let imports = match &linked {
            Ok(_) => None,
            Err(_) => Some(Imports::of(&self, entry::is_package_provided)),
        };
        let imports = imports.filter(|imports| !imports.is_empty());
        let hosted = imports.as_ref().map(|imports| {
            let linked = entry::link_hosted_component(&self, host, imports);
            Hosted {
                entry: entry_of(&linked),
                linked: linked.map(Pre::Component),
                handler: OnceLock::new(),
            }
        });
        Compiled {
            entry: entry_of(&linked),
            linked: linked.map(Pre::Component),
            hosted,
            host_imports: Vec::new(),
            component_imports: imports.map(|imports| imports.described),
            exports: OnceLock::new(),
            interface: OnceLock::new(),
            handler: OnceLock::new(),
            trailer: 0,
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

    /// Where it handles requests, with host functions or without.
    ///
    /// # Errors
    ///
    /// [`ErrorCode::NoEntryPoint`] and [`ErrorCode::UnresolvedImport`].
    pub(crate) fn handler(&self, is_hosted: bool) -> Result<&Handler> {
        let (known, linked) = match &self.hosted {
            Some(hosted) if is_hosted => (&hosted.handler, &hosted.linked),
            _ => (&self.handler, &self.linked),
        };
        let find = || match (linked.as_ref().map_err(Clone::clone)?, &self.code) {
            (Pre::Component(pre), Code::Component(component)) => {
                entry::handler(component, pre.clone())
            }
            _ => Err(entry::no_handler("a core module has functions alone")),
        };
        known.get_or_init(find).as_ref().map_err(Clone::clone)
    }

    /// What an instance is made from, with host functions or without, and what its caller can use.
    ///
    /// # Errors
    ///
    /// [`ErrorCode::UnresolvedImport`].
    pub(crate) fn linked(&self, is_hosted: bool) -> Result<Linked<'_>> {
        let linked = match &self.hosted {
            Some(hosted) if is_hosted => &hosted.linked,
            _ => &self.linked,
        };
        Ok(match linked.as_ref().map_err(Clone::clone)? {
            Pre::Module(pre) => {
                let exports = || Arc::new(Exports::of(pre.module()));
                Linked::Module(pre, self.exports.get_or_init(exports))
            }
            Pre::Component(pre) => {
                let interface =
                    || Arc::new(Interface::of(pre.component(), entry::is_package_provided));
                Linked::Component(pre, self.interface.get_or_init(interface))
            }
        })
    }

    pub(super) fn describe(&self, name: String) -> ProgramInfo {
        match &self.code {
            Code::Module(module) => describe_module(name, module, &self.host_imports),
            Code::Component(component) => {
                describe_component(name, component, self.component_imports.as_ref())
            }
        }
    }

    pub(super) fn serialize(&self) -> Result<Vec<u8>> {
        let code = match &self.code {
            Code::Module(module) => Artifact::serialize(module),
            Code::Component(component) => Artifact::serialize(component),
        };
        let mut code = code.map_err(|error| Error::internal(format_args!("{error:#}")))?;
        code.truncate(code.len().saturating_sub(self.trailer));
        Ok(code)
    }
}
