//! Memories and globals of an instance, which its users read and write while no call is in progress.

use super::callable::Callable;
use super::instance_handle::InstanceHandle;
use crate::error::{Error, ErrorCode, Result};
use crate::guest::{NumberType, bits_of};
use crate::wasi::RunState;
use wasmtime::{Extern, Memory, Store};

impl InstanceHandle {
    /// Bytes of the exported memory of this number.
    ///
    /// # Errors
    ///
    /// [`ErrorCode::OutOfBounds`], [`ErrorCode::InstanceBusy`] and [`ErrorCode::InstanceOver`].
    pub fn read_memory(&self, number: usize, address: u64, length: u64) -> Result<Vec<u8>> {
        self.with(|callable| {
            let (store, memory) = memory(callable, number)?;
            let data = memory.data(store);
            Ok(data[range(data.len(), address, length)?].to_vec())
        })
    }

    /// Writes to the exported memory of this number.
    ///
    /// # Errors
    ///
    /// As for [`read_memory`](Self::read_memory); nothing is written then.
    pub fn write_memory(&self, number: usize, address: u64, bytes: &[u8]) -> Result<()> {
        self.with(|callable| {
            let (store, memory) = memory(callable, number)?;
            let data = memory.data_mut(store);
            let range = range(data.len(), address, bytes.len() as u64)?;
            data[range].copy_from_slice(bytes);
            Ok(())
        })
    }

    /// How many bytes of the exported memory of this number, from `address` on, come before the first that is 0. No more
    /// than `most` are looked at.
    ///
    /// # Errors
    ///
    /// As for [`read_memory`](Self::read_memory), also if none is 0.
    pub fn length_to_nul(&self, number: usize, address: u64, most: u64) -> Result<u64> {
        self.with(|callable| {
            let (store, memory) = memory(callable, number)?;
            let data = memory.data(store);
            let rest = &data[range(data.len(), address, 0)?.start..];
            let most = usize::try_from(most).unwrap_or(usize::MAX);
            let seen = &rest[..rest.len().min(most)];
            let end = seen.iter().position(|byte| *byte == 0);
            end.map(|end| end as u64).ok_or_else(|| {
                let message = format!(
                    "no byte is 0 among the {} bytes of the memory from address {address} on that were looked at",
                    seen.len()
                );
                Error::new(ErrorCode::OutOfBounds, message)
            })
        })
    }

    /// Bytes of the exported memory of this number.
    ///
    /// # Errors
    ///
    /// [`ErrorCode::InstanceBusy`] and [`ErrorCode::InstanceOver`].
    pub fn memory_size(&self, number: usize) -> Result<u64> {
        self.with(|callable| {
            let (store, memory) = memory(callable, number)?;
            Ok(memory.data_size(store) as u64)
        })
    }

    /// The bits of the exported global of this number.
    ///
    /// # Errors
    ///
    /// [`ErrorCode::InstanceBusy`] and [`ErrorCode::InstanceOver`].
    pub fn global(&self, number: usize) -> Result<u64> {
        self.with(|callable| {
            let (store, global, _) = global(callable, number)?;
            bits_of(&global.get(store))
                .ok_or_else(|| Error::internal("a global that does not cross"))
        })
    }

    /// Sets the exported global of this number.
    ///
    /// # Errors
    ///
    /// [`ErrorCode::InstanceBusy`], [`ErrorCode::InstanceOver`], and [`ErrorCode::Internal`] for a global that cannot be
    /// set.
    pub fn set_global(&self, number: usize, bits: u64) -> Result<()> {
        self.with(|callable| {
            let (store, global, ty) = global(callable, number)?;
            let set = global.set(store, ty.val(bits));
            set.map_err(Error::internal)
        })
    }
}

fn memory(callable: &mut Callable, number: usize) -> Result<(&mut Store<RunState>, Memory)> {
    let (store, instance, exports) = callable.module()?;
    let memory = exports
        .memory(number)
        .and_then(|export| instance.get_module_export(&mut *store, export))
        .and_then(Extern::into_memory);
    let memory = memory.ok_or_else(|| Error::internal("an exported memory vanished"))?;
    Ok((store, memory))
}

/// A global that is a number.
fn global(
    callable: &mut Callable,
    number: usize,
) -> Result<(&mut Store<RunState>, wasmtime::Global, NumberType)> {
    let (store, instance, exports) = callable.module()?;
    let known = exports.global(number);
    let ty = known.and_then(|global| global.ty);
    let global = known
        .and_then(|global| instance.get_module_export(&mut *store, &global.export))
        .and_then(Extern::into_global);
    let global = global.ok_or_else(|| Error::internal("an exported global vanished"))?;
    let ty = ty.ok_or_else(|| Error::internal("a global that does not cross"))?;
    Ok((store, global, ty))
}

/// Where these bytes are in a memory of this size.
fn range(size: usize, address: u64, length: u64) -> Result<std::ops::Range<usize>> {
    let end = address
        .checked_add(length)
        .filter(|end| *end <= size as u64);
    match end {
        // Both are at most the size.
        Some(end) => Ok(address as usize..end as usize),
        None => Err(Error::new(
            ErrorCode::OutOfBounds,
            format!(
                "the memory has {size} bytes, which do not include {length} bytes at address {address}"
            ),
        )),
    }
}
