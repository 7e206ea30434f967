//! How many files a component may have open, and the error code when there are too many.

use super::resources::{has_no_stream_left, is_full, out_of_descriptors};
use super::state::RunState;
use wasmtime::component::{Accessor, Linker, Resource};
use wasmtime::{Result, StoreContextMut};
use wasmtime_wasi::filesystem::{WasiFilesystem, WasiFilesystemView};
use wasmtime_wasi::p2::bindings::filesystem::types as p2;
use wasmtime_wasi::p3::bindings::filesystem::types as p3;

pub(super) const P2_TYPES: &str = "wasi:filesystem/types@0.2.12";
pub(super) const P3_TYPES: &str = "wasi:filesystem/types@0.3.0";
const OPEN_AT: &str = "[method]descriptor.open-at";

/// Takes the place of the functions with which components open files. Components have no error code for too
/// many files; `insufficient-memory` comes closest.
pub(super) fn add_to_linker(linker: &mut Linker<RunState>) -> Result<()> {
    type P2Arguments = (
        Resource<p2::Descriptor>,
        p2::PathFlags,
        String,
        p2::OpenFlags,
        p2::DescriptorFlags,
    );
    let mut types = linker.instance(P2_TYPES)?;
    types.func_wrap_async(
        OPEN_AT,
        |mut store: StoreContextMut<'_, RunState>, (fd, lookup, path, how, flags): P2Arguments| {
            Box::new(async move {
                let mut files = store.data_mut().filesystem();
                if is_full(files.table) {
                    return Ok((Err(p2::ErrorCode::InsufficientMemory),));
                }
                let opened = p2::HostDescriptor::open_at(&mut files, fd, lookup, path, how, flags);
                Ok((match opened.await {
                    Ok(file) => Ok(file),
                    Err(error) => Err(match error.downcast()? {
                        p2::ErrorCode::Io if out_of_descriptors().is_some() => {
                            p2::ErrorCode::InsufficientMemory
                        }
                        code => code,
                    }),
                },))
            })
        },
    )?;
    macro_rules! stream {
        ($name:literal, $function:ident($($argument:ident: $ty:ty),*)) => {
            types.func_wrap(
                concat!("[method]descriptor.", $name),
                |mut store: StoreContextMut<'_, RunState>,
                 (fd, $($argument,)*): (Resource<p2::Descriptor>, $($ty,)*)| {
                    let mut files = store.data_mut().filesystem();
                    if has_no_stream_left(files.table) {
                        return Ok((Err(p2::ErrorCode::InsufficientMemory),));
                    }
                    Ok((match p2::HostDescriptor::$function(&mut files, fd, $($argument),*) {
                        Ok(stream) => Ok(stream),
                        Err(error) => Err(error.downcast()?),
                    },))
                },
            )?;
        };
    }
    stream!("read-via-stream", read_via_stream(offset: u64));
    stream!("write-via-stream", write_via_stream(offset: u64));
    stream!("append-via-stream", append_via_stream());
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
