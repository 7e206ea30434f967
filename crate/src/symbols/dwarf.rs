//! Where in the source an instruction is, by the DWARF of its module.
//!
//! DWARF is the program's own text, so it may be anything. Nothing here recurses, and every step is paid for from a
//! [`Budget`]: what is read, not how large the sections are, decides how long a look-up takes.

mod kinds;
mod lines;
mod names;
mod scopes;
mod units;

use super::budget::{Budget, Stop};
use super::place::Place;
use gimli::{EndianSlice, LittleEndian};
use kinds::{Dwarf, Unit};
use lines::lines;
use names::Names;
use scopes::scopes;
use std::convert::Infallible;
use units::{Units, ranges_contain};

/// The places of each address, the innermost inlined function first; empty for an address of which nothing is known.
/// Addresses count from the start of the code section. `section` returns the content of a section by its name.
pub(super) fn places<'a>(
    section: impl Fn(&str) -> &'a [u8],
    addresses: &[u64],
    budget: &mut Budget,
) -> Vec<Vec<Place>> {
    let mut found = vec![Vec::new(); addresses.len()];
    let load = |id: gimli::SectionId| EndianSlice::new(section(id.name()), LittleEndian);
    let Ok(dwarf) = Dwarf::load(|id| Ok::<_, Infallible>(load(id)));
    // What was found before the budget was spent stays.
    let _ = find(&dwarf, addresses, &mut found, budget);
    found
}

fn find(
    dwarf: &Dwarf<'_>,
    addresses: &[u64],
    found: &mut [Vec<Place>],
    budget: &mut Budget,
) -> Result<(), Stop> {
    let units = Units::of(dwarf, budget)?;
    let mut names = Names::new(dwarf, &units);
    let mut left: Vec<usize> = (0..addresses.len()).collect();
    for header in units.headers() {
        if left.is_empty() {
            break;
        }
        // A unit that is malformed costs its own lines.
        let unit = match units::read(dwarf, header, budget) {
            Ok(unit) => unit,
            Err(Stop::Malformed) => continue,
            Err(Stop::Exhausted) => return Err(Stop::Exhausted),
        };
        let hits = match hits(dwarf, &unit, addresses, &left, budget) {
            Ok(hits) if !hits.is_empty() => hits,
            Ok(_) | Err(Stop::Malformed) => continue,
            Err(Stop::Exhausted) => return Err(Stop::Exhausted),
        };
        left.retain(|index| !hits.contains(index));
        let wanted: Vec<_> = hits.iter().map(|index| addresses[*index]).collect();
        match of_unit(dwarf, &unit, &wanted, &mut names, budget) {
            Ok(places) => {
                for (index, places) in hits.into_iter().zip(places) {
                    found[index] = places;
                }
            }
            Err(Stop::Malformed) => {}
            Err(Stop::Exhausted) => return Err(Stop::Exhausted),
        }
    }
    Ok(())
}

/// Which of the addresses that are left belong to the unit.
fn hits(
    dwarf: &Dwarf<'_>,
    unit: &Unit<'_>,
    addresses: &[u64],
    left: &[usize],
    budget: &mut Budget,
) -> Result<Vec<usize>, Stop> {
    let root = unit.entry(unit.header.root_offset())?;
    let wanted: Vec<_> = left.iter().map(|index| addresses[*index]).collect();
    let inside = ranges_contain(dwarf, unit, root.attrs(), &wanted, budget)?;
    let hits = left.iter().zip(inside).filter(|(_, inside)| *inside);
    Ok(hits.map(|(index, _)| *index).collect())
}

/// The places of addresses that belong to the unit.
fn of_unit<'a>(
    dwarf: &Dwarf<'a>,
    unit: &Unit<'a>,
    addresses: &[u64],
    names: &mut Names<'_, 'a>,
    budget: &mut Budget,
) -> Result<Vec<Vec<Place>>, Stop> {
    // Either may be missing.
    let scopes = match scopes(dwarf, unit, addresses, budget) {
        Err(Stop::Malformed) => vec![Vec::new(); addresses.len()],
        found => found?,
    };
    let lines = lines(dwarf, unit, addresses, budget)?;
    let mut places = Vec::with_capacity(addresses.len());
    for (index, scopes) in scopes.iter().enumerate() {
        let (file, line, column) = lines.row(index);
        let mut at = lines.place(dwarf, unit, file, line, column);
        let mut chain = Vec::with_capacity(scopes.len().max(1));
        for scope in scopes.iter().rev() {
            let function = names.of(unit, scope.entry, budget)?;
            chain.push(Place { function, ..at });
            let (file, line, column) = scope.called_at;
            at = lines.place(dwarf, unit, file, line, column);
        }
        if scopes.is_empty() {
            chain.push(at);
        }
        chain.retain(Place::is_something);
        places.push(chain);
    }
    Ok(places)
}
