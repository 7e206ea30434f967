//! How programs are encoded for workers.

use crate::error::{Error, Result};
use crate::options::Preopen;
use crate::port::{LoadRequest, ProgramSource};
use crate::program::{Cache, CompilerChoice, LoadOptions};
use serde::{Deserialize, Serialize};
use std::path::PathBuf;

/// The options of a program. The length of the head comes before it, and the program's bytes follow.
#[derive(Serialize, Deserialize)]
struct ProgramHeader {
    name: String,
    fuel: bool,
    compiler: CompilerChoice,
    interruptible: bool,
    trust_precompiled: bool,
    cache: Option<PathBuf>,
    /// Guest path, host path, and whether the guest may write.
    preopens: Vec<(String, PathBuf, bool)>,
    source_maps: Option<PathBuf>,
}

pub(crate) fn encode(bytes: &[u8], options: &LoadOptions, cache: &Cache) -> Result<Vec<u8>> {
    let preopens = options.preopens.iter().cloned();
    let preopens = preopens.map(|preopen| (preopen.guest_path, preopen.host_path, preopen.write));
    let head = ProgramHeader {
        name: options.name.clone(),
        fuel: options.fuel,
        compiler: options.compiler,
        interruptible: options.interruptible,
        trust_precompiled: options.trust_precompiled,
        cache: cache.folder().map(Into::into),
        preopens: preopens.collect(),
        source_maps: options.source_maps.clone(),
    };
    let head = serde_json::to_vec(&head).map_err(Error::internal)?;
    let mut encoded = Vec::with_capacity(size_of::<u32>() + head.len() + bytes.len());
    encoded.extend((head.len() as u32).to_le_bytes());
    encoded.extend(head);
    encoded.extend(bytes);
    Ok(encoded)
}

pub(super) fn decode(encoded: &[u8]) -> Result<LoadRequest> {
    let malformed = || Error::internal("a program came damaged");
    let (length, rest) = encoded.split_first_chunk().ok_or_else(malformed)?;
    let length = u32::from_le_bytes(*length) as usize;
    let (head, bytes) = rest.split_at_checked(length).ok_or_else(malformed)?;
    let head: ProgramHeader = serde_json::from_slice(head).map_err(Error::internal)?;
    let preopens = head.preopens.into_iter();
    let preopens = preopens.map(|(guest_path, host_path, write)| Preopen {
        guest_path,
        host_path,
        write,
    });
    Ok(LoadRequest {
        // The folder is among the options.
        source_maps: false,
        source: ProgramSource::Bytes(bytes.to_vec()),
        options: LoadOptions {
            name: head.name,
            fuel: head.fuel,
            compiler: head.compiler,
            interruptible: head.interruptible,
            trust_precompiled: head.trust_precompiled,
            cache: Some(head.cache.map_or_else(Cache::none, Cache::at)),
            preopens: preopens.collect(),
            source_maps: head.source_maps,
        },
    })
}
