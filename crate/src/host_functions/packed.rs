//! Bytes as words: their length, then eight of them to a word, of which the last may have zeros at its end.

use crate::error::{Error, Result};
use bytes::Bytes;
use std::iter::once;

const WORD: usize = 8;

pub(crate) fn pack(bytes: &[u8]) -> impl Iterator<Item = u64> {
    let words = bytes.chunks(WORD).map(|chunk| {
        let mut word = [0; WORD];
        word[..chunk.len()].copy_from_slice(chunk);
        u64::from_le_bytes(word)
    });
    once(bytes.len() as u64).chain(words)
}

/// # Errors
///
/// [`ErrorCode::Internal`](crate::ErrorCode::Internal) for words that are not what [`pack`] makes.
pub(crate) fn unpack(words: &[u64]) -> Result<Bytes> {
    let cut = || Error::internal("values that are cut off");
    let (length, words) = words.split_first().ok_or_else(cut)?;
    let mut bytes: Vec<u8> = words.iter().flat_map(|word| word.to_le_bytes()).collect();
    let length = usize::try_from(*length).map_err(|_| cut())?;
    if length > bytes.len() {
        return Err(cut());
    }
    bytes.truncate(length);
    Ok(bytes.into())
}

#[cfg(test)]
mod tests {
    use super::{pack, unpack};

    #[test]
    fn bytes_of_every_length_come_back() {
        for length in 0..=40 {
            let bytes: Vec<u8> = (1..=length).collect();
            let words: Vec<_> = pack(&bytes).collect();
            assert_eq!(unpack(&words).expect("bytes"), bytes);
            assert!(unpack(&words[..words.len() - 1]).is_err() || length == 0);
        }
        assert!(unpack(&[]).is_err());
    }
}
