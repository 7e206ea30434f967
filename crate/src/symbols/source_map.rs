//! Source maps, as AssemblyScript writes them: their lines are one, and their columns are offsets in the module.

use super::budget::Budget;
use super::place::Place;
use serde::Deserialize;
use std::fs::{self, File};
use std::io::Read;
use std::path::Path;

/// Larger ones are not read.
const MAX_BYTES: u64 = 8 << 20;
/// A step of a look-up reads so many bytes of a map.
const BYTES_PER_STEP: usize = 4;

/// The third version of the format. What else a map has, such as the sources themselves, is not kept.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct SourceMap {
    version: u32,
    #[serde(default)]
    source_root: Option<String>,
    sources: Vec<Option<String>>,
    mappings: String,
}

/// The place of each offset. `url` is what the module says of its map: text with its length before it. A file is read
/// from `folder` alone, if there is one.
pub(super) fn places(
    url: &[u8],
    folder: Option<&Path>,
    offsets: &[usize],
    budget: &mut Budget,
) -> Vec<Vec<Place>> {
    let map = address(url).and_then(|url| read(url, folder));
    let map = map.and_then(|text| {
        budget.spend(text.len() / BYTES_PER_STEP).ok()?;
        serde_json::from_slice::<SourceMap>(&text).ok()
    });
    let Some(map) = map.filter(|map| map.version == 3) else {
        return vec![Vec::new(); offsets.len()];
    };
    let found = map.look_up(offsets);
    let place = |found: Option<Segment>| map.place(found?);
    found
        .into_iter()
        .map(|found| place(found).into_iter().collect())
        .collect()
}

fn address(section: &[u8]) -> Option<&str> {
    let mut reader = wasmparser::BinaryReader::new(section, 0);
    reader.read_unlimited_string().ok()
}

/// The bytes of a map. The program chooses the address: nothing but a file beside it is read, and nothing is fetched.
fn read(url: &str, folder: Option<&Path>) -> Option<Vec<u8>> {
    if let Some(data) = url.strip_prefix("data:") {
        let (kind, content) = data.split_once(',')?;
        if content.len() as u64 > MAX_BYTES {
            return None;
        }
        return match kind.ends_with(";base64") {
            true => from_base64(content),
            false => Some(from_percent(content)),
        };
    }
    let path = folder?.join(plain_name(url)?);
    let metadata = fs::symlink_metadata(&path).ok()?;
    // Neither a pipe, which never ends, nor a link to a file elsewhere.
    if !metadata.is_file() || metadata.len() > MAX_BYTES {
        return None;
    }
    let mut bytes = Vec::new();
    File::open(path)
        .ok()?
        .take(MAX_BYTES)
        .read_to_end(&mut bytes)
        .ok()?;
    Some(bytes)
}

/// The name of a map in the program's own folder; none for a path to anywhere else.
fn plain_name(url: &str) -> Option<&str> {
    let name = url.strip_prefix("./").unwrap_or(url);
    let is_plain = name.ends_with(".map")
        && name.len() <= 255
        && !name.starts_with('.')
        && !name.contains(['/', '\\', ':', '\0']);
    is_plain.then_some(name)
}

fn from_base64(text: &str) -> Option<Vec<u8>> {
    let mut bytes = Vec::with_capacity(text.len() / 4 * 3);
    let (mut bits, mut number) = (0_u32, 0);
    for digit in text.bytes().take_while(|byte| *byte != b'=') {
        bits = bits << 6 | digit_of(digit)?;
        number += 6;
        if number >= 8 {
            number -= 8;
            bytes.push((bits >> number) as u8);
        }
    }
    Some(bytes)
}

fn from_percent(text: &str) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let [first, others @ ..] = rest {
        rest = others;
        let digit = |byte: u8| char::from(byte).to_digit(16);
        match (first, others) {
            (b'%', [high, low, others @ ..]) if digit(*high).is_some() && digit(*low).is_some() => {
                let code = digit(*high).unwrap_or(0) * 16 + digit(*low).unwrap_or(0);
                bytes.push(code as u8);
                rest = others;
            }
            _ => bytes.push(*first),
        }
    }
    bytes
}

fn digit_of(byte: u8) -> Option<u32> {
    Some(u32::from(match byte {
        b'A'..=b'Z' => byte - b'A',
        b'a'..=b'z' => byte - b'a' + 26,
        b'0'..=b'9' => byte - b'0' + 52,
        b'+' => 62,
        b'/' => 63,
        _ => return None,
    }))
}

/// Source, line and column from 0 on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Segment {
    source: i64,
    line: i64,
    column: i64,
}

impl SourceMap {
    /// The last segment that begins at or before each offset.
    fn look_up(&self, offsets: &[usize]) -> Vec<Option<Segment>> {
        let mut found = vec![None; offsets.len()];
        let mut nearest = vec![-1_i64; offsets.len()];
        let (mut start, mut source, mut line, mut column) = (0_i64, 0_i64, 0_i64, 0_i64);
        // A module is one line.
        let first = self.mappings.split(';').next().unwrap_or_default();
        for segment in first.split(',') {
            let mut numbers = [0_i64; 5];
            let Some(count) = read_numbers(segment.as_bytes(), &mut numbers) else {
                break;
            };
            let [by, source_by, line_by, column_by, _] = numbers;
            start = start.wrapping_add(by);
            let segment = match count {
                0 => continue,
                // Code that comes from nowhere.
                1 => None,
                _ => {
                    source = source.wrapping_add(source_by);
                    line = line.wrapping_add(line_by);
                    column = column.wrapping_add(column_by);
                    Some(Segment {
                        source,
                        line,
                        column,
                    })
                }
            };
            for ((offset, nearest), found) in offsets.iter().zip(&mut nearest).zip(&mut found) {
                if start <= *offset as i64 && start >= *nearest {
                    (*nearest, *found) = (start, segment);
                }
            }
        }
        found
    }

    fn place(&self, segment: Segment) -> Option<Place> {
        let source = usize::try_from(segment.source).ok()?;
        let file = self.sources.get(source)?.as_deref()?;
        // AssemblyScript's is a name for the tools of browsers: its sources are where it was started.
        let root = self.source_root.as_deref().unwrap_or_default();
        let root = if root.starts_with('.') { "" } else { root };
        let number = |from_zero: i64| u32::try_from(from_zero).ok()?.checked_add(1);
        Some(Place {
            function: None,
            file: Some(format!("{root}{file}")),
            line: Some(number(segment.line)?),
            column: number(segment.column),
        })
    }
}

/// The numbers of a segment: signed, in digits of five bits. None if it has others than those.
fn read_numbers(text: &[u8], numbers: &mut [i64; 5]) -> Option<usize> {
    let (mut count, mut value, mut shift) = (0, 0_u64, 0);
    for byte in text {
        let digit = u64::from(digit_of(*byte)?);
        value |= (digit & 31).checked_shl(shift)?;
        shift += 5;
        if digit & 32 == 0 {
            let size = (value >> 1) as i64;
            *numbers.get_mut(count)? = if value & 1 == 1 { -size } else { size };
            (count, value, shift) = (count + 1, 0, 0);
        }
    }
    (shift == 0).then_some(count)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_map_in_the_folder_of_the_program_has_a_plain_name() {
        for (url, name) in [
            ("prog.wasm.map", Some("prog.wasm.map")),
            ("./prog.map", Some("prog.map")),
            ("../prog.map", None),
            ("/etc/prog.map", None),
            ("./a/prog.map", None),
            ("a\\prog.map", None),
            ("C:prog.map", None),
            ("https://example.com/prog.map", None),
            ("file:prog.map", None),
            (".map", None),
            ("..map", None),
            ("id_rsa", None),
            ("prog\0.map", None),
            ("", None),
        ] {
            assert_eq!(plain_name(url), name, "{url}");
        }
    }

    #[test]
    fn a_map_says_which_line_an_offset_is_from() {
        // Offsets 10 (line 1, column 1), 14 (line 3, column 5), 20 (nowhere).
        let json =
            r#"{"version":3,"sources":["a.ts"],"sourcesContent":["x"],"mappings":"UAAA,IAEI,M"}"#;
        let map: SourceMap = serde_json::from_str(json).expect("a map");
        let lines = map.look_up(&[9, 10, 13, 14, 19, 20, 99]).into_iter();
        let lines: Vec<_> = lines
            .map(|found| found.map(|segment| (segment.line, segment.column)))
            .collect();
        let (one, three) = (Some((0, 0)), Some((2, 4)));
        assert_eq!(lines, [None, one, one, three, three, None, None]);
        let place = map.place(map.look_up(&[14])[0].expect("a segment"));
        let place = place.expect("a place");
        assert_eq!(
            (place.file.as_deref(), place.line, place.column),
            (Some("a.ts"), Some(3), Some(5))
        );
    }

    #[test]
    fn a_map_may_be_in_its_address() {
        let maps = [
            "data:application/json;base64,eyJ2ZXJzaW9uIjozfQ==",
            "data:application/json,%7B%22version%22:3%7D",
        ];
        for url in maps {
            assert_eq!(read(url, None).as_deref(), Some(&b"{\"version\":3}"[..]));
        }
        assert_eq!(read("data:application/json;base64,*", None), None);
        assert_eq!(read("prog.map", None), None);
    }

    #[test]
    fn numbers_that_are_none_end_a_map() {
        let mut numbers = [0; 5];
        assert_eq!(read_numbers(b"", &mut numbers), Some(0));
        assert_eq!(
            read_numbers(b"gggggggggggggggggggggggA", &mut numbers),
            None
        );
        assert_eq!(read_numbers(b"g", &mut numbers), None);
        assert_eq!(read_numbers(b"AAAAAA", &mut numbers), None);
        assert_eq!(read_numbers(b"?", &mut numbers), None);
        assert_eq!(read_numbers(b"D", &mut numbers), Some(1));
        assert_eq!(numbers[0], -1);
    }
}
