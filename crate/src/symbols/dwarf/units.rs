//! Units, with the abbreviations and ranges that they refer to.

use super::super::budget::{Budget, Stop};
use super::kinds::{Dwarf, Reader, Unit, Value};
use gimli::{
    Attribute, DebugAbbrev, DebugAddrBase, DebugInfoOffset, DebugLocListsBase, DebugRngListsBase,
    DebugStrOffsetsBase, EndianSlice, LittleEndian, Section as _, UnitHeader, constants,
};
use std::sync::Arc;

/// What one header costs.
const HEADER: usize = 16;
/// A table of abbreviations takes twenty times its size when it is read; those of compilers have some 10 KB.
const MAX_ABBREVIATIONS: usize = 256 << 10;

/// The headers of all units, in their order.
pub(super) struct Units<'a>(Vec<UnitHeader<Reader<'a>>>);

impl<'a> Units<'a> {
    pub(super) fn of(dwarf: &Dwarf<'a>, budget: &mut Budget) -> Result<Self, Stop> {
        let mut headers = Vec::new();
        let mut units = dwarf.units();
        // What comes behind a malformed header cannot be found.
        while let Ok(Some(header)) = units.next() {
            budget.spend(HEADER)?;
            headers.push(header);
        }
        Ok(Self(headers))
    }

    pub(super) fn headers(&self) -> impl Iterator<Item = UnitHeader<Reader<'a>>> {
        self.0.iter().copied()
    }

    /// The unit that has this place of `.debug_info`.
    pub(super) fn around(&self, place: DebugInfoOffset) -> Option<UnitHeader<Reader<'a>>> {
        let behind = self
            .0
            .partition_point(|header| start(header) <= Some(place.0));
        self.0.get(behind.checked_sub(1)?).copied()
    }
}

fn start(header: &UnitHeader<Reader<'_>>) -> Option<usize> {
    let offset = header.offset().to_debug_info_offset(header)?;
    Some(offset.0)
}

/// A unit without its lines.
pub(super) fn read<'a>(
    dwarf: &Dwarf<'a>,
    header: UnitHeader<Reader<'a>>,
    budget: &mut Budget,
) -> Result<Unit<'a>, Stop> {
    let table = abbreviations(dwarf, header.debug_abbrev_offset().0, budget)?;
    let encoding = header.encoding();
    let file = gimli::DwarfFileType::Main;
    let mut unit = Unit {
        abbreviations: Arc::new(
            DebugAbbrev::new(table, LittleEndian).abbreviations(gimli::DebugAbbrevOffset(0))?,
        ),
        name: None,
        comp_dir: None,
        low_pc: 0,
        str_offsets_base: DebugStrOffsetsBase::default_for_encoding_and_file(encoding, file),
        addr_base: DebugAddrBase(0),
        loclists_base: DebugLocListsBase::default_for_encoding_and_file(encoding, file),
        rnglists_base: DebugRngListsBase::default_for_encoding_and_file(encoding, file),
        line_program: None,
        dwo_id: None,
        header,
    };
    let root = unit.entry(unit.header.root_offset())?;
    budget.spend(root.attrs().len())?;
    // The bases come first: others are read by them.
    for attribute in root.attrs() {
        match attribute.value() {
            Value::DebugStrOffsetsBase(base) => unit.str_offsets_base = base,
            Value::DebugAddrBase(base) => unit.addr_base = base,
            Value::DebugRngListsBase(base) => unit.rnglists_base = base,
            _ => {}
        }
    }
    if let Some(value) = root.attr_value(constants::DW_AT_low_pc) {
        unit.low_pc = dwarf.attr_address(&unit, value)?.unwrap_or(0);
    }
    Ok(unit)
}

/// The bytes of the table of abbreviations that begins there.
fn abbreviations<'a>(
    dwarf: &Dwarf<'a>,
    start: usize,
    budget: &mut Budget,
) -> Result<&'a [u8], Stop> {
    let section = dwarf.debug_abbrev.reader().slice();
    let rest = section.get(start..).ok_or(Stop::Malformed)?;
    let rest = &rest[..rest.len().min(MAX_ABBREVIATIONS)];
    let mut at = EndianSlice::new(rest, LittleEndian);
    let end = end_of_table(&mut at);
    let read = rest.len() - at.len();
    budget.spend(read)?;
    end.map(|()| &rest[..read])
}

fn end_of_table(at: &mut Reader<'_>) -> Result<(), Stop> {
    use gimli::Reader as _;
    loop {
        if at.read_uleb128()? == 0 {
            return Ok(());
        }
        // A tag, and whether there are children.
        at.read_uleb128()?;
        at.read_u8()?;
        loop {
            let (name, form) = (at.read_uleb128()?, at.read_uleb128()?);
            if form == u64::from(constants::DW_FORM_implicit_const.0) {
                at.read_sleb128()?;
            }
            if (name, form) == (0, 0) {
                break;
            }
        }
    }
}

/// Which of the addresses are in the ranges that these attributes say. Ranges from 0 on are of functions that the
/// linker has left out.
pub(super) fn ranges_contain<'a>(
    dwarf: &Dwarf<'a>,
    unit: &Unit<'a>,
    attributes: &[Attribute<Reader<'a>>],
    addresses: &[u64],
    budget: &mut Budget,
) -> Result<Vec<bool>, Stop> {
    let mut inside = vec![false; addresses.len()];
    let mut mark = |begin: u64, end: u64| {
        if begin > 0 {
            for (inside, address) in inside.iter_mut().zip(addresses) {
                *inside |= (begin..end).contains(address);
            }
        }
    };
    let value = |name| {
        let mut found = attributes.iter();
        found
            .find(|attribute| attribute.name() == name)
            .map(Attribute::value)
    };
    if let Some(list) = value(constants::DW_AT_ranges)
        && let Some(offset) = dwarf.attr_ranges_offset(unit, list)?
    {
        let mut ranges = dwarf.ranges(unit, offset)?;
        while let Some(raw) = ranges.next_raw()? {
            budget.spend(1)?;
            if let Some(range) = ranges.convert_raw(raw)? {
                mark(range.begin, range.end);
            }
        }
        return Ok(inside);
    }
    let low = value(constants::DW_AT_low_pc);
    if let Some(low) = low.and_then(|low| dwarf.attr_address(unit, low).transpose())
        && let Some(high) = value(constants::DW_AT_high_pc)
    {
        let low = low?;
        let end = match dwarf.attr_address(unit, high)? {
            Some(end) => Some(end),
            None => high.udata_value().and_then(|size| low.checked_add(size)),
        };
        mark(low, end.unwrap_or(low));
    }
    Ok(inside)
}
