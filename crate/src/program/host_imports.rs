//! What a module imports and WASI does not have. A run may provide the functions among these.

use super::type_text;
use crate::wasi::crosses;
use serde::Serialize;
use wasmtime::{ExternType, FuncType, ImportType, ValType};

/// An import that WASI does not have.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct HostImport {
    /// The module that it names.
    pub module: String,
    /// Its name there.
    pub name: String,
    /// function, memory, table, global or tag.
    pub kind: &'static str,
    /// Its type in words.
    #[serde(rename = "type")]
    pub type_text: String,
    /// Set if a run can provide it.
    #[serde(flatten)]
    pub signature: Option<HostSignature>,
}

/// The types of a function, as `i32`, `i64`, `f32` and `f64`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct HostSignature {
    /// Of its parameters.
    pub params: Vec<String>,
    /// Of what it returns.
    pub results: Vec<String>,
}

impl HostImport {
    /// `kind` is that of its type.
    pub(super) fn new(import: &ImportType<'_>, kind: &'static str) -> Self {
        let ty = import.ty();
        Self {
            module: import.module().to_owned(),
            name: import.name().to_owned(),
            kind,
            type_text: type_text::of_extern(&ty),
            signature: function_type(&ty).map(signature),
        }
    }
}

/// The type of an import that a run can provide.
pub(super) fn function_type(ty: &ExternType) -> Option<&FuncType> {
    match ty {
        ExternType::Func(ty) if ty.params().chain(ty.results()).all(|ty| crosses(&ty)) => Some(ty),
        _ => None,
    }
}

fn signature(ty: &FuncType) -> HostSignature {
    let names = |types: &mut dyn Iterator<Item = ValType>| types.map(|ty| ty.to_string()).collect();
    HostSignature {
        params: names(&mut ty.params()),
        results: names(&mut ty.results()),
    }
}
