//! Where in the source an instruction of a Go program is, by the tables from which Go's runtime makes its own traces.
//!
//! Go writes no DWARF for Wasm. Its tables are in the data of the module, for versions 1.20 and later at some place after
//! these bytes: the magic number, two zeros, the size of an instruction and that of a pointer.

use super::budget::{Budget, Stop};
use super::place::Place;
use wasmparser::{Data, DataKind, FunctionBody, Operator, Parser, Payload};

const MAGIC: [u8; 8] = [0xf1, 0xff, 0xff, 0xff, 0, 0, 1, 8];
/// Functions have numbers from here on. The counter of a program is the number, and the block in its low 16 bits.
const FIRST_FUNCTION: u64 = 0x1000;
const MAX_TEXT: usize = 4096;

/// The places of instructions of a module that begins at `start` in its program.
pub(super) fn places(
    module: &[u8],
    start: usize,
    offsets: &[usize],
    budget: &mut Budget,
) -> Vec<Vec<Place>> {
    let mut found = vec![Vec::new(); offsets.len()];
    let Ok(program) = Program::read(module, budget) else {
        return found;
    };
    for (offset, places) in offsets.iter().zip(&mut found) {
        let Ok(place) = program.place(offset - start, budget) else {
            continue;
        };
        places.extend(Some(place).filter(Place::is_something));
    }
    found
}

struct Program<'a> {
    bodies: Vec<FunctionBody<'a>>,
    memory: Memory<'a>,
    tables: Tables,
}

/// Where the tables of a program begin in its memory.
struct Tables {
    functions: u64,
    number: u64,
    names: u64,
    units: u64,
    files: u64,
    counters: u64,
}

impl<'a> Program<'a> {
    fn read(module: &'a [u8], budget: &mut Budget) -> Result<Self, Stop> {
        let (mut bodies, mut segments) = (Vec::new(), Vec::new());
        for payload in Parser::new(0).parse_all(module) {
            budget.spend(1)?;
            match payload.map_err(|_| Stop::Malformed)? {
                Payload::CodeSectionEntry(body) => bodies.push(body),
                Payload::DataSection(data) => {
                    for segment in data {
                        budget.spend(1)?;
                        segments.extend(placed(&segment.map_err(|_| Stop::Malformed)?));
                    }
                }
                _ => {}
            }
        }
        segments.sort_by_key(|(start, _)| *start);
        let memory = Memory { segments };
        let tables = memory.tables(budget)?;
        Ok(Self {
            bodies,
            memory,
            tables,
        })
    }

    /// The place of an instruction.
    fn place(&self, offset: usize, budget: &mut Budget) -> Result<Place, Stop> {
        let behind = self
            .bodies
            .partition_point(|body| body.range().start <= offset);
        let index = behind.checked_sub(1).ok_or(Stop::Malformed)?;
        let counter = counter(&self.bodies[index], index as u64, offset, budget)?;
        let Tables {
            functions, names, ..
        } = self.tables;
        let function = functions + u64::from(self.function(index as u64)?);
        let field = |number: u64| self.memory.number(function + 4 * number);
        let line = self.value(field(6), counter, budget)?;
        let file = self.value(field(5), counter, budget)?;
        Ok(Place {
            function: self.memory.text(names + u64::from(field(1))),
            file: u32::try_from(file).ok().and_then(|file| {
                let number = u64::from(field(8).checked_add(file)?);
                let start = self.memory.number(self.tables.units + 4 * number);
                (start != u32::MAX)
                    .then(|| self.memory.text(self.tables.files + u64::from(start)))?
            }),
            line: u32::try_from(line).ok().filter(|line| *line > 0),
            column: None,
        })
    }

    /// Where the function of this number is described, from the start of the table of functions on.
    fn function(&self, index: u64) -> Result<u32, Stop> {
        let Tables {
            functions, number, ..
        } = self.tables;
        // The number of the function, in some versions without the first number and in some with the block.
        let first = self.memory.number(functions);
        let step = self.memory.number(functions + 8).wrapping_sub(first);
        let wanted = index
            .checked_mul(u64::from(step))
            .and_then(|by| by.checked_add(u64::from(first)));
        let wanted = wanted.and_then(|wanted| u32::try_from(wanted).ok());
        let wanted = wanted.ok_or(Stop::Malformed)?;
        let (mut low, mut high) = (0, number);
        while low < high {
            let middle = low.midpoint(high);
            match self.memory.number(functions + 8 * middle) <= wanted {
                true => low = middle + 1,
                false => high = middle,
            }
        }
        let at = functions + 8 * low.checked_sub(1).ok_or(Stop::Malformed)?;
        match self.memory.number(at) == wanted {
            true => Ok(self.memory.number(at + 4)),
            false => Err(Stop::Malformed),
        }
    }

    /// What a table says of a counter. It is a list of differences: of the value, and of the counter up to which it holds.
    fn value(&self, table: u32, counter: u64, budget: &mut Budget) -> Result<i64, Stop> {
        let mut at = self.tables.counters + u64::from(table);
        let (mut value, mut until) = (-1_i64, 0_u64);
        loop {
            // Two numbers of up to ten bytes.
            budget.spend(20)?;
            let by = self.memory.varint(&mut at)?;
            if by == 0 && until > 0 {
                return Err(Stop::Malformed);
            }
            let sign = -((by & 1) as i64);
            value = value.wrapping_add((by >> 1) as i64 ^ sign);
            until = until.saturating_add(self.memory.varint(&mut at)?);
            if counter < until {
                return Ok(value);
            }
        }
    }
}

/// The counter within its function of an instruction. Before a call, Go writes where the function called returns to; a
/// counter is of a block of instructions, so for others it is that of the call before.
fn counter(
    body: &FunctionBody<'_>,
    index: u64,
    offset: usize,
    budget: &mut Budget,
) -> Result<u64, Stop> {
    let reader = body.get_operators_reader();
    let mut operators = reader.map_err(|_| Stop::Malformed)?;
    let mut last = 0;
    while !operators.eof() && operators.original_position() <= offset {
        budget.spend(1)?;
        let at = operators.original_position();
        let operator = operators.read().map_err(|_| Stop::Malformed)?;
        match operator {
            Operator::I64Const { value } if value as u64 >> 16 == FIRST_FUNCTION + index => {
                last = value as u64 & 0xffff;
            }
            // The counter that was written is that behind the call.
            Operator::Call { .. } | Operator::CallIndirect { .. } if at == offset => {
                return Ok(last.saturating_sub(1));
            }
            _ => {}
        }
    }
    Ok(last)
}

/// Where an active segment is in memory.
fn placed<'a>(segment: &Data<'a>) -> Option<(u64, &'a [u8])> {
    let DataKind::Active { offset_expr, .. } = &segment.kind else {
        return None;
    };
    let mut operators = offset_expr.get_operators_reader();
    match operators.read().ok()? {
        Operator::I32Const { value } => Some((u64::from(value as u32), segment.data)),
        Operator::I64Const { value } => Some((value as u64, segment.data)),
        _ => None,
    }
}

/// A memory as it is at the start; what no segment fills is 0.
struct Memory<'a> {
    segments: Vec<(u64, &'a [u8])>,
}

impl Memory<'_> {
    fn tables(&self, budget: &mut Budget) -> Result<Tables, Stop> {
        for (start, data) in &self.segments {
            budget.spend(1 + data.len() / 8)?;
            for (at, window) in data.windows(MAGIC.len()).enumerate() {
                if window == MAGIC {
                    // As many segments may have to be looked through for each number in the head.
                    budget.spend(1024)?;
                    let head = start.saturating_add(at as u64);
                    if let Some(tables) = self.tables_at(head) {
                        return Ok(tables);
                    }
                }
            }
        }
        Err(Stop::Malformed)
    }

    /// The tables whose head is there. Their places are in the order in which they are.
    fn tables_at(&self, head: u64) -> Option<Tables> {
        let field = |number: u64| {
            let at = head.checked_add(8 + 8 * number)?;
            Some(u64::from(self.number(at)) | u64::from(self.number(at.checked_add(4)?)) << 32)
        };
        let number = field(0)?;
        let mut places = [0; 5];
        for (place, number) in places.iter_mut().zip(3..) {
            *place = field(number)?;
        }
        let is_plausible = number > 0
            && number < 1 << 20
            && places.is_sorted()
            && places[0] > 0
            && places[4] < 1 << 32;
        let at = |place: u64| head.checked_add(place);
        is_plausible.then_some(Tables {
            number,
            names: at(places[0])?,
            units: at(places[1])?,
            files: at(places[2])?,
            counters: at(places[3])?,
            functions: at(places[4])?,
        })
    }

    fn byte(&self, address: u64) -> u8 {
        let behind = self
            .segments
            .partition_point(|(start, _)| *start <= address);
        let segment = behind
            .checked_sub(1)
            .and_then(|index| self.segments.get(index));
        let byte = segment.and_then(|(start, data)| data.get((address - start) as usize));
        byte.copied().unwrap_or(0)
    }

    fn number(&self, address: u64) -> u32 {
        let byte = |place| self.byte(address.wrapping_add(place));
        u32::from_le_bytes([byte(0), byte(1), byte(2), byte(3)])
    }

    fn varint(&self, at: &mut u64) -> Result<u64, Stop> {
        let mut value = 0;
        for shift in (0..64).step_by(7) {
            let byte = self.byte(*at);
            *at = at.wrapping_add(1);
            value |= u64::from(byte & 127) << shift;
            if byte < 128 {
                return Ok(value);
            }
        }
        Err(Stop::Malformed)
    }

    fn text(&self, start: u64) -> Option<String> {
        let bytes = (0..MAX_TEXT as u64).map(|place| self.byte(start.wrapping_add(place)));
        let text: Vec<_> = bytes.take_while(|byte| *byte != 0).collect();
        (!text.is_empty()).then(|| String::from_utf8_lossy(&text).into_owned())
    }
}
