//! Bytes as text, for a console that takes nothing else.

/// Adds `bytes` to those that are `held`, and takes what can be shown: all but the beginning of a
/// character whose end may still come. What is not UTF-8 becomes replacement characters.
pub(super) fn take_text(held: &mut Vec<u8>, bytes: &[u8]) -> String {
    held.extend_from_slice(bytes);
    let last = held.utf8_chunks().last();
    let beginning = last
        .map(|chunk| chunk.invalid())
        .filter(|bytes| std::str::from_utf8(bytes).is_err_and(|error| error.error_len().is_none()))
        .map_or(0, <[u8]>::len);
    let shown = held.len() - beginning;
    let text = String::from_utf8_lossy(&held[..shown]).into_owned();
    held.drain(..shown);
    text
}

#[cfg(test)]
mod tests {
    use super::take_text;

    #[test]
    fn a_character_comes_through_in_pieces_and_bad_bytes_are_replaced() {
        let mut held = Vec::new();
        let mut shown = |bytes: &[u8]| take_text(&mut held, bytes);
        assert_eq!(shown(b"plain"), "plain");
        assert_eq!(shown(b"a\xffb"), "a\u{fffd}b");
        assert_eq!(shown(b"x\xf0\x9f"), "x");
        assert_eq!(shown(b"\x98"), "");
        assert_eq!(shown(b"\x80!"), "\u{1f600}!");
        assert_eq!(shown(b"\xe2\x82"), "");
        assert_eq!(shown(b"z"), "\u{fffd}z");
        assert_eq!(shown(b""), "");
        assert_eq!(shown(b"\xff"), "\u{fffd}");
    }

    #[test]
    fn in_whatever_pieces_the_text_is_the_same() {
        let bytes = "aü€😀".as_bytes();
        for piece in 1..bytes.len() {
            let mut held = Vec::new();
            let text: String = bytes
                .chunks(piece)
                .map(|piece| take_text(&mut held, piece))
                .collect();
            assert_eq!(text.as_bytes(), bytes);
        }
    }
}
