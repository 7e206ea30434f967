//! `wasi:keyvalue`, with buckets in memory.

use super::kept::{Answer, Buckets, KEY_VALUE, MOST_BYTES, StoreError, entries, size};
use crate::wasi::state::RunState;
use bytes::Bytes;
use std::collections::BTreeMap;
use wasmtime::component::{ComponentType, Lift, Linker, Lower, Resource, ResourceType};
use wasmtime::{Result, StoreContextMut};

/// Keys in one answer.
const PAGE: usize = 1000;

/// A bucket that a guest has opened.
struct Bucket {
    name: String,
}

#[derive(ComponentType, Lift, Lower)]
#[component(record)]
struct KeyResponse {
    keys: Vec<String>,
    cursor: Option<u64>,
}

type Store<'a> = StoreContextMut<'a, RunState>;

pub(super) fn add_to_linker(linker: &mut Linker<RunState>) -> Result<()> {
    let mut store = linker.instance(&format!("wasi:keyvalue/store@{KEY_VALUE}"))?;
    store.resource(
        "bucket",
        ResourceType::host::<Bucket>(),
        |mut store, number| {
            let bucket = Resource::<Bucket>::new_own(number);
            store.data_mut().table().delete(bucket)?;
            Ok(())
        },
    )?;
    store.func_wrap("open", |store: Store<'_>, (name,): (String,)| {
        Ok((open(store, name),))
    })?;
    type Key = (Resource<Bucket>, String);
    store.func_wrap(
        "[method]bucket.get",
        |mut store: Store<'_>, (bucket, key): Key| {
            let found = with(&mut store, &bucket, |buckets, name| {
                Ok(entries(buckets, name)?
                    .get(&key)
                    .map(|value| value.to_vec()))
            })?;
            Ok((found,))
        },
    )?;
    store.func_wrap(
        "[method]bucket.set",
        |mut store: Store<'_>, (bucket, key, value): (Resource<Bucket>, String, Vec<u8>)| {
            let set = |buckets: &mut Buckets, name: &str| buckets.set(name, key, value);
            Ok((with(&mut store, &bucket, set)?,))
        },
    )?;
    store.func_wrap(
        "[method]bucket.delete",
        |mut store: Store<'_>, (bucket, key): Key| {
            let delete = |buckets: &mut Buckets, name: &str| buckets.delete(name, &key);
            Ok((with(&mut store, &bucket, delete)?,))
        },
    )?;
    store.func_wrap(
        "[method]bucket.exists",
        |mut store: Store<'_>, (bucket, key): Key| {
            let exists =
                |buckets: &mut Buckets, name: &str| Ok(entries(buckets, name)?.contains_key(&key));
            Ok((with(&mut store, &bucket, exists)?,))
        },
    )?;
    store.func_wrap(
        "[method]bucket.list-keys",
        |mut store: Store<'_>, (bucket, cursor): (Resource<Bucket>, Option<u64>)| {
            let list = |buckets: &mut Buckets, name: &str| {
                Ok(page(entries(buckets, name)?, cursor.unwrap_or(0)))
            };
            Ok((with(&mut store, &bucket, list)?,))
        },
    )?;
    let mut atomics = linker.instance(&format!("wasi:keyvalue/atomics@{KEY_VALUE}"))?;
    atomics.func_wrap(
        "increment",
        |mut store: Store<'_>, (bucket, key, delta): (Resource<Bucket>, String, u64)| {
            let add = |buckets: &mut Buckets, name: &str| buckets.increment(name, key, delta);
            Ok((with(&mut store, &bucket, add)?,))
        },
    )?;
    add_batch(linker)
}

fn add_batch(linker: &mut Linker<RunState>) -> Result<()> {
    type Keys = (Resource<Bucket>, Vec<String>);
    let mut batch = linker.instance(&format!("wasi:keyvalue/batch@{KEY_VALUE}"))?;
    batch.func_wrap("get-many", |mut store: Store<'_>, (bucket, keys): Keys| {
        let get = |buckets: &mut Buckets, name: &str| {
            let entries = entries(buckets, name)?;
            // The same key, over and over, must not take more memory than the guest could have filled.
            let mut left = MOST_BYTES;
            let found = keys.into_iter().map(|key| match entries.get(&key) {
                None => Ok(None),
                Some(value) => {
                    left = left.checked_sub(size(&key, value)).ok_or_else(|| {
                        StoreError::Other(format!("more than {MOST_BYTES} bytes at once"))
                    })?;
                    Ok(Some((key, value.to_vec())))
                }
            });
            found.collect::<Answer<Vec<_>>>()
        };
        Ok((with(&mut store, &bucket, get)?,))
    })?;
    batch.func_wrap(
        "set-many",
        |mut store: Store<'_>, (bucket, entries): (Resource<Bucket>, Vec<(String, Vec<u8>)>)| {
            let set = |buckets: &mut Buckets, name: &str| {
                let mut entries = entries.into_iter();
                entries.try_for_each(|(key, value)| buckets.set(name, key, value))
            };
            Ok((with(&mut store, &bucket, set)?,))
        },
    )?;
    batch.func_wrap(
        "delete-many",
        |mut store: Store<'_>, (bucket, keys): Keys| {
            let delete = |buckets: &mut Buckets, name: &str| {
                keys.iter().try_for_each(|key| buckets.delete(name, key))
            };
            Ok((with(&mut store, &bucket, delete)?,))
        },
    )
}

fn open(mut store: Store<'_>, name: String) -> Answer<Resource<Bucket>> {
    let state = store.data_mut();
    let buckets = state.stores().buckets.as_ref();
    let buckets = buckets.ok_or(StoreError::AccessDenied)?;
    if !buckets.all.contains_key(&name) {
        return Err(StoreError::NoSuchStore);
    }
    let opened = state.table().push(Bucket { name });
    opened.map_err(|_| StoreError::Other("too many buckets are open".into()))
}

/// Does something with the bucket that a guest has opened.
///
/// # Errors
///
/// The trap of a guest that has no such bucket open.
fn with<T>(
    store: &mut Store<'_>,
    bucket: &Resource<Bucket>,
    work: impl FnOnce(&mut Buckets, &str) -> Answer<T>,
) -> Result<Answer<T>> {
    let state = store.data_mut();
    let name = state.table().get(bucket)?.name.clone();
    Ok(match &mut state.stores().buckets {
        Some(buckets) => work(buckets, &name),
        None => Err(StoreError::AccessDenied),
    })
}

/// Keys in their order, from the one of this number on, and the number of the next one if there are more.
fn page(entries: &BTreeMap<String, Bytes>, from: u64) -> KeyResponse {
    let start = usize::try_from(from).unwrap_or(usize::MAX);
    let keys: Vec<_> = entries.keys().skip(start).take(PAGE).cloned().collect();
    let next = start.saturating_add(keys.len());
    KeyResponse {
        keys,
        cursor: (next < entries.len()).then_some(next as u64),
    }
}
