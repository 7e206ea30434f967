//! What a caller gave to be loaded.

use super::precompiled;
use crate::digest::digest;
use crate::error::{Error, ErrorCode, Result};
use std::borrow::Cow;

/// The bytes that a caller gave, by what they are, with the digest that identifies them.
pub(crate) enum Given<'a> {
    /// A Wasm binary or WAT text.
    Source(Cow<'a, [u8]>, blake3::Hash),
    /// A precompiled program, which the caller trusts.
    Precompiled(Cow<'a, [u8]>, blake3::Hash),
}

impl<'a> Given<'a> {
    /// # Errors
    ///
    /// [`ErrorCode::PrecompiledUntrusted`].
    pub(crate) fn new(bytes: Cow<'a, [u8]>, trusts_precompiled: bool) -> Result<Self> {
        match precompiled::content(&bytes) {
            None => {
                let digest = digest(&bytes);
                Ok(Self::Source(bytes, digest))
            }
            Some(content) if trusts_precompiled => {
                let digest = digest(content);
                Ok(Self::Precompiled(bytes, digest))
            }
            Some(_) => Err(Error::new(
                ErrorCode::PrecompiledUntrusted,
                "the program is precompiled machine code, which runs without a sandbox; if you trust \
                 whoever made the file, load it with `trustPrecompiled: true` (--trust-precompiled)",
            )),
        }
    }

    pub(crate) fn digest(&self) -> blake3::Hash {
        match self {
            Self::Source(_, digest) | Self::Precompiled(_, digest) => *digest,
        }
    }
}
