//! What one run is told, keeps and tells by the functions of [`super`].

use crate::options::KeyValues;
use crate::stdio::{Capture, Output};
use bytes::Bytes;
use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use wasmtime::component::{ComponentType, Lift, Lower};

/// The versions that wasmtime's own crates have. No other draft is the same.
pub(crate) const CONFIG: &str = "0.2.0-rc.1";
pub(crate) const KEY_VALUE: &str = "0.2.0-draft";
pub(crate) const LOGGING: [&str; 2] = ["wasi:logging/logging", "wasi:logging/logging@0.1.0-draft"];

/// What a guest may add to all buckets together, with what each key takes besides.
pub(super) const MOST_BYTES: usize = 64 << 20;
const ENTRY: usize = 128;
/// What one run has of all this.
#[derive(Default)]
pub(crate) struct Stores {
    pub(crate) config: Arc<[(String, String)]>,
    /// Unset if the run was granted none.
    pub(crate) buckets: Option<Buckets>,
    /// Where stderr goes; unset where nothing runs.
    pub(crate) log: Option<(Output, Arc<Capture>)>,
}

/// The buckets of one run, as they are now.
pub(crate) struct Buckets {
    pub(super) all: HashMap<String, BTreeMap<String, Bytes>>,
    room: usize,
}

impl Buckets {
    pub(crate) fn new(given: &KeyValues) -> Self {
        let buckets = given.iter().map(|(name, entries)| {
            let entries = entries.iter().cloned();
            (name.clone(), entries.collect::<BTreeMap<_, _>>())
        });
        Self {
            all: buckets.collect(),
            room: MOST_BYTES,
        }
    }

    pub(super) fn set(&mut self, bucket: &str, key: String, value: Vec<u8>) -> Answer<()> {
        let entries = self.all.get_mut(bucket).ok_or(StoreError::NoSuchStore)?;
        let freed = entries.get(&key).map_or(0, |old| size(&key, old));
        let left = (self.room + freed).checked_sub(size(&key, &value));
        let Some(left) = left else {
            let message = format!("no room: a run may add {MOST_BYTES} bytes to its buckets");
            return Err(StoreError::Other(message));
        };
        self.room = left;
        entries.insert(key, value.into());
        Ok(())
    }

    pub(super) fn delete(&mut self, bucket: &str, key: &str) -> Answer<()> {
        let entries = self.all.get_mut(bucket).ok_or(StoreError::NoSuchStore)?;
        if let Some(old) = entries.remove(key) {
            // What was given may be deleted, too.
            self.room = (self.room + size(key, &old)).min(MOST_BYTES);
        }
        Ok(())
    }

    pub(super) fn increment(&mut self, bucket: &str, key: String, delta: u64) -> Answer<u64> {
        let entries = self.all.get(bucket).ok_or(StoreError::NoSuchStore)?;
        let number = match entries.get(&key) {
            None => 0,
            Some(text) => std::str::from_utf8(text)
                .ok()
                .and_then(|text| text.parse().ok())
                .ok_or_else(|| StoreError::Other("the value is no number".into()))?,
        };
        let sum = u64::checked_add(number, delta);
        let sum = sum.ok_or_else(|| StoreError::Other("the number is too large".into()))?;
        self.set(bucket, key, sum.to_string().into_bytes())?;
        Ok(sum)
    }
}

pub(super) fn size(key: &str, value: &[u8]) -> usize {
    ENTRY + key.len() + value.len()
}

pub(super) type Answer<T> = std::result::Result<T, StoreError>;

#[derive(ComponentType, Lift, Lower)]
#[component(variant)]
pub(super) enum StoreError {
    #[component(name = "no-such-store")]
    NoSuchStore,
    #[component(name = "access-denied")]
    AccessDenied,
    #[component(name = "other")]
    Other(String),
}

pub(super) fn entries<'a>(buckets: &'a Buckets, name: &str) -> Answer<&'a BTreeMap<String, Bytes>> {
    buckets.all.get(name).ok_or(StoreError::NoSuchStore)
}
