//! How many files a component of WASI 0.3 may have open, the error code when there are too many, and the times of open
//! directories.

use super::directory_times::{ITSELF, is_directory};
use super::resources::{is_full, out_of_descriptors};
use super::state::RunState;
use wasmtime::Result;
use wasmtime::component::{Accessor, Linker, Resource};
use wasmtime_wasi::filesystem::{WasiFilesystem, WasiFilesystemView};
use wasmtime_wasi::p3::bindings::filesystem::types as p3;

pub(super) const P2_TYPES: &str = "wasi:filesystem/types@0.2.12";
pub(super) const P3_TYPES: &str = "wasi:filesystem/types@0.3.0";
const OPEN_AT: &str = "[method]descriptor.open-at";
const SET_TIMES: &str = "[method]descriptor.set-times";

pub(super) fn add_to_p3_linker(linker: &mut Linker<RunState>) -> Result<()> {
    add_open(linker)?;
    add_set_times(linker)
}

/// Takes the place of the function with which components open files. Components have no error code for too
/// many files; `insufficient-memory` comes closest.
fn add_open(linker: &mut Linker<RunState>) -> Result<()> {
    type P3Arguments = (
        Resource<p3::Descriptor>,
        p3::PathFlags,
        String,
        p3::OpenFlags,
        p3::DescriptorFlags,
    );
    linker.instance(P3_TYPES)?.func_wrap_concurrent(
        OPEN_AT,
        |store: &Accessor<RunState>, (fd, lookup, path, how, flags): P3Arguments| {
            Box::pin(async move {
                let files = store.with_getter::<WasiFilesystem>(RunState::filesystem);
                if files.with(|mut store| is_full(store.get().table)) {
                    return Ok((Err(p3::ErrorCode::InsufficientMemory),));
                }
                let opened = <WasiFilesystem as p3::HostDescriptorWithStore<_>>::open_at(
                    &files, fd, lookup, path, how, flags,
                );
                Ok((match opened.await {
                    Ok(file) => Ok(file),
                    Err(error) => Err(match error.downcast()? {
                        p3::ErrorCode::Io if out_of_descriptors().is_some() => {
                            p3::ErrorCode::InsufficientMemory
                        }
                        code => code,
                    }),
                },))
            })
        },
    )
}

/// Takes the place of the function with which components set the times of what is open.
fn add_set_times(linker: &mut Linker<RunState>) -> Result<()> {
    type Arguments = (Resource<p3::Descriptor>, p3::NewTimestamp, p3::NewTimestamp);
    linker.instance(P3_TYPES)?.func_wrap_concurrent(
        SET_TIMES,
        |store: &Accessor<RunState>, (fd, accessed, modified): Arguments| {
            Box::pin(async move {
                let files = store.with_getter::<WasiFilesystem>(RunState::filesystem);
                let set = match files.with(|mut store| is_directory(store.get().table, &fd)) {
                    true => {
                        let (lookup, path) = (p3::PathFlags::empty(), ITSELF.to_owned());
                        <WasiFilesystem as p3::HostDescriptorWithStore<_>>::set_times_at(
                            &files, fd, lookup, path, accessed, modified,
                        )
                        .await
                    }
                    false => {
                        <WasiFilesystem as p3::HostDescriptorWithStore<_>>::set_times(
                            &files, fd, accessed, modified,
                        )
                        .await
                    }
                };
                Ok((match set {
                    Ok(()) => Ok(()),
                    Err(error) => Err(error.downcast()?),
                },))
            })
        },
    )
}
