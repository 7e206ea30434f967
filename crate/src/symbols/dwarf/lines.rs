//! The lines of a unit.

use super::super::budget::{Budget, Stop};
use super::super::place::Place;
use super::kinds::{Dwarf, Reader, Unit};
use super::names::text;
use gimli::{ColumnType, DebugLineOffset, LineProgramHeader, constants};

/// A program of lines may take some twenty times its size when it is carried out.
const MAX_PROGRAM: usize = 8 << 20;
/// A table of files takes a hundred times its size when it is read.
const MAX_HEADER: usize = 256 << 10;

/// What the lines of a unit say of some addresses.
pub(super) struct Lines<'a> {
    header: Option<LineProgramHeader<Reader<'a>>>,
    /// File, line and column of each address; 0 where there is none.
    rows: Vec<(u64, u32, u32)>,
    folder: Option<String>,
}

/// Carries out the program of the unit. It is no failure that there is none.
pub(super) fn lines<'a>(
    dwarf: &Dwarf<'a>,
    unit: &Unit<'a>,
    addresses: &[u64],
    budget: &mut Budget,
) -> Result<Lines<'a>, Stop> {
    let root = unit.entry(unit.header.root_offset())?;
    let folder = root.attr_value(constants::DW_AT_comp_dir);
    let mut lines = Lines {
        header: None,
        rows: vec![(0, 0, 0); addresses.len()],
        folder: folder.and_then(|folder| text(dwarf, unit, folder)),
    };
    let Some(gimli::AttributeValue::DebugLineRef(start)) =
        root.attr_value(constants::DW_AT_stmt_list)
    else {
        return Ok(lines);
    };
    match carry_out(dwarf, unit, start, addresses, budget, &mut lines) {
        Ok(()) | Err(Stop::Malformed) => Ok(lines),
        Err(Stop::Exhausted) => Err(Stop::Exhausted),
    }
}

fn carry_out<'a>(
    dwarf: &Dwarf<'a>,
    unit: &Unit<'a>,
    start: DebugLineOffset,
    addresses: &[u64],
    budget: &mut Budget,
    lines: &mut Lines<'a>,
) -> Result<(), Stop> {
    budget.spend(checked_length(dwarf, start)?)?;
    let size = unit.header.address_size();
    let program = dwarf.debug_line.program(start, size, None, None)?;
    lines.header = Some(program.header().clone());
    let mut rows = program.rows();
    let mut last: Option<(u64, (u64, u32, u32))> = None;
    // From 0 on there are lines of functions that the linker has left out.
    let mut is_left_out = false;
    while let Some((_, row)) = rows.next_row()? {
        let address = row.address();
        if last.is_none() {
            is_left_out = address == 0;
        }
        if let Some((begin, place)) = last
            && !is_left_out
        {
            for (found, wanted) in lines.rows.iter_mut().zip(addresses) {
                if (begin..address).contains(wanted) {
                    *found = place;
                }
            }
        }
        last = match row.end_sequence() {
            true => None,
            false => Some((address, place_of(row))),
        };
    }
    Ok(())
}

/// The bytes of a program that is not too large to be read.
fn checked_length(dwarf: &Dwarf<'_>, start: DebugLineOffset) -> Result<usize, Stop> {
    use gimli::{Reader as _, Section as _};
    let mut at = *dwarf.debug_line.reader();
    at.skip(start.0)?;
    let (length, format) = at.read_initial_length()?;
    let version = at.read_u16()?;
    if version >= 5 {
        // The sizes of addresses and of segment selectors.
        at.skip(2)?;
    }
    let header = at.read_length(format)?;
    match length <= MAX_PROGRAM && header <= MAX_HEADER {
        true => Ok(length),
        false => Err(Stop::Malformed),
    }
}

fn place_of(row: &gimli::LineRow) -> (u64, u32, u32) {
    let small = |number: u64| u32::try_from(number).unwrap_or(0);
    let column = match row.column() {
        ColumnType::LeftEdge => 0,
        ColumnType::Column(column) => small(column.get()),
    };
    let line = row.line().map_or(0, |line| small(line.get()));
    (row.file_index(), line, column)
}

impl<'a> Lines<'a> {
    pub(super) fn row(&self, index: usize) -> (u64, u32, u32) {
        self.rows[index]
    }

    /// The place that these numbers mean.
    pub(super) fn place(
        &self,
        dwarf: &Dwarf<'a>,
        unit: &Unit<'a>,
        file: u64,
        line: u32,
        column: u32,
    ) -> Place {
        let known = |number: u32| (number > 0).then_some(number);
        Place {
            function: None,
            // A row without a line is that of code which no line has made.
            file: known(line).and_then(|_| self.file(dwarf, unit, file)),
            line: known(line),
            column: known(line).and_then(|_| known(column)),
        }
    }

    fn file(&self, dwarf: &Dwarf<'a>, unit: &Unit<'a>, index: u64) -> Option<String> {
        let header = self.header.as_ref()?;
        let file = header.file(index)?;
        // Folder 0 is that of the unit, which DWARF 5 has in the table, too.
        let mut path = self.folder.clone().unwrap_or_default();
        if file.directory_index() > 0
            && let Some(folder) = file.directory(header)
            && let Some(folder) = text(dwarf, unit, folder)
        {
            push(&mut path, &folder);
        }
        push(&mut path, &text(dwarf, unit, file.path_name())?);
        Some(path)
    }
}

/// Appends a path to a folder, unless it begins at a root.
fn push(path: &mut String, part: &str) {
    let bytes = part.as_bytes();
    let has_drive =
        bytes.first().is_some_and(u8::is_ascii_alphabetic) && bytes.get(1) == Some(&b':');
    if part.starts_with(['/', '\\']) || has_drive {
        path.clear();
    }
    let part = match path.is_empty() {
        true => part,
        false => part.trim_start_matches("./"),
    };
    if part.is_empty() || part == "." && !path.is_empty() {
        return;
    }
    let is_windows = path.contains('\\') && !path.contains('/');
    if !path.is_empty() && !path.ends_with(['/', '\\']) {
        path.push(if is_windows { '\\' } else { '/' });
    }
    path.push_str(part);
}

#[cfg(test)]
mod tests {
    use super::push;

    #[test]
    fn a_path_is_appended_unless_it_begins_at_a_root() {
        let cases = [
            ("", "a.c", "a.c"),
            ("", "./a.c", "./a.c"),
            (".", "./src/a.c", "./src/a.c"),
            ("/src", ".", "/src"),
            ("/src", "a.c", "/src/a.c"),
            ("/src/", "a.c", "/src/a.c"),
            ("/src", "/other/a.c", "/other/a.c"),
            ("C:\\src", "a.c", "C:\\src\\a.c"),
            ("/src", "C:\\a.c", "C:\\a.c"),
            ("/src", "\\\\host\\a.c", "\\\\host\\a.c"),
        ];
        for (folder, part, expected) in cases {
            let mut path = folder.to_owned();
            push(&mut path, part);
            assert_eq!(path, expected);
        }
    }
}
