//! Values of the component model on their way between a submitter and a guest.
//!
//! They cross as bytes, which are written and read in the order of their type, without padding:
//!
//! | type | bytes |
//! |---|---|
//! | `bool`, numbers, `char` | as in linear memory, little-endian |
//! | `string` | length in bytes as `u32`, then UTF-8 |
//! | `list`, `map` | number of elements as `u32`, then the elements, or the keys and values by turns |
//! | `list` of a fixed length, `record`, `tuple` | their parts |
//! | `variant`, `enum`, `option`, `result` | the number of the case, as wide as in linear memory, then its payload |
//! | `flags` | as in linear memory |
//! | `own`, `borrow` | the number of the [handle](Handles) as `u32`; of a submitter's resource, its own number for it as `u32`, which on the way to the guest is followed by the place of its type |
//! | `stream`, `future` | its number as `u32`: of those that the guest gives by [`Flows`], of others by the submitter |
//!
//! What streams and futures carry crosses later, as a list: the number of values as `u32`, then these. The submitter writes
//! the length of each value but bytes before it, as `u32`.
//!
//! The elements of a list that is the last argument may be [beside](with_beside) the others.
//!
//! [`Arguments`] and [`Lifted`] copy between these bytes and the guest's memory. wasmtime's own dynamic values would be
//! a tree with a heap allocation for each list, and for each byte of a list 32 bytes of the tree.

mod abi;
mod beside;
mod flows;
mod given;
mod handles;
mod imports;
mod interface;
mod items;
mod lift;
mod lower;
mod payload;
mod reader;
mod wanted;

pub(crate) use beside::with_beside;
pub(crate) use flows::{Asked, FlowCall, Flows, NotGiven, Place, Submitter};
pub(crate) use given::take_in;
pub(crate) use handles::Handles;
pub(crate) use imports::{Called, Hosting, link_imports};
pub(crate) use interface::{Described, Imports, Interface};
pub(crate) use lift::{Lifted, lift_into};
pub(crate) use lower::Arguments;
