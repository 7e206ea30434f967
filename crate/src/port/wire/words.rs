//! Values as they cross.

/// Values of 64 bits each.
pub(super) fn words(bytes: &[u8]) -> Vec<u64> {
    let (words, _) = bytes.as_chunks();
    words.iter().map(|word| u64::from_le_bytes(*word)).collect()
}

/// The bytes of values.
pub(super) fn bytes_of<'a>(words: impl IntoIterator<Item = &'a u64>) -> Vec<u8> {
    let words = words.into_iter();
    words.flat_map(|word| word.to_le_bytes()).collect()
}
