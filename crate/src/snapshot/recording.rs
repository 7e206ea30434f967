//! Keeps what a guest prints, in its order.

use crate::lock::lock;
use crate::stdio::{Output, OutputPipe, OutputStreamKind, Printed};
use std::sync::{Arc, Mutex};

/// What a guest has printed so far.
#[derive(Clone, Default)]
pub(super) struct Recording(Arc<Mutex<Vec<Written>>>);

/// What was written to one stream before something was written to the other one.
type Written = (OutputStreamKind, Vec<u8>);

impl Recording {
    /// Where that stream goes.
    pub(super) fn of(&self, stream: OutputStreamKind) -> Output {
        let printed = self.0.clone();
        Output::Pipe(OutputPipe::without_window(move |bytes| {
            if bytes.is_empty() {
                return;
            }
            let mut printed = lock(&printed);
            match printed.last_mut() {
                Some((last, before)) if *last == stream => before.extend(bytes),
                _ => printed.push((stream, bytes.to_vec())),
            }
        }))
    }

    pub(super) fn take(&self) -> Vec<Printed> {
        let printed = std::mem::take(&mut *lock(&self.0));
        let printed = printed.into_iter().map(|(stream, bytes)| Printed {
            stream,
            bytes: bytes.into(),
        });
        printed.collect()
    }
}
