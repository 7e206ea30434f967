//! Real tables, and tables that are meant to harm.

use super::budget::Budget;
use super::dwarf;
use super::modules::modules;
use super::place::Place;
use super::*;
use crate::guest::TrapCode;
use std::io::Read;
use std::ops::Range;

/// The bytes of a real program from `guests/bin`.
fn guest(name: &str) -> Vec<u8> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../guests/bin");
    let packed = std::fs::File::open(folder.join(name).with_extension("wasm.br"));
    let mut wasm = Vec::new();
    brotli_decompressor::Decompressor::new(packed.expect("a guest"), 1 << 16)
        .read_to_end(&mut wasm)
        .expect("brotli");
    wasm
}

/// The frames of a trap at these places.
fn explain(wasm: &[u8], offsets: &[usize]) -> TrapInfo {
    let symbols = Symbols::default();
    let frame = |offset: &usize| Frame {
        offset: Some(*offset),
        ..Frame::default()
    };
    let mut trap = TrapInfo {
        code: TrapCode::UnreachableCodeReached,
        message: String::new(),
        frames: offsets.iter().map(frame).collect(),
        location: None,
    };
    symbols.learn(wasm, offsets);
    assert!(symbols.know(&trap.frames));
    symbols.explain(&mut trap);
    trap
}

/// Function, file and line of each frame.
fn shown(trap: &TrapInfo) -> Vec<(String, String, u32)> {
    let text = |text: &Option<String>| text.clone().unwrap_or_default();
    let frames = trap.frames.iter();
    let frames = frames.map(|frame| {
        let file = text(&frame.file);
        let file = file.rsplit('/').next().unwrap_or_default().to_owned();
        (text(&frame.function), file, frame.line.unwrap_or(0))
    });
    frames.collect()
}

const CRASH: [usize; 4] = [332, 270, 197, 337];

fn crash_frames() -> Vec<(String, String, u32)> {
    [("inner", 12), ("outer", 16), ("main", 23), ("_start", 28)]
        .map(|(function, line)| (function.to_owned(), "crash.c".to_owned(), line))
        .to_vec()
}

#[test]
fn dwarf_4_and_5_name_functions_files_and_lines() {
    for name in ["crash", "crash-5"] {
        let trap = explain(&guest(name), &CRASH);
        assert_eq!(shown(&trap), crash_frames(), "{name}");
        assert_eq!(trap.location, Some(0));
        assert_eq!(trap.frames[0].column, Some(12));
    }
}

#[test]
fn a_module_in_a_component_has_its_own_tables() {
    let module = guest("crash");
    let mut component = b"\0asm\x0d\0\x01\0\x01".to_vec();
    let mut length = module.len();
    while length > 127 {
        component.push(length as u8 | 128);
        length >>= 7;
    }
    component.push(length as u8);
    let before = component.len();
    component.extend(module);
    let trap = explain(&component, &CRASH.map(|offset| before + offset));
    assert_eq!(shown(&trap), crash_frames());
}

/// Numbers that look random and are the same in each run.
struct Random(u64);

impl Random {
    fn below(&mut self, limit: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 % limit.max(1) as u64) as usize
    }

    fn within(&mut self, range: &Range<usize>) -> usize {
        range.start + self.below(range.len())
    }
}

#[test]
fn tables_with_any_bytes_changed_end_every_look_up() {
    for (name, rounds) in [
        ("crash", 6000),
        ("crash-5", 6000),
        ("panic", 150),
        ("go", 20),
    ] {
        let wasm = guest(name);
        let module = &modules(&wasm)[0];
        let places: Vec<Range<usize>> = match &module.tables {
            Tables::Dwarf(sections) => sections
                .iter()
                .map(|(_, content)| content.clone())
                .collect(),
            // The data, where Go's tables are, and the code.
            Tables::Go => vec![module.code.end..wasm.len(), module.code.clone()],
            other => panic!("{name} has {other:?}"),
        };
        let mut random = Random(0x9e37_79b9_7f4a_7c15);
        for round in 0..rounds {
            let mut wasm = wasm.clone();
            for _ in 0..=random.below(8) {
                let place = places[random.below(places.len())].clone();
                let at = random.within(&place);
                wasm[at] = match random.below(3) {
                    0 => [0, 1, 0x7f, 0x80, 0xff][random.below(5)],
                    _ => random.below(256) as u8,
                };
            }
            let offsets: Vec<_> = (0..20).map(|_| random.within(&module.code)).collect();
            let trap = explain(&wasm, &offsets);
            assert!(trap.frames.len() <= MAX_FRAMES, "{name}, round {round}");
            assert!(trap.location < Some(trap.frames.len()));
            for frame in &trap.frames {
                let texts = [&frame.function, &frame.file].into_iter().flatten();
                assert!(texts.into_iter().all(|text| text.len() < 600));
            }
        }
    }
}

/// DWARF 4 of units that have these attributes, by their abbreviation.
struct Written {
    abbreviations: Vec<u8>,
    info: Vec<u8>,
    ranges: Vec<u8>,
    strings: Vec<u8>,
}

impl Written {
    fn unit(&mut self, entries: &[u8]) {
        // Version, table of abbreviations, size of an address.
        let header = [4, 0, 0, 0, 0, 0, 4];
        let length = (header.len() + entries.len()) as u32;
        self.info.extend(length.to_le_bytes());
        self.info.extend(header);
        self.info.extend(entries);
    }

    fn places(&self, address: u64, budget: &mut Budget) -> Vec<Place> {
        let section = |name: &str| match name {
            ".debug_abbrev" => &self.abbreviations[..],
            ".debug_info" => &self.info,
            ".debug_ranges" => &self.ranges,
            ".debug_str" => &self.strings,
            _ => &[],
        };
        dwarf::places(section, &[address], budget).remove(0)
    }

    fn new(abbreviations: &[u8]) -> Self {
        Self {
            abbreviations: abbreviations.to_vec(),
            info: Vec::new(),
            ranges: Vec::new(),
            strings: Vec::new(),
        }
    }
}

#[test]
fn units_that_share_one_long_list_of_ranges_cost_no_more_than_the_budget() {
    // A unit with ranges.
    let mut written = Written::new(&[1, 0x11, 0, 0x55, 0x17, 0, 0, 0]);
    written.ranges = [[1, 0, 0, 0], [2, 0, 0, 0]].concat().repeat(1 << 19);
    for _ in 0..100_000 {
        written.unit(&[1, 0, 0, 0, 0]);
    }
    let mut budget = Budget::default();
    assert_eq!(written.places(1000, &mut budget), []);
    assert_eq!(budget.left(), 0);
}

#[test]
fn units_that_share_one_long_table_of_abbreviations_cost_no_more_than_the_budget() {
    let mut written = Written::new(&[1, 0x11, 0, 0, 0]);
    for code in 0..20_000_u32 {
        let code = [
            code as u8 | 128,
            (code >> 7) as u8 | 128,
            1 + (code >> 14) as u8,
        ];
        written.abbreviations.extend(code);
        written.abbreviations.extend([0x11, 0, 0, 0]);
    }
    written.abbreviations.push(0);
    for _ in 0..100_000 {
        written.unit(&[1]);
    }
    let mut budget = Budget::default();
    assert_eq!(written.places(1000, &mut budget), []);
    assert_eq!(budget.left(), 0);
}

/// A unit and a function from 1 to 4097, and inlined functions that are nested in each other.
fn nested(depth: usize) -> Written {
    let attributes = [0x11, 1, 0x12, 6, 0, 0];
    let mut abbreviations = Vec::new();
    for (code, tag) in [(1, 0x11), (2, 0x2e), (3, 0x1d)] {
        abbreviations.extend([code, tag, 1]);
        abbreviations.extend(attributes);
    }
    abbreviations.push(0);
    let mut written = Written::new(&abbreviations);
    let range = [1, 0, 0, 0, 0, 16, 0, 0];
    let mut entries = Vec::new();
    for code in [1, 2].into_iter().chain(std::iter::repeat_n(3, depth)) {
        entries.push(code);
        entries.extend(range);
    }
    entries.resize(entries.len() + depth + 2, 0);
    written.unit(&entries);
    written
}

#[test]
fn functions_that_are_nested_without_end_are_cut() {
    for depth in [0, 10, 1000, 1_000_000] {
        let written = nested(depth);
        assert!(written.places(1000, &mut Budget::default()).len() <= 32);
    }
}

#[test]
fn names_without_end_are_cut() {
    // A unit and a function, which has a name.
    let mut written = Written::new(&[
        1, 0x11, 1, 0x11, 1, 0x12, 6, 0, 0, 2, 0x2e, 0, 3, 0xe, 0x11, 1, 0x12, 6, 0, 0, 0,
    ]);
    written.strings = vec![b'a'; 32 << 20];
    let range = [1, 0, 0, 0, 0, 16, 0, 0];
    let entries = [&[1][..], &range, &[2, 0, 0, 0, 0], &range, &[0]].concat();
    written.unit(&entries);
    let places = written.places(1000, &mut Budget::default());
    let name = places[0].function.as_deref().expect("a name");
    assert_eq!(name.len(), 4096);
}

#[test]
fn a_function_that_is_its_own_origin_has_no_name() {
    // A unit and a function, which refers to a function of the unit.
    let mut written = Written::new(&[
        1, 0x11, 1, 0x11, 1, 0x12, 6, 0, 0, 2, 0x2e, 0, 0x31, 0x13, 0x11, 1, 0x12, 6, 0, 0, 0,
    ]);
    let range = [1, 0, 0, 0, 0, 16, 0, 0];
    // The function is 20 bytes behind the start of its unit.
    let entries = [&[1][..], &range, &[2, 20, 0, 0, 0], &range, &[0]].concat();
    written.unit(&entries);
    assert_eq!(written.places(1000, &mut Budget::default()), []);
}
