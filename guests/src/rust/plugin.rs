//! A plugin: a library whose functions take and return text through its memory.
use std::slice::from_raw_parts_mut;

// What the host gives to plugins of this version.
#[link(wasm_import_module = "host-1")]
unsafe extern "C" {
    fn log(text: *const u8, length: usize);
    /// Writes a row's text, and returns its length, or -1 for a row that is longer than there is room or does not exist.
    #[link_name = "fetchRow"]
    fn fetch_row(id: i32, room: *mut u8, length: usize) -> i32;
}

/// Makes room for text that the host writes.
#[unsafe(no_mangle)]
pub extern "C" fn reserve(length: usize) -> *mut u8 {
    Box::into_raw(vec![0; length].into_boxed_slice()).cast()
}

/// Takes room back.
///
/// # Safety
///
/// It was reserved with this length, or returned by `transform`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn release(text: *mut u8, length: usize) {
    // SAFETY: as above.
    drop(unsafe { Box::from_raw(from_raw_parts_mut(text, length)) });
}

/// Returns the place and the length of what becomes of a text.
///
/// # Safety
///
/// The text was reserved with this length.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn transform(text: *mut u8, length: usize) -> u64 {
    // SAFETY: as above.
    let text = String::from_utf8_lossy(unsafe { from_raw_parts_mut(text, length) });
    let line = format!("transforming {text}");
    // SAFETY: the host reads the text before it returns.
    unsafe { log(line.as_ptr(), line.len()) };
    let mut row = [0; 64];
    // SAFETY: the host writes within this room.
    let row = match unsafe { fetch_row(7, row.as_mut_ptr(), row.len()) } {
        -1 => panic!("there is no row 7"),
        length => String::from_utf8_lossy(&row[..length as usize]),
    };
    let made = format!("{}, {row}", text.to_uppercase());
    let made = Box::leak(made.into_bytes().into_boxed_slice());
    (made.as_ptr() as u64) << 32 | made.len() as u64
}

/// Keeps a count from call to call.
#[unsafe(no_mangle)]
pub extern "C" fn visit() -> u32 {
    use std::sync::atomic::{AtomicU32, Ordering};
    static VISITS: AtomicU32 = AtomicU32::new(0);
    VISITS.fetch_add(1, Ordering::Relaxed) + 1
}
