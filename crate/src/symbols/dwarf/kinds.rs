//! What gimli reads, for the bytes of a program.

use gimli::{EndianSlice, LittleEndian};

pub(super) type Reader<'a> = EndianSlice<'a, LittleEndian>;
pub(super) type Dwarf<'a> = gimli::Dwarf<Reader<'a>>;
pub(super) type Unit<'a> = gimli::Unit<Reader<'a>>;
pub(super) type Entry<'a> = gimli::DebuggingInformationEntry<Reader<'a>>;
pub(super) type Value<'a> = gimli::AttributeValue<Reader<'a>>;
