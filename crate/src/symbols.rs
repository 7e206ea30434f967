//! What a trap's frames mean in the source of the program: nothing of it is read before a guest traps.
//!
//! A program brings its own tables: DWARF (Rust, C, C++, Zig, Swift, TinyGo), the tables of Go, or the address of a
//! source map (AssemblyScript). They are read in the program's own bytes, which every program has, whether its code was
//! compiled, found in the cache or compiled ahead.

mod budget;
mod dwarf;
mod go;
mod modules;
mod origin;
mod place;
mod source_map;
mod unreachable;

use crate::guest::{Frame, TrapCode, TrapInfo, demangle};
use crate::lock::lock;
use budget::Budget;
use modules::{ModuleText, Tables, modules};
use place::Place;
use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, OnceLock};
use unreachable::unreachable_by;

/// Programs trap at few places.
const MAX_KNOWN: usize = 4096;
/// Calls are limited by the engine; functions that are inlined into them come on top.
const MAX_FRAMES: usize = 64;

/// What is known so far of the places of one program.
#[derive(Default)]
pub(crate) struct Symbols {
    /// Where a source map may be read that is a file.
    folder: Option<PathBuf>,
    modules: OnceLock<Vec<ModuleText>>,
    /// By the offset of the instruction.
    known: Mutex<HashMap<usize, Arc<[Place]>>>,
    /// The offsets of `unreachable` instructions, by those that the compiler said.
    reached: Mutex<HashMap<usize, usize>>,
}

impl Symbols {
    /// Those of a program whose source map may be a file of this folder.
    pub(crate) fn new(folder: Option<&Path>) -> Self {
        Self {
            folder: folder.map(Into::into),
            ..Self::default()
        }
    }

    /// Writes where the `unreachable` is that has trapped. Returns what the compiler said if that is not known yet.
    pub(crate) fn correct(&self, trap: &mut TrapInfo) -> Option<usize> {
        let innermost = trap.frames.first_mut();
        let innermost = innermost.filter(|_| trap.code == TrapCode::UnreachableCodeReached)?;
        let said = innermost.offset?;
        let reached = lock(&self.reached).get(&said).copied();
        innermost.offset = reached.or(innermost.offset);
        reached.is_none().then_some(said)
    }

    /// Finds out which `unreachable` is meant by an offset. `wasm` is the binary of the program.
    pub(crate) fn learn_unreachable(&self, wasm: &[u8], said: usize) {
        let modules = self.modules.get_or_init(|| modules(wasm));
        let module = modules.iter().find(|module| module.code.contains(&said));
        let found = module.and_then(|module| unreachable_by(wasm, &module.code, said));
        let mut reached = lock(&self.reached);
        if reached.len() >= MAX_KNOWN {
            reached.clear();
        }
        reached.insert(said, found.unwrap_or(said));
    }

    /// Whether all is known that [`learn`](Self::learn) could find out about these frames.
    pub(crate) fn know(&self, frames: &[Frame]) -> bool {
        if let Some(modules) = self.modules.get()
            && modules.iter().all(ModuleText::is_bare)
        {
            return true;
        }
        let known = lock(&self.known);
        let mut offsets = frames.iter().filter_map(|frame| frame.offset);
        offsets.all(|offset| known.contains_key(&offset))
    }

    /// Looks places up, which takes up to some tenths of a second. `wasm` is the binary of the program.
    pub(crate) fn learn(&self, wasm: &[u8], offsets: &[usize]) {
        let mut budget = Budget::default();
        let modules = self.modules.get_or_init(|| modules(wasm));
        let mut found = Vec::new();
        for module in modules {
            let inside = offsets.iter().copied();
            let inside: Vec<_> = inside.filter(|at| module.code.contains(at)).collect();
            if !inside.is_empty() {
                let places = self.places(wasm, module, &inside, &mut budget);
                found.extend(inside.into_iter().zip(places));
            }
        }
        let mut known = lock(&self.known);
        if known.len() + offsets.len() > MAX_KNOWN {
            known.clear();
        }
        // What is not known now will not be known later.
        known.extend(offsets.iter().map(|offset| (*offset, Arc::default())));
        known.extend(
            found
                .into_iter()
                .map(|(offset, places)| (offset, places.into_iter().map(shown).collect())),
        );
    }

    fn places(
        &self,
        wasm: &[u8],
        module: &ModuleText,
        offsets: &[usize],
        budget: &mut Budget,
    ) -> Vec<Vec<Place>> {
        match &module.tables {
            Tables::None => vec![Vec::new(); offsets.len()],
            Tables::Dwarf(_) => {
                let code = module.code.start;
                let addresses: Vec<_> = offsets.iter().map(|at| (at - code) as u64).collect();
                dwarf::places(|name| module.section(name, wasm), &addresses, budget)
            }
            Tables::Go => go::places(&wasm[module.all.clone()], module.all.start, offsets, budget),
            Tables::SourceMap(url) => {
                let url = &wasm[url.clone()];
                let start = module.all.start;
                let columns: Vec<_> = offsets.iter().map(|at| at - start).collect();
                source_map::places(url, self.folder.as_deref(), &columns, budget)
            }
        }
    }

    /// Writes what is known into the frames of a trap, and which of them is the program's own.
    pub(crate) fn explain(&self, trap: &mut TrapInfo) {
        let known = lock(&self.known);
        let mut frames = Vec::with_capacity(trap.frames.len());
        for frame in trap.frames.drain(..) {
            let places = frame.offset.and_then(|offset| known.get(&offset));
            match places.map(|places| &places[..]) {
                None | Some([]) => frames.push(frame),
                Some(places) => frames.extend(explained(&frame, places)),
            }
        }
        frames.truncate(MAX_FRAMES);
        trap.frames = frames;
        locate(trap);
    }
}

/// Says which frames are the program's own where no more is known than the frames.
pub(crate) fn locate(trap: &mut TrapInfo) {
    origin::mark(&mut trap.frames);
    trap.location = origin::of_program(&trap.frames);
}

/// A place as frames have it: what programs say is not kept at its length.
fn shown(place: Place) -> Place {
    Place {
        function: place.function.as_deref().map(demangle),
        file: place.file.as_deref().map(crate::guest::clip),
        ..place
    }
}

/// One frame for each function: those that were inlined, and then the one that was compiled.
fn explained<'a>(frame: &'a Frame, places: &'a [Place]) -> impl Iterator<Item = Frame> + 'a {
    places.iter().enumerate().map(|(index, place)| {
        let inlined = index + 1 < places.len();
        let function = place.function.clone();
        Frame {
            function: match inlined {
                true => function,
                false => function.or_else(|| frame.function.clone()),
            },
            inlined,
            file: place.file.clone(),
            line: place.line,
            column: place.column,
            ..frame.clone()
        }
    })
}

#[cfg(test)]
mod tests;
