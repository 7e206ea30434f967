//! What the values of one instance refer to: resources of the guest that its submitter has, streams and futures.

use super::flows::Flows;
use crate::lock::lock;
use slab::Slab;
use std::sync::{Arc, Mutex};
use wasmtime::component::ResourceAny;

/// The resources of one instance that its submitter has, by number, and its streams and futures.
pub(crate) struct Handles {
    resources: Mutex<Slab<ResourceAny>>,
    pub(crate) flows: Arc<Flows>,
}

impl Handles {
    pub(crate) fn new(flows: Flows) -> Self {
        Self {
            resources: Mutex::default(),
            flows: Arc::new(flows),
        }
    }

    /// Takes in a resource; returns its number.
    pub(super) fn insert(&self, resource: ResourceAny) -> u32 {
        lock(&self.resources).insert(resource) as u32
    }

    /// Lends a resource.
    pub(crate) fn get(&self, number: u32) -> Option<ResourceAny> {
        lock(&self.resources).get(number as usize).copied()
    }

    /// Gives a resource away.
    pub(crate) fn take(&self, number: u32) -> Option<ResourceAny> {
        lock(&self.resources).try_remove(number as usize)
    }
}
