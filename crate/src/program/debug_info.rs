//! Checks debug information, which wasmtime reads when a guest traps.
//!
//! A trace with file and line is made from a program's own DWARF, by code that recurses as deep as the DWARF
//! is nested and copies its names for every frame. Debug sections that could do harm are renamed before
//! compilation, so that wasmtime does not take them for DWARF. Traces of such a program have names and
//! offsets only.

use gimli::{DebugAbbrev, DebugInfo, LittleEndian, UnitOffset};
use std::borrow::Cow;
use std::ops::Range;
use wasmparser::{Encoding, Parser, Payload};

/// Deeper than compilers nest scopes and inlined functions, and harmless on a fiber's stack.
const MAX_DEPTH: isize = 128;
/// Reading more would make a trap outlast its deadline by seconds.
const MAX_BYTES: usize = 64 << 20;
/// The longest text in any section that has names.
const MAX_NAME: usize = 16 << 10;

/// Where the debug sections of one module are: the first byte of the name, the name, and the content.
#[derive(Default)]
struct DebugSections {
    all: Vec<(usize, String, Range<usize>)>,
}

/// The program, with debug sections that could do harm renamed in place, so that no offset changes.
pub(crate) fn disarmed(wasm: &[u8]) -> Cow<'_, [u8]> {
    let mut disarmed = Cow::Borrowed(wasm);
    for module in modules(wasm) {
        if !module.is_harmless(wasm) {
            for (name, ..) in module.all {
                disarmed.to_mut()[name] = b'_';
            }
        }
    }
    disarmed
}

/// The modules that have debug sections, including modules within components.
fn modules(wasm: &[u8]) -> Vec<DebugSections> {
    let mut open: Vec<DebugSections> = Vec::new();
    let mut done = Vec::new();
    for payload in Parser::new(0).parse_all(wasm) {
        match payload {
            Ok(Payload::Version {
                encoding: Encoding::Module | Encoding::Component,
                ..
            }) => open.push(DebugSections::default()),
            Ok(Payload::CustomSection(section)) if section.name().starts_with(".debug_") => {
                let content = section.data_offset()..section.data_offset() + section.data().len();
                let name = section.data_offset() - section.name().len();
                if let Some(module) = open.last_mut() {
                    let entry = (name, section.name().to_owned(), content);
                    module.all.push(entry);
                }
            }
            Ok(Payload::End(_)) => done.extend(open.pop()),
            Ok(_) => {}
            // The compiler reports malformed programs.
            Err(_) => break,
        }
    }
    done.extend(open);
    done.retain(|module| !module.all.is_empty());
    done
}

impl DebugSections {
    fn is_harmless(&self, wasm: &[u8]) -> bool {
        let bytes: usize = self.all.iter().map(|(.., content)| content.len()).sum();
        let names = [".debug_str", ".debug_line_str", ".debug_info"];
        bytes <= MAX_BYTES
            && names
                .iter()
                .all(|name| has_short_names(self.get(name, wasm)))
            && self.is_shallow(wasm).unwrap_or(false)
    }

    /// The section of that name. A module with two of them is not harmless.
    fn get<'a>(&self, name: &str, wasm: &'a [u8]) -> &'a [u8] {
        let mut found = self.all.iter().filter(|(_, n, _)| n == name);
        found
            .next()
            .map_or(&[], |(.., content)| &wasm[content.clone()])
    }

    fn is_shallow(&self, wasm: &[u8]) -> gimli::Result<bool> {
        let mut names: Vec<_> = self.all.iter().map(|(_, name, _)| name).collect();
        names.sort_unstable();
        if names.windows(2).any(|pair| pair[0] == pair[1]) {
            return Ok(false);
        }
        let info = DebugInfo::new(self.get(".debug_info", wasm), LittleEndian);
        let abbreviations = DebugAbbrev::new(self.get(".debug_abbrev", wasm), LittleEndian);
        let mut units = info.units();
        while let Some(unit) = units.next()? {
            let abbreviations = unit.abbreviations(&abbreviations)?;
            let mut entries = unit.entries_raw(&abbreviations, None::<UnitOffset>)?;
            while !entries.is_empty() {
                if entries.next_depth() > MAX_DEPTH {
                    return Ok(false);
                }
                if let Some(abbreviation) = entries.read_abbreviation()? {
                    entries.skip_attributes(abbreviation.attributes())?;
                }
            }
        }
        Ok(true)
    }
}

fn has_short_names(section: &[u8]) -> bool {
    section
        .split(|byte| *byte == 0)
        .all(|name| name.len() <= MAX_NAME)
}
