//! Where the functions of a module are.

use crate::guest::Bodies;
use wasmparser::{Parser, Payload, TypeRef};

/// Those of a module that was compiled, and so is valid.
pub(crate) fn bodies(wasm: &[u8]) -> Bodies {
    let mut bodies = Bodies::default();
    for payload in Parser::new(0).parse_all(wasm).map_while(Result::ok) {
        match payload {
            Payload::ImportSection(section) => {
                let imports = section.into_imports().flatten();
                let is_function = |ty| matches!(ty, TypeRef::Func(_) | TypeRef::FuncExact(_));
                bodies.imported = imports.filter(|import| is_function(import.ty)).count();
            }
            Payload::CodeSectionEntry(body) => bodies.starts.push(body.range().start),
            _ => {}
        }
    }
    bodies
}
