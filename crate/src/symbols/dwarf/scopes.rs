//! The functions around an address: the one that was compiled, and those that were inlined into it.

use super::super::budget::{Budget, Stop};
use super::kinds::{Dwarf, Entry, Unit};
use super::units::ranges_contain;
use gimli::{UnitOffset, constants};

/// Deeper than compilers inline.
const MAX_CHAIN: usize = 32;

/// One function around an address.
#[derive(Clone, Debug)]
pub(super) struct Scope {
    pub(super) entry: UnitOffset,
    depth: isize,
    /// File, line and column of the call, if it was inlined.
    pub(super) called_at: (u64, u32, u32),
}

/// The functions around each address, the outermost first.
pub(super) fn scopes(
    dwarf: &Dwarf<'_>,
    unit: &Unit<'_>,
    addresses: &[u64],
    budget: &mut Budget,
) -> Result<Vec<Vec<Scope>>, Stop> {
    let mut found: Vec<Vec<Scope>> = vec![Vec::new(); addresses.len()];
    let mut entries = unit.entries_raw(None)?;
    let mut entry = Entry::null();
    // What is inlined into a function elsewhere is not looked at.
    let mut elsewhere = None;
    while !entries.is_empty() {
        let (before, depth) = (entries.next_offset(), entries.next_depth());
        if elsewhere.is_some_and(|outer| depth <= outer) {
            elsewhere = None;
        }
        let Some(abbreviation) = entries.read_abbreviation()? else {
            budget.spend(1)?;
            continue;
        };
        let attributes = abbreviation.attributes();
        budget.spend(1 + attributes.len())?;
        let is_function = abbreviation.tag() == constants::DW_TAG_subprogram;
        let is_inlined = abbreviation.tag() == constants::DW_TAG_inlined_subroutine;
        if !(is_function || is_inlined && elsewhere.is_none()) {
            entries.skip_attributes(attributes)?;
            budget.spend(entries.next_offset().0.saturating_sub(before.0) / 8)?;
            continue;
        }
        entries.read_attributes(attributes, &mut entry.attrs)?;
        budget.spend(entries.next_offset().0.saturating_sub(before.0) / 8)?;
        // One that is malformed is not around anything.
        let inside = match ranges_contain(dwarf, unit, entry.attrs(), addresses, budget) {
            Err(Stop::Malformed) => vec![false; addresses.len()],
            inside => inside?,
        };
        if is_function {
            elsewhere = (!inside.contains(&true)).then_some(depth);
        }
        for (scopes, _) in found.iter_mut().zip(inside).filter(|(_, inside)| *inside) {
            match is_function {
                true => scopes.clear(),
                false => scopes.retain(|scope| scope.depth < depth),
            }
            if scopes.len() < MAX_CHAIN {
                scopes.push(Scope {
                    entry: before,
                    depth,
                    called_at: called_at(&entry),
                });
            }
        }
    }
    Ok(found)
}

fn called_at(entry: &Entry<'_>) -> (u64, u32, u32) {
    let number = |name| {
        let value = entry.attr_value(name);
        value.and_then(|value| value.udata_value()).unwrap_or(0)
    };
    let file = match entry.attr_value(constants::DW_AT_call_file) {
        Some(gimli::AttributeValue::FileIndex(file)) => file,
        _ => 0,
    };
    let small = |number: u64| u32::try_from(number).unwrap_or(0);
    (
        file,
        small(number(constants::DW_AT_call_line)),
        small(number(constants::DW_AT_call_column)),
    )
}
