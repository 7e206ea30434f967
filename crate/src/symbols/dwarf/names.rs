//! The names of functions.

use super::super::budget::{Budget, Stop};
use super::kinds::{Dwarf, Unit, Value};
use super::units::{self, Units};
use gimli::{DebugInfoOffset, Section as _, UnitOffset, constants};
use std::collections::HashMap;

/// An inlined function refers to its definition, and that to its declaration.
const MAX_HOPS: usize = 8;
/// Units that others refer to are kept, to this number.
const MAX_KEPT: usize = 8;
/// Symbols are longer than what is shown of them.
const MAX_TEXT: usize = 4096;

/// Finds names, in the unit of a function and in others.
pub(super) struct Names<'u, 'a> {
    dwarf: &'u Dwarf<'a>,
    units: &'u Units<'a>,
    kept: HashMap<usize, Unit<'a>>,
}

impl<'u, 'a> Names<'u, 'a> {
    pub(super) fn new(dwarf: &'u Dwarf<'a>, units: &'u Units<'a>) -> Self {
        Self {
            dwarf,
            units,
            kept: HashMap::new(),
        }
    }

    /// The name of the function that this entry is about.
    pub(super) fn of(
        &mut self,
        unit: &Unit<'a>,
        entry: UnitOffset,
        budget: &mut Budget,
    ) -> Result<Option<String>, Stop> {
        match self.find(unit, entry, budget) {
            Err(Stop::Malformed) => Ok(None),
            found => found,
        }
    }

    fn find(
        &mut self,
        unit: &Unit<'a>,
        entry: UnitOffset,
        budget: &mut Budget,
    ) -> Result<Option<String>, Stop> {
        let (mut offset, mut elsewhere) = (entry, None);
        for _ in 0..MAX_HOPS {
            let unit = match elsewhere {
                None => unit,
                Some(start) => self.kept.get(&start).ok_or(Stop::Malformed)?,
            };
            let entry = unit.entry(offset)?;
            budget.spend(1 + entry.attrs().len())?;
            for name in [
                constants::DW_AT_linkage_name,
                constants::DW_AT_MIPS_linkage_name,
                constants::DW_AT_name,
            ] {
                let name = entry.attr_value(name);
                if let Some(name) = name.and_then(|name| text(self.dwarf, unit, name)) {
                    return Ok(Some(name));
                }
            }
            let other = entry.attr_value(constants::DW_AT_abstract_origin);
            match other.or_else(|| entry.attr_value(constants::DW_AT_specification)) {
                Some(Value::UnitRef(other)) => offset = other,
                Some(Value::DebugInfoRef(other)) => {
                    let (start, other) = self.open(other, budget)?;
                    (elsewhere, offset) = (Some(start), other);
                }
                _ => return Ok(None),
            }
        }
        Ok(None)
    }

    /// The number of the unit that has this place of `.debug_info`, and the place in it.
    fn open(
        &mut self,
        place: DebugInfoOffset,
        budget: &mut Budget,
    ) -> Result<(usize, UnitOffset), Stop> {
        let header = self.units.around(place).ok_or(Stop::Malformed)?;
        let inside = place.to_unit_offset(&header).ok_or(Stop::Malformed)?;
        let start = place.0 - inside.0;
        if !self.kept.contains_key(&start) {
            let unit = units::read(self.dwarf, header, budget)?;
            if self.kept.len() == MAX_KEPT {
                self.kept.clear();
            }
            self.kept.insert(start, unit);
        }
        Ok((start, inside))
    }
}

/// The text that a value is or refers to, cut where it is too long.
pub(super) fn text<'a>(dwarf: &Dwarf<'a>, unit: &Unit<'a>, value: Value<'a>) -> Option<String> {
    let strings = || dwarf.debug_str.reader().slice();
    let bytes = match value {
        Value::String(text) => text.slice(),
        Value::DebugStrRef(start) => strings().get(start.0..)?,
        Value::DebugLineStrRef(start) => dwarf.debug_line_str.reader().slice().get(start.0..)?,
        Value::DebugStrOffsetsIndex(index) => {
            let start = dwarf.string_offset(unit, index).ok()?;
            strings().get(start.0..)?
        }
        _ => return None,
    };
    let bytes = &bytes[..bytes.len().min(MAX_TEXT)];
    let text = bytes.split(|byte| *byte == 0).next()?;
    (!text.is_empty()).then(|| String::from_utf8_lossy(text).into_owned())
}
