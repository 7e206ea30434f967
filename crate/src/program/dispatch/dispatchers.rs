//! Which dispatchers a module needs.

use super::calls::{Call, Calls};
use super::dispatcher::{Entry, body, size_of};
use super::survey::Survey;
use std::collections::{BTreeMap, HashMap};

/// What dispatchers may take together, beside a small module.
const MIN_ROOM: usize = 64 << 10;

/// A table, and a type of functions in it.
type Key = (u32, u32);

/// The dispatchers of a module.
pub(super) struct Dispatchers {
    /// Each with the type of the functions that it calls.
    pub(super) all: Vec<(u32, Vec<u8>)>,
    /// Their positions.
    numbers: HashMap<Key, u32>,
    /// For each type the first one that is equal.
    canonical: Vec<u32>,
}

impl Dispatchers {
    /// `None` if a module of this size is better compiled as it is.
    pub(super) fn new(survey: &Survey<'_>, calls: &Calls, size: usize) -> Option<Self> {
        let mut first = HashMap::new();
        let types = (0..).zip(&survey.types);
        let canonical: Vec<u32> = types
            .map(|(index, ty)| *first.entry(ty).or_insert(index))
            .collect();
        let mut wanted = Vec::new();
        let mut numbers = HashMap::new();
        for call in &calls.indirect {
            let key = (call.table, *canonical.get(call.ty as usize)?);
            let next = wanted.len() as u32;
            if *numbers.entry(key).or_insert(next) == next {
                wanted.push(key);
            }
        }
        let mut entries = entries(survey, &canonical)?;
        let mut room = MIN_ROOM.max(size / 2);
        let mut all = Vec::new();
        for (table, ty) in wanted {
            let params = survey.types[ty as usize].params().len();
            let entries = entries.remove(&(table, ty)).unwrap_or_default();
            room = room.checked_sub(size_of(params, &entries))?;
            all.push((ty, body((table, ty), params as u32, &entries)));
        }
        Some(Self {
            all,
            numbers,
            canonical,
        })
    }

    /// The position of the one for a call.
    pub(super) fn number(&self, call: &Call) -> Option<u32> {
        let ty = *self.canonical.get(call.ty as usize)?;
        self.numbers.get(&(call.table, ty)).copied()
    }
}

/// What the eligible tables begin with, by type.
fn entries(survey: &Survey<'_>, canonical: &[u32]) -> Option<HashMap<Key, Vec<Entry>>> {
    let mut elements = BTreeMap::new();
    let segments = survey.segments.iter();
    for active in segments.filter_map(|segment| survey.eligible(segment)) {
        let indices = active.offset..=u32::MAX;
        let keys = indices.map(|index| (active.table, index));
        // Later segments win.
        elements.extend(keys.zip(&active.elements));
    }
    let mut entries: HashMap<Key, Vec<Entry>> = HashMap::new();
    for ((table, index), function) in elements {
        let Some(function) = *function else { continue };
        let ty = *survey.functions.get(function as usize)?;
        let ty = *canonical.get(ty as usize)?;
        let entry = Entry { index, function };
        entries.entry((table, ty)).or_default().push(entry);
    }
    Some(entries)
}
