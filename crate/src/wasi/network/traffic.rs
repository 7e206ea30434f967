//! How many bytes a run has sent and received, and how many it may.

use crate::guest::{Cause, InstanceControl, LimitKind, Limits, NetworkUsage, Stopped};
use crate::lock::lock;
use std::sync::{Arc, Mutex};

/// The bytes that a run moves through all its sockets and requests. More than its caps end it.
pub(crate) struct Traffic {
    control: Arc<InstanceControl>,
    account: Mutex<Account>,
}

#[derive(Clone, Copy)]
struct Account {
    moved: NetworkUsage,
    caps: TrafficCaps,
}

/// How many bytes may be moved in each direction.
#[derive(Clone, Copy, Default)]
pub(crate) struct TrafficCaps {
    sent: Option<u64>,
    received: Option<u64>,
}

impl TrafficCaps {
    pub(crate) fn of(limits: &Limits) -> Self {
        Self {
            sent: limits.network_sent_bytes,
            received: limits.network_received_bytes,
        }
    }

    pub(crate) fn has_any(self) -> bool {
        self.sent.or(self.received).is_some()
    }
}

/// Bytes that are being sent, and count as sent. Those that were not sent when this is dropped do not.
pub(crate) struct Sending<'a> {
    traffic: &'a Traffic,
    unsent: u64,
}

impl Traffic {
    pub(super) fn new(caps: TrafficCaps, control: Arc<InstanceControl>) -> Self {
        Self {
            control,
            account: Mutex::new(Account::new(caps)),
        }
    }

    /// Counts from 0 again, towards these caps.
    pub(super) fn begin(&self, caps: TrafficCaps) {
        *lock(&self.account) = Account::new(caps);
    }

    pub(super) fn moved(&self) -> NetworkUsage {
        lock(&self.account).moved
    }

    /// Begins to send as many bytes.
    ///
    /// # Errors
    ///
    /// With them the run would have sent more than it may. It is stopped, and none of them must be sent.
    pub(crate) fn send(&self, bytes: usize) -> Result<Sending<'_>, Stopped> {
        let mut account = lock(&self.account);
        let sent = account.moved.sent.saturating_add(bytes as u64);
        if account.caps.sent.is_some_and(|cap| sent > cap) {
            drop(account);
            return Err(self.stop());
        }
        account.moved.sent = sent;
        Ok(Sending {
            traffic: self,
            unsent: bytes as u64,
        })
    }

    /// Counts bytes that have come in.
    ///
    /// # Errors
    ///
    /// They are more than the run may receive. It is stopped, and must not see them.
    pub(crate) fn receive(&self, bytes: usize) -> Result<(), Stopped> {
        let mut account = lock(&self.account);
        let received = account.moved.received.saturating_add(bytes as u64);
        let most = account.caps.received.unwrap_or(u64::MAX);
        account.moved.received = received.min(most);
        drop(account);
        match received <= most {
            true => Ok(()),
            false => Err(self.stop()),
        }
    }

    fn stop(&self) -> Stopped {
        self.control.stop(Cause::Limit(LimitKind::Network));
        Stopped
    }
}

impl Account {
    fn new(caps: TrafficCaps) -> Self {
        Self {
            moved: NetworkUsage::default(),
            caps,
        }
    }
}

impl Sending<'_> {
    /// So many of the bytes were sent.
    pub(crate) fn sent(mut self, bytes: usize) {
        self.unsent = self.unsent.saturating_sub(bytes as u64);
    }
}

impl Drop for Sending<'_> {
    fn drop(&mut self) {
        if self.unsent > 0 {
            let moved = &mut lock(&self.traffic.account).moved;
            // Another call may have begun to count meanwhile.
            moved.sent = moved.sent.saturating_sub(self.unsent);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::guest::CallControl;

    fn traffic(sent: Option<u64>, received: Option<u64>) -> (Traffic, Arc<CallControl>) {
        let call = Arc::new(CallControl::default());
        let control = Arc::new(InstanceControl::default());
        control.begin(call.clone());
        let caps = TrafficCaps { sent, received };
        (Traffic::new(caps, control), call)
    }

    const NETWORK: Option<Cause> = Some(Cause::Limit(LimitKind::Network));

    #[test]
    fn exactly_as_many_bytes_as_the_cap_may_be_moved() {
        for cap in [0, 1, 100] {
            let (traffic, call) = traffic(Some(cap), Some(cap));
            let all = cap as usize;
            traffic.send(all).expect("room").sent(all);
            traffic.receive(all).expect("room");
            assert_eq!(call.cause(), None);
            assert!(traffic.receive(1).is_err());
            assert_eq!(call.cause(), NETWORK);
            assert!(traffic.send(1).is_err());
            let NetworkUsage { received, sent } = traffic.moved();
            assert_eq!((received, sent), (cap, cap));
        }
    }

    #[test]
    fn what_was_not_sent_does_not_count() {
        let (traffic, call) = traffic(Some(10), None);
        traffic.send(10).expect("room").sent(4);
        drop(traffic.send(6).expect("room"));
        assert_eq!(traffic.moved().sent, 4);
        assert!(traffic.send(7).is_err());
        assert_eq!(call.cause(), NETWORK);
        assert_eq!(traffic.moved().sent, 4);
    }

    #[test]
    fn without_a_cap_there_is_none_and_a_call_counts_anew() {
        let (traffic, call) = traffic(None, None);
        let left_over = traffic.send(usize::MAX).expect("room");
        traffic.receive(usize::MAX).expect("room");
        traffic.receive(usize::MAX).expect("room");
        assert_eq!(traffic.moved().received, u64::MAX);
        traffic.begin(TrafficCaps {
            sent: Some(1),
            received: Some(1),
        });
        drop(left_over);
        assert_eq!(traffic.moved(), NetworkUsage::default());
        assert_eq!(call.cause(), None);
        assert!(traffic.receive(2).is_err());
        assert_eq!((traffic.moved().received, call.cause()), (1, NETWORK));
    }
}
