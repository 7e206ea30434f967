//! The WIT that a component carries.

use crate::error::{Error, ErrorCode, Result};
use serde::Serialize;
use std::panic::{AssertUnwindSafe, catch_unwind};
use wit_component::{OutputToString, WitPrinter};
use wit_parser::decoding::{DecodedWasm, decode};
use wit_parser::{Resolve, WorldId};

/// The world of a component, with the interfaces and types that it uses.
#[derive(Serialize)]
pub(crate) struct Wit {
    /// As text.
    text: String,
    /// The world's place among the worlds.
    world: usize,
    resolve: Resolve,
}

impl Wit {
    /// # Errors
    ///
    /// [`ErrorCode::UnsupportedWasm`] for a component that WIT cannot describe.
    pub(crate) fn of(wasm: &[u8]) -> Result<Self> {
        // It is made for what compilers write: another component may be more than it expects.
        let read = catch_unwind(AssertUnwindSafe(|| Self::read(wasm)));
        read.unwrap_or_else(|panic| Err(unsupported(Error::from_panic(&*panic))))
    }

    fn read(wasm: &[u8]) -> Result<Self> {
        let (resolve, world) =
            match decode(wasm).map_err(|error| unsupported(format!("{error:#}")))? {
                DecodedWasm::Component(resolve, world) => (resolve, world),
                DecodedWasm::WitPackage(..) => {
                    return Err(unsupported("it is a WIT package, which has no code"));
                }
            };
        let text = print(&resolve, world).map_err(|error| unsupported(format!("{error:#}")))?;
        Ok(Self {
            text,
            world: world.index(),
            resolve,
        })
    }
}

fn print(resolve: &Resolve, world: WorldId) -> wasmtime::Result<String> {
    let mut printer = WitPrinter::new(OutputToString::default());
    let package = resolve.worlds[world].package;
    let package = package.ok_or_else(|| wasmtime::Error::msg("its world has no package"))?;
    let others: Vec<_> = resolve
        .packages
        .iter()
        .map(|(id, _)| id)
        .filter(|id| *id != package)
        .collect();
    let printed = printer.print(resolve, package, &others);
    printed.map_err(|error| wasmtime::Error::msg(format!("{error:#}")))?;
    Ok(printer.output.to_string())
}

fn unsupported(reason: impl std::fmt::Display) -> Error {
    let message = format!("the component has no WIT: {reason}");
    Error::new(ErrorCode::UnsupportedWasm, message)
}
