//! Letting others have the thread.

use std::future::poll_fn;
use std::task::Poll;

/// Lets others have the thread, once.
pub(super) async fn give_way() {
    let mut gave_way = false;
    poll_fn(|context| match std::mem::replace(&mut gave_way, true) {
        true => Poll::Ready(()),
        false => {
            context.waker().wake_by_ref();
            Poll::Pending
        }
    })
    .await;
}
