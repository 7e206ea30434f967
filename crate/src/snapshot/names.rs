//! The names of functions.

use std::collections::HashMap;
use wasm_encoder::{NameMap, NameSection};
use wasmparser::{BinaryReader, Name, NameSectionReader};

/// What the names of copies may take together; the rest has none.
const MAX_BYTES: usize = 1 << 20;

/// A name section in which the functions from `first` on are called as the functions `originals` are. `None` for a
/// section that has no names of functions, or is not well-formed.
pub(super) fn with_copies(section: &[u8], first: u32, originals: &[u32]) -> Option<Vec<u8>> {
    let mut names = NameSection::new();
    let mut has_functions = false;
    let mut room = MAX_BYTES;
    let mut by_function = HashMap::<u32, Vec<usize>>::new();
    for (copy, original) in originals.iter().enumerate() {
        by_function.entry(*original).or_default().push(copy);
    }
    let mut subsections = NameSectionReader::new(BinaryReader::new(section, 0));
    let mut start = 0;
    while let Some(subsection) = subsections.next() {
        let end = subsections.original_position();
        let Name::Function(functions) = subsection.ok()? else {
            copy(&mut names, &section[start..end])?;
            start = end;
            continue;
        };
        start = end;
        if std::mem::replace(&mut has_functions, true) {
            return None;
        }
        let mut all = NameMap::new();
        let mut of_originals = vec![None; originals.len()];
        for naming in functions {
            let naming = naming.ok()?;
            if naming.index >= first {
                return None;
            }
            all.append(naming.index, naming.name);
            for copy in by_function.get(&naming.index).into_iter().flatten() {
                of_originals[*copy] = Some(naming.name);
            }
        }
        for (index, name) in (first..).zip(of_originals) {
            if let Some(name) = name
                && let Some(left) = room.checked_sub(name.len())
            {
                room = left;
                all.append(index, name);
            }
        }
        names.functions(&all);
    }
    has_functions.then(|| names.as_custom().data.into_owned())
}

/// Copies a subsection with its number and size.
fn copy(names: &mut NameSection, subsection: &[u8]) -> Option<()> {
    let mut reader = BinaryReader::new(subsection, 0);
    let id = reader.read_u8().ok()?;
    let length = reader.read_var_u32().ok()? as usize;
    names.raw(id, reader.read_bytes(length).ok()?);
    Some(())
}
