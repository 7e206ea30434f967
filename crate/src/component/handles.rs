//! Resources of a guest that its submitter has.

use super::lift::LiftedValues;
use crate::lock::lock;
use slab::Slab;
use std::sync::Mutex;
use wasmtime::component::ResourceAny;

/// The resources of one instance that its submitter has, by number.
#[derive(Default)]
pub(crate) struct Handles(Mutex<Slab<ResourceAny>>);

impl Handles {
    /// Takes in the resources among values, and writes their numbers where they belong. Returns the bytes.
    pub(crate) fn take_in(&self, lifted: LiftedValues) -> Vec<u8> {
        let LiftedValues {
            mut bytes,
            resources,
        } = lifted;
        if !resources.is_empty() {
            let mut known = lock(&self.0);
            for (place, resource) in resources {
                let number = known.insert(resource) as u32;
                bytes[place..place + 4].copy_from_slice(&number.to_le_bytes());
            }
        }
        bytes
    }

    /// Lends a resource.
    pub(crate) fn get(&self, number: u32) -> Option<ResourceAny> {
        lock(&self.0).get(number as usize).copied()
    }

    /// Gives a resource away.
    pub(crate) fn take(&self, number: u32) -> Option<ResourceAny> {
        lock(&self.0).try_remove(number as usize)
    }
}
