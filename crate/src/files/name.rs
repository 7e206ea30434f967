//! The names of files.

/// The longest name, and the longest path that is looked up at a time.
pub(super) const MAX_NAME: usize = 255;
pub(super) const MAX_PATH: usize = 4095;

/// Why it cannot be the name of a file, if it cannot.
pub(super) fn check_name(name: &str) -> Result<(), String> {
    match name {
        "" => Err("has an empty name".into()),
        "." | ".." => Err(format!("has the name {name:?}")),
        _ if name.contains('\0') => Err("has a NUL character".into()),
        _ if name.len() > MAX_NAME => Err(format!("has a name of more than {MAX_NAME} bytes")),
        _ => Ok(()),
    }
}
