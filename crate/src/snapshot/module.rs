//! Writes a module anew: most of its sections as they are, some replaced.

use super::source::Source;
use crate::error::{Error, Result};
use crate::program::SNAPSHOT_SECTION;
use std::borrow::Cow;
use std::collections::BTreeMap;
use wasm_encoder::{CustomSection, Encode, Section};
use wasmparser::BinaryReader;

const CUSTOM: u8 = 0;
pub(super) const TYPE: u8 = 1;
pub(super) const FUNCTION: u8 = 3;
const TABLE: u8 = 4;
const MEMORY: u8 = 5;
pub(super) const GLOBAL: u8 = 6;
const EXPORT: u8 = 7;
pub(super) const START: u8 = 8;
const ELEMENT: u8 = 9;
pub(super) const CODE: u8 = 10;
pub(super) const DATA: u8 = 11;
const DATA_COUNT: u8 = 12;
const IMPORT: u8 = 2;
const TAG: u8 = 13;

/// The order of sections.
const ORDER: [u8; 13] = [
    TYPE, IMPORT, FUNCTION, TABLE, MEMORY, TAG, GLOBAL, EXPORT, START, ELEMENT, DATA_COUNT, CODE,
    DATA,
];

/// Custom sections that are no longer true: most of them say where things are in the file.
const STALE: [&str; 5] = [
    "sourceMappingURL",
    "linking",
    "external_debug_info",
    "build_id",
    SNAPSHOT_SECTION,
];

/// What is different in the new module.
#[derive(Default)]
pub(super) struct Changes {
    /// Sections in binary form, with their size, by id; `None` for a section that is left out.
    sections: BTreeMap<u8, Option<Vec<u8>>>,
    /// The name of a custom section and its content.
    custom: BTreeMap<&'static str, Vec<u8>>,
    /// Whether debug information is no longer true.
    drops_debug: bool,
}

impl Changes {
    /// Replaces a section, or adds it if the module lacks it.
    pub(super) fn replace(&mut self, section: &impl Section) {
        let mut bytes = Vec::new();
        section.encode(&mut bytes);
        self.sections.insert(section.id(), Some(bytes));
    }

    pub(super) fn leave_out(&mut self, id: u8) {
        self.sections.insert(id, None);
    }

    /// Replaces a custom section. It comes where the module has it, or else at the end.
    pub(super) fn custom(&mut self, name: &'static str, content: Vec<u8>) {
        self.custom.insert(name, content);
    }

    pub(super) fn drop_debug(&mut self) {
        self.drops_debug = true;
    }

    /// Replaces a section by one with these entries.
    pub(super) fn replace_list(&mut self, id: u8, number: u32, entries: &[u8]) {
        self.list(id, number, &[], entries);
    }

    /// Adds `number` entries behind those that a section has.
    ///
    /// # Errors
    ///
    /// [`ErrorCode::Internal`](crate::ErrorCode::Internal) for a section that is not a list.
    pub(super) fn append(
        &mut self,
        source: &Source<'_>,
        id: u8,
        number: u32,
        entries: &[u8],
    ) -> Result<()> {
        let (count, rest) = match source.section(id) {
            Some(content) => split_count(&source.bytes[content])?,
            None => (0, &[][..]),
        };
        let total = count.checked_add(number);
        let total = total.ok_or_else(|| Error::internal("too many entries"))?;
        if id == CODE {
            // Debug information counts from the start of the code section, where the number of functions is.
            let mut number = Vec::new();
            total.encode(&mut number);
            let before = source
                .section(id)
                .map_or(0, |content| content.len() - rest.len());
            self.drops_debug |= number.len() != before;
        }
        self.list(id, total, rest, entries);
        Ok(())
    }

    fn list(&mut self, id: u8, number: u32, first: &[u8], others: &[u8]) {
        let mut count = Vec::new();
        number.encode(&mut count);
        let length = count.len() + first.len() + others.len();
        let mut bytes = Vec::with_capacity(length + 5);
        length.encode(&mut bytes);
        bytes.extend(count);
        bytes.extend_from_slice(first);
        bytes.extend_from_slice(others);
        self.sections.insert(id, Some(bytes));
    }

    /// The new module.
    pub(super) fn write(mut self, source: &Source<'_>) -> Vec<u8> {
        let mut module = source.bytes[..8].to_vec();
        for section in &source.sections {
            let content = &source.bytes[section.content.clone()];
            if section.id == CUSTOM {
                self.write_custom(content, &mut module);
                continue;
            }
            self.write_missing(Some(section.id), &mut module);
            match self.sections.remove(&section.id) {
                Some(Some(bytes)) => write_section(section.id, &bytes, &mut module),
                Some(None) => {}
                None => {
                    module.push(section.id);
                    content.encode(&mut module);
                }
            }
        }
        self.write_missing(None, &mut module);
        for (name, content) in std::mem::take(&mut self.custom) {
            append_custom(name, &content, &mut module);
        }
        module
    }

    fn write_custom(&mut self, content: &[u8], module: &mut Vec<u8>) {
        let name = BinaryReader::new(content, 0)
            .read_string()
            .unwrap_or_default();
        if let Some((name, content)) = self.custom.remove_entry(name) {
            append_custom(name, &content, module);
            return;
        }
        let is_stale = STALE.contains(&name)
            || name.starts_with("reloc.")
            || self.drops_debug && name.starts_with(".debug_");
        if !is_stale {
            module.push(CUSTOM);
            content.encode(module);
        }
    }

    /// Writes the sections that the module lacks and that come before the one with id `next`.
    fn write_missing(&mut self, next: Option<u8>, module: &mut Vec<u8>) {
        let before = ORDER.into_iter().take_while(|id| Some(*id) != next);
        for id in before {
            if let Some(Some(bytes)) = self.sections.remove(&id) {
                write_section(id, &bytes, module);
            }
        }
    }
}

/// The number at the start of a section, and what follows it.
fn split_count(content: &[u8]) -> Result<(u32, &[u8])> {
    let mut reader = BinaryReader::new(content, 0);
    let count = reader.read_var_u32().map_err(Error::internal)?;
    Ok((count, &content[reader.current_position()..]))
}

fn write_section(id: u8, bytes: &[u8], module: &mut Vec<u8>) {
    module.push(id);
    module.extend_from_slice(bytes);
}

fn append_custom(name: &str, content: &[u8], module: &mut Vec<u8>) {
    let section = CustomSection {
        name: Cow::Borrowed(name),
        data: Cow::Borrowed(content),
    };
    section.append_to(module);
}
