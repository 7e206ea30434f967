//! Which proposals of WebAssembly a program uses, and which of them are run here.
//!
//! A program uses a feature if it is not valid without it. So there is no list of instructions that could be incomplete:
//! the features are those of wasmparser, which wasmtime validates with.

use crate::error::{Error, ErrorCode};
use wasmparser::{Validator, WasmFeatures};

/// What the engines run: those of wasmtime's features that are on by default, and maps. A test compares this with what they
/// accept.
const RUN: WasmFeatures = WasmFeatures::WASM3
    .union(WasmFeatures::COMPONENT_MODEL)
    .union(WasmFeatures::CM_ASYNC)
    .union(WasmFeatures::CM_MAP);
/// Of the first version of WebAssembly, or a part of another feature: what is not said of any program.
const BASE: WasmFeatures = WasmFeatures::MVP;

/// The names of the features that a program uses; empty for a program that is not valid in any case.
pub(crate) fn used(wasm: &[u8]) -> Vec<String> {
    let needed = needed(wasm).unwrap_or(WasmFeatures::empty());
    named(needed).map(|(name, _)| name).collect()
}

/// An error that names what a program uses and is not run, if that is why it was refused; otherwise the error of the
/// compiler.
pub(super) fn explained(error: Error, wasm: &[u8]) -> Error {
    if error.code() != ErrorCode::InvalidWasm {
        return error;
    }
    let Some(needed) = needed(wasm) else {
        return error;
    };
    let (run, refused): (Vec<_>, Vec<_>) =
        named(needed).partition(|(_, feature)| RUN.contains(*feature));
    let names = |features: Vec<(String, WasmFeatures)>| {
        let names: Vec<_> = features.into_iter().map(|(name, _)| name).collect();
        names.join(", ")
    };
    if refused.is_empty() {
        return error;
    }
    let rest = match run.is_empty() {
        true => String::new(),
        false => format!("; of what it uses, wasiexec runs {}", names(run)),
    };
    let message = format!(
        "the program uses features of WebAssembly that wasiexec does not run: {}{rest}; compile it without them",
        names(refused)
    );
    Error::new(ErrorCode::UnsupportedWasm, message)
}

/// All features with their names, as they are shown: `tail-call`, `component-model-async`.
fn named(among: WasmFeatures) -> impl Iterator<Item = (String, WasmFeatures)> {
    let all = WasmFeatures::all().iter_names();
    let all =
        all.filter(move |(_, feature)| !BASE.contains(*feature) && among.intersects(*feature));
    all.map(|(name, feature)| {
        let name = name.to_lowercase().replace('_', "-");
        let name = match name.strip_prefix("cm") {
            Some(rest) => format!("component-model-{}", rest.trim_start_matches('-')),
            None => name,
        };
        (name, feature)
    })
}

/// What a program is not valid without; `None` for one that is not valid with everything.
fn needed(wasm: &[u8]) -> Option<WasmFeatures> {
    let is_valid = |features| {
        let mut validator = Validator::new_with_features(features);
        validator.validate_all(wasm).is_ok()
    };
    let mut kept = WasmFeatures::all();
    if !is_valid(kept) {
        return None;
    }
    let features = || WasmFeatures::all().iter_names().map(|(_, feature)| feature);
    let is_common = |feature: &WasmFeatures| WasmFeatures::WASM2.contains(*feature);
    // Most programs use nothing of the first half, which one look then tells. A look that finds something is short.
    let (common, mut rare): (Vec<_>, Vec<_>) = features().partition(is_common);
    // What several proposals have is said to be of the oldest.
    rare.reverse();
    drop_unused(&rare, &mut kept, &is_valid);
    drop_unused(&common, &mut kept, &is_valid);
    Some(kept)
}

fn drop_unused(
    features: &[WasmFeatures],
    kept: &mut WasmFeatures,
    is_valid: &impl Fn(WasmFeatures) -> bool,
) {
    let together = features.iter().copied().collect();
    let without = kept.difference(together);
    match features {
        [] => {}
        _ if is_valid(without) => *kept = without,
        [_] => {}
        _ => {
            let (first, second) = features.split_at(features.len() / 2);
            drop_unused(first, kept, is_valid);
            drop_unused(second, kept, is_valid);
        }
    }
}

#[cfg(test)]
mod tests;
