//! What the facade lends to the core instead of a copy.

use napi::bindgen_prelude::Uint8Array;

/// The first bytes of a buffer of the facade, which is kept until nothing reads them any more. The facade does not change
/// them, nor show them to code of others, before the call that they are for has returned.
pub(super) struct Lent {
    pub(super) bytes: Uint8Array,
    pub(super) length: usize,
}

impl AsRef<[u8]> for Lent {
    fn as_ref(&self) -> &[u8] {
        self.bytes.get(..self.length).unwrap_or_default()
    }
}
