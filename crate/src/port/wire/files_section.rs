//! The section of an outcome that has files.

use crate::files::CollectedFiles;

/// Writes the section.
pub(super) fn encode_files(files: &CollectedFiles) -> Vec<u8> {
    let entries = files.entries();
    let index = entries.iter().map(|(path, _)| path.len() + 20);
    let mut bytes = Vec::with_capacity(4 + index.sum::<usize>() + files.bytes().len());
    // The number and the length of a path have at most 31 bits.
    bytes.extend((entries.len() as u32).to_le_bytes());
    for (path, range) in entries {
        bytes.extend((path.len() as u32).to_le_bytes());
        bytes.extend(path.as_bytes());
        bytes.extend((range.start as u64).to_le_bytes());
        bytes.extend((range.len() as u64).to_le_bytes());
    }
    bytes.extend_from_slice(files.bytes());
    bytes
}

/// Whether it is such a section.
pub(super) fn are_files(section: &[u8]) -> bool {
    check(section).is_some()
}

fn check(section: &[u8]) -> Option<()> {
    let (number, mut rest) = section.split_first_chunk()?;
    let mut end = 0;
    for _ in 0..u32::from_le_bytes(*number) {
        let (length, after) = rest.split_first_chunk()?;
        let (path, after) = after.split_at_checked(u32::from_le_bytes(*length) as usize)?;
        str::from_utf8(path).ok()?;
        let (start, after) = after.split_first_chunk()?;
        let (length, after) = after.split_first_chunk()?;
        let (start, length) = (u64::from_le_bytes(*start), u64::from_le_bytes(*length));
        end = end.max(start.checked_add(length)?);
        rest = after;
    }
    (end <= rest.len() as u64).then_some(())
}

#[cfg(test)]
mod tests {
    use super::are_files;

    fn section(files: &[(&str, u64, u64)], bytes: &[u8]) -> Vec<u8> {
        let mut section = (files.len() as u32).to_le_bytes().to_vec();
        for (path, start, length) in files {
            section.extend((path.len() as u32).to_le_bytes());
            section.extend(path.as_bytes());
            section.extend(start.to_le_bytes());
            section.extend(length.to_le_bytes());
        }
        section.extend(bytes);
        section
    }

    #[test]
    fn only_sections_whose_files_are_in_them_are_read() {
        let right = section(&[("a", 0, 3), ("b/c", 1, 0), ("d", 1, 2)], b"abc");
        assert!(are_files(&right));
        assert!(are_files(&section(&[], b"")));
        for length in 0..right.len() {
            assert!(!are_files(&right[..length]), "{length}");
        }
        assert!(!are_files(&section(&[("a", 3, 1)], b"abc")));
        assert!(!are_files(&section(&[("a", u64::MAX, 2)], b"abc")));
        assert!(!are_files(&section(&[("a", 0, u64::MAX)], b"abc")));
        let mut not_utf8 = section(&[("a", 0, 0)], b"");
        not_utf8[8] = 0xff;
        assert!(!are_files(&not_utf8));
        assert!(!are_files(&u32::MAX.to_le_bytes()));
    }
}
