//! What a submitter asks for and a thread of its own works out.

use super::{Outbox, Port};
use crate::error::{Error, Result, closed};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

impl Port {
    /// Has `work` done off the calling thread and its answer told in a delivery for `id`.
    pub(super) fn ask<T>(
        self: &Arc<Self>,
        id: u64,
        work: impl FnOnce(&Self) -> Result<T> + Send + 'static,
        tell: impl FnOnce(&mut Outbox, u64, &T) + Send + 'static,
    ) {
        let mut question = Question {
            port: self.clone(),
            id,
            open: true,
        };
        self.runtime().spawn_blocking(move || {
            let work = AssertUnwindSafe(|| work(&question.port));
            let answer = catch_unwind(work).unwrap_or_else(|panic| Err(Error::from_panic(&*panic)));
            question.open = false;
            question.port.deliver(|outbox| match answer {
                Ok(answer) => tell(outbox, id, &answer),
                Err(error) => outbox.fault(id, &error),
            });
        });
    }
}

/// Answered in any case: a runtime that closes drops what its threads have not begun.
struct Question {
    port: Arc<Port>,
    id: u64,
    open: bool,
}

impl Drop for Question {
    fn drop(&mut self) {
        if self.open {
            self.port.deliver(|outbox| outbox.fault(self.id, &closed()));
        }
    }
}
