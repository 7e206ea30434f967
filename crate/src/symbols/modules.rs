//! Where a program's modules have what tells of their source.

use std::ops::Range;
use wasmparser::{Encoding, Parser, Payload};

/// One core module: the program, or one in a component. All ranges are of the program's bytes.
#[derive(Debug, Default)]
pub(super) struct ModuleText {
    pub(super) all: Range<usize>,
    /// The content of the code section.
    pub(super) code: Range<usize>,
    pub(super) tables: Tables,
}

/// What tells of the source of a module.
#[derive(Debug, Default)]
pub(super) enum Tables {
    #[default]
    None,
    /// The sections of DWARF, by name.
    Dwarf(Vec<(String, Range<usize>)>),
    /// Go's own tables, in the module's data.
    Go,
    /// The address of a source map.
    SourceMap(Range<usize>),
}

impl ModuleText {
    /// Whether nothing tells of its source.
    pub(super) fn is_bare(&self) -> bool {
        matches!(self.tables, Tables::None)
    }

    /// A section of DWARF; empty if there is none.
    pub(super) fn section<'a>(&self, name: &str, wasm: &'a [u8]) -> &'a [u8] {
        let Tables::Dwarf(sections) = &self.tables else {
            return &[];
        };
        let mut found = sections.iter().filter(|(known, _)| known == name);
        found
            .next()
            .map_or(&[], |(_, content)| &wasm[content.clone()])
    }

    fn read_custom(&mut self, name: &str, content: Range<usize>) {
        if name.starts_with(".debug_") {
            match &mut self.tables {
                Tables::Dwarf(sections) => sections.push((name.to_owned(), content)),
                tables => *tables = Tables::Dwarf(vec![(name.to_owned(), content)]),
            }
        } else if self.is_bare() {
            match name {
                "sourceMappingURL" => self.tables = Tables::SourceMap(content),
                "go:buildid" => self.tables = Tables::Go,
                _ => {}
            }
        }
    }
}

/// The modules of a program that was compiled, and so is valid.
pub(super) fn modules(wasm: &[u8]) -> Vec<ModuleText> {
    let mut open: Vec<Option<ModuleText>> = Vec::new();
    let mut done = Vec::new();
    for payload in Parser::new(0).parse_all(wasm).map_while(Result::ok) {
        match payload {
            Payload::Version {
                encoding, range, ..
            } => open.push((encoding == Encoding::Module).then(|| ModuleText {
                all: range.start..range.start,
                ..ModuleText::default()
            })),
            Payload::CodeSectionStart { range, .. } => {
                if let Some(Some(module)) = open.last_mut() {
                    module.code = range;
                }
            }
            Payload::CustomSection(section) => {
                let content = section.data_offset()..section.data_offset() + section.data().len();
                if let Some(Some(module)) = open.last_mut() {
                    module.read_custom(section.name(), content);
                }
            }
            Payload::End(end) => {
                if let Some(Some(mut module)) = open.pop() {
                    module.all.end = end;
                    done.push(module);
                }
            }
            _ => {}
        }
    }
    done
}
