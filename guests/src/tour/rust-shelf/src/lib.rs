//! A store with place for three entries, by wit-bindgen.
use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU32, Ordering};

use exports::test::tour::store::{self, CursorBorrow, StoreError};

wit_bindgen::generate!({ world: "shelf", path: "../wit" });

thread_local! {
    static ENTRIES: RefCell<BTreeMap<String, String>> = const { RefCell::new(BTreeMap::new()) };
}

static ASKED: AtomicU32 = AtomicU32::new(0);

struct Shelf;
export!(Shelf);

struct Cursor(Cell<u32>);

impl store::GuestCursor for Cursor {
    fn new(start: u32) -> Self {
        Self(Cell::new(start))
    }

    fn next_value(&self) -> Option<u32> {
        ASKED.fetch_add(1, Ordering::Relaxed);
        let left = self.0.get();
        self.0.set(left.saturating_sub(1));
        (left > 0).then_some(left)
    }

    fn asked() -> u32 {
        ASKED.load(Ordering::Relaxed)
    }
}

impl store::Guest for Shelf {
    type Cursor = Cursor;

    fn get(key: String) -> Option<String> {
        ENTRIES.with_borrow(|entries| entries.get(&key).cloned())
    }

    fn put_all(added: Vec<(String, String)>) -> Result<u32, StoreError> {
        ENTRIES.with_borrow_mut(|entries| {
            entries.extend(added);
            let count = entries.len() as u32;
            if count > 3 { Err(StoreError::Full(3)) } else { Ok(count) }
        })
    }

    fn open(name: String) -> Result<store::Cursor, StoreError> {
        match name.strip_prefix("up to ").and_then(|count| count.parse().ok()) {
            Some(count) => Ok(store::Cursor::new(Cursor(Cell::new(count)))),
            None => Err(StoreError::Refused(name)),
        }
    }

    fn rest(seen: CursorBorrow<'_>) -> u32 {
        seen.get::<Cursor>().0.get()
    }
}
