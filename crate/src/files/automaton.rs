//! All patterns as one machine, which reads a path byte by byte.
//!
//! A pattern is a sequence of parts, and each part of all patterns has one bit. A set of bits says which parts may come
//! next. A byte changes all bits at once, so that it takes as long whatever the path is, and nothing is tried twice.

/// What a pattern is made of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Part {
    /// This byte of a name.
    Byte(u8),
    /// The first byte of any character.
    Any,
    /// The other bytes of that character.
    Rest,
    /// Any bytes of a name, also none.
    Star,
    /// The end of a name that is a directory.
    Slash,
    /// Before a name of one of any number of directories. [`Inside`](Self::Inside) follows, and then what comes after
    /// all these.
    Directories,
    /// In such a name.
    Inside,
    /// The end of the pattern.
    End,
}

/// One word of each set of parts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Word {
    any: u64,
    rest: u64,
    star: u64,
    slash: u64,
    directories: u64,
    inside: u64,
    end: u64,
}

/// Which parts may come next.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Place(Box<[u64]>);

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Automaton {
    words: Box<[Word]>,
    /// Sets of parts that take a byte and are over then, one after the other.
    rows: Vec<u64>,
    /// The number of the row of each byte.
    row_of: Box<[u16; 256]>,
    start: Place,
}

/// The row of the bytes that no pattern names: those that begin a character, and the others.
const BEGINS: u16 = 0;
const CONTINUES: u16 = 1;

impl Automaton {
    pub(super) fn new(patterns: &[Vec<Part>]) -> Self {
        let count: usize = patterns.iter().map(Vec::len).sum();
        let mut words = vec![Word::default(); count.div_ceil(64)];
        let mut starts = vec![0; words.len()];
        let (mut at, mut bytes) = (0, Vec::new());
        for pattern in patterns {
            set(&mut starts, at);
            for part in pattern {
                let word = &mut words[at / 64];
                let bits = match part {
                    Part::Byte(byte) => {
                        bytes.push((*byte, at));
                        at += 1;
                        continue;
                    }
                    Part::Any => &mut word.any,
                    Part::Rest => &mut word.rest,
                    Part::Star => &mut word.star,
                    Part::Slash => &mut word.slash,
                    Part::Directories => &mut word.directories,
                    Part::Inside => &mut word.inside,
                    Part::End => &mut word.end,
                };
                *bits |= 1 << (at % 64);
                at += 1;
            }
        }
        let any: Vec<_> = words.iter().map(|word| word.any).collect();
        let none = vec![0; words.len()];
        let mut rows = [&any[..], &none].concat();
        let mut row_of = Box::new([BEGINS; 256]);
        row_of[0x80..0xc0].fill(CONTINUES);
        for (byte, at) in bytes {
            let row = &mut row_of[usize::from(byte)];
            if *row <= CONTINUES {
                let like = usize::from(*row) * words.len();
                // At most one per byte.
                *row = (rows.len() / words.len()) as u16;
                rows.extend_from_within(like..like + words.len());
            }
            let first = usize::from(*row) * words.len();
            set(&mut rows[first..], at);
        }
        let mut this = Self {
            words: words.into(),
            rows,
            row_of,
            start: Place(starts.into()),
        };
        let mut start = this.start.clone();
        this.skip(&mut start);
        this.start = start;
        this
    }

    /// What one byte costs.
    pub(super) fn width(&self) -> usize {
        self.words.len()
    }

    /// Before the first name of a path.
    pub(super) fn start(&self) -> Place {
        self.start.clone()
    }

    /// Goes on from before a name to its end.
    pub(super) fn read(&self, place: &mut Place, name: &str) {
        for byte in name.bytes() {
            self.take(place, byte);
        }
    }

    /// Goes on from the end of a directory's name to before the next name. Returns whether any path there can match.
    pub(super) fn enter(&self, place: &mut Place) -> bool {
        let mut done_below = 0;
        for at in 0..place.0.len() {
            let (word, now) = (&self.words[at], place.0[at]);
            let above = match (self.words.get(at + 1), place.0.get(at + 1)) {
                (Some(word), Some(now)) => now & word.inside,
                _ => 0,
            };
            let done = now & word.slash;
            place.0[at] = done << 1 | done_below | (now & word.inside) >> 1 | above << 63;
            done_below = done >> 63;
        }
        self.skip(place);
        place.0.iter().any(|word| *word != 0)
    }

    /// Whether one of the patterns ends there.
    pub(super) fn accepts(&self, place: &Place) -> bool {
        let mut words = self.words.iter().zip(&place.0);
        words.any(|(word, now)| word.end & now != 0)
    }

    /// Goes on by one byte of a name.
    fn take(&self, place: &mut Place, byte: u8) {
        let first = usize::from(self.row_of[usize::from(byte)]) * self.words.len();
        let row = &self.rows[first..first + self.words.len()];
        let continues = match byte {
            0x80..0xc0 => u64::MAX,
            _ => 0,
        };
        let (mut moved, mut rested, mut skipped) = (0, 0, 0);
        for ((now, word), takes) in place.0.iter_mut().zip(&self.words).zip(row) {
            // Most of many patterns are over after a few bytes.
            if *now | moved | rested | skipped == 0 {
                continue;
            }
            let goes = *now & (takes | word.directories);
            let stays = *now & (word.star | word.inside | (word.rest & continues));
            let mut next = stays | goes << 1 | moved;
            moved = goes >> 63;
            // What may take nothing is passed over as well.
            let rests = next & word.rest;
            next |= rests << 1 | rested;
            rested = rests >> 63;
            let skips = next & word.star;
            next |= skips << 1 | skipped;
            skipped = skips >> 63;
            *now = next;
        }
    }

    /// Adds what comes after the parts that may take nothing, before a name.
    fn skip(&self, place: &mut Place) {
        let (mut passed, mut skipped) = (0, 0);
        for (now, word) in place.0.iter_mut().zip(&self.words) {
            let passes = *now & word.directories;
            *now |= passes << 2 | passed;
            passed = passes >> 62;
            let skips = *now & word.star;
            *now |= skips << 1 | skipped;
            skipped = skips >> 63;
        }
    }
}

fn set(bits: &mut [u64], at: usize) {
    bits[at / 64] |= 1 << (at % 64);
}
