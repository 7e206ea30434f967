//! Asks the operating system for the addresses of names.

use std::net::{IpAddr, ToSocketAddrs};
use std::sync::{Arc, LazyLock};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, oneshot};

/// Lookups of one run that have a thread, which nothing can interrupt; further ones wait. One that its run has given up is
/// among them until the operating system has answered.
const MOST_OF_RUN: usize = 4;
/// Lookups of the process that somebody waits for.
const MOST_AWAITED: usize = 32;
/// Those among them that are not the only one of their run. So half of the turns are left to runs that have none.
const MOST_FURTHER: usize = 16;
/// Threads for lookups, those included that nobody waits for any more.
const MOST_THREADS: usize = 128;
/// Addresses of one name; the rest is left out.
const MOST_ADDRESSES: usize = 256;

/// Why a name has no addresses.
#[derive(Clone, Copy, Debug)]
pub(super) enum Failure {
    /// It was not granted.
    Denied,
    /// It is neither a name nor an address.
    Malformed,
    Unknown,
    /// The system has no thread for it, or the run too much open.
    Busy,
}

pub(super) type Found = std::result::Result<Vec<IpAddr>, Failure>;

/// The lookups of one run.
pub(super) struct RunLookups {
    of_run: Arc<Semaphore>,
    turns: Arc<Turns>,
}

/// The turns that all runs share.
struct Turns {
    awaited: Arc<Semaphore>,
    further: Arc<Semaphore>,
    threads: Arc<Semaphore>,
}

impl Turns {
    fn new(awaited: usize, further: usize, threads: usize) -> Arc<Self> {
        Arc::new(Self {
            awaited: Arc::new(Semaphore::new(awaited)),
            further: Arc::new(Semaphore::new(further)),
            threads: Arc::new(Semaphore::new(threads)),
        })
    }
}

impl Default for RunLookups {
    fn default() -> Self {
        static TURNS: LazyLock<Arc<Turns>> =
            LazyLock::new(|| Turns::new(MOST_AWAITED, MOST_FURTHER, MOST_THREADS));
        Self::sharing(TURNS.clone())
    }
}

impl RunLookups {
    fn sharing(turns: Arc<Turns>) -> Self {
        Self {
            of_run: Arc::new(Semaphore::new(MOST_OF_RUN)),
            turns,
        }
    }

    /// Asks the operating system for the addresses of a name.
    pub(super) fn ask(&self, name: String) -> impl Future<Output = Found> + Send + use<> {
        self.ask_by(move || ask_system(&name))
    }

    /// Calls `find` on a thread of its own, once it is the lookup's turn: the run may end before it returns.
    fn ask_by<F>(&self, find: F) -> impl Future<Output = Found> + Send + use<F>
    where
        F: FnOnce() -> Found + Send + 'static,
    {
        let (of_run, turns) = (self.of_run.clone(), self.turns.clone());
        async move {
            let own = permit(&of_run).await;
            let is_only = of_run.available_permits() == MOST_OF_RUN - 1;
            // Others get these two turns as soon as nobody waits for this lookup.
            let _further = match is_only {
                true => None,
                false => permit(&turns.further).await,
            };
            let _awaited = permit(&turns.awaited).await;
            let held = (own, permit(&turns.threads).await);
            let (answer, answered) = oneshot::channel();
            let thread = std::thread::Builder::new().name("wasiexec-dns".into());
            let spawned = thread.spawn(move || {
                let found = find();
                drop(held);
                // The run may be over.
                let _ = answer.send(found);
            });
            match spawned {
                Ok(_) => answered.await.unwrap_or(Err(Failure::Unknown)),
                Err(_) => Err(Failure::Busy),
            }
        }
    }
}

/// A turn; `None` would be one of a semaphore that was closed, which none is.
async fn permit(semaphore: &Arc<Semaphore>) -> Option<OwnedSemaphorePermit> {
    semaphore.clone().acquire_owned().await.ok()
}

fn ask_system(name: &str) -> Found {
    let found = (name, 0).to_socket_addrs();
    let mut addresses: Vec<IpAddr> = Vec::new();
    for address in found.into_iter().flatten() {
        let address = address.ip().to_canonical();
        if addresses.len() < MOST_ADDRESSES && !addresses.contains(&address) {
            addresses.push(address);
        }
    }
    match addresses.is_empty() {
        true => Err(Failure::Unknown),
        false => Ok(addresses),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use futures_util::FutureExt;
    use futures_util::future::BoxFuture;
    use std::net::Ipv4Addr;
    use std::sync::mpsc::{Sender, channel};

    const HERE: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);

    /// A lookup that ends when its sender is dropped. It has begun if it can.
    fn silent(run: &RunLookups) -> (BoxFuture<'static, Found>, Sender<()>) {
        let (sender, receiver) = channel::<()>();
        let mut lookup = run
            .ask_by(move || {
                let _ = receiver.recv();
                Ok(vec![HERE])
            })
            .boxed();
        assert!((&mut lookup).now_or_never().is_none());
        (lookup, sender)
    }

    fn threads(turns: &Turns, most: usize) -> usize {
        most - turns.threads.available_permits()
    }

    fn block_on(work: impl Future<Output = ()>) {
        let runtime = tokio::runtime::Builder::new_current_thread().build();
        runtime.expect("a runtime").block_on(work);
    }

    #[test]
    fn one_run_has_four_lookups_and_the_rest_wait() {
        block_on(async {
            let turns = Turns::new(100, 100, 100);
            let run = RunLookups::sharing(turns.clone());
            let mut lookups: Vec<_> = (0..10).map(|_| silent(&run)).collect();
            assert_eq!(threads(&turns, 100), MOST_OF_RUN);
            for _ in 0..10 {
                let (lookup, sender) = lookups.remove(0);
                drop(sender);
                assert_eq!(lookup.await.expect("addresses"), [HERE]);
            }
            assert_eq!(threads(&turns, 100), 0);
        });
    }

    #[test]
    fn runs_with_several_lookups_leave_turns_to_runs_that_have_none() {
        block_on(async {
            let turns = Turns::new(8, 4, 100);
            let greedy: Vec<_> = (0..3).map(|_| RunLookups::sharing(turns.clone())).collect();
            let held: Vec<_> = greedy
                .iter()
                .flat_map(|run| (0..20).map(|_| silent(run)))
                .collect();
            // One of each run, and four further ones.
            assert_eq!(threads(&turns, 100), 7);
            let modest = RunLookups::sharing(turns.clone());
            let found = modest.ask_by(|| Ok(vec![HERE])).await;
            assert_eq!(found.expect("addresses"), [HERE]);
            drop(held);
        });
    }

    #[test]
    fn lookups_that_were_given_up_hold_up_their_own_run_alone() {
        block_on(async {
            let turns = Turns::new(2, 1, 8);
            let mut senders = Vec::new();
            for _ in 0..2 {
                let run = RunLookups::sharing(turns.clone());
                for _ in 0..100 {
                    let (lookup, sender) = silent(&run);
                    drop(lookup);
                    senders.push(sender);
                }
                // Of which four have begun.
                let own = run.ask_by(|| Ok(vec![HERE])).now_or_never();
                assert!(own.is_none());
                if senders.len() == 100 {
                    assert_eq!(threads(&turns, 8), MOST_OF_RUN);
                    let other = RunLookups::sharing(turns.clone());
                    let found = other.ask_by(|| Ok(vec![HERE])).await;
                    assert_eq!(found.expect("addresses"), [HERE]);
                }
            }
            // There are no more threads than the process may have.
            assert_eq!(threads(&turns, 8), 8);
            let waiting = RunLookups::sharing(turns.clone());
            let mut lookup = waiting.ask_by(|| Ok(vec![HERE])).boxed();
            assert!((&mut lookup).now_or_never().is_none());
            drop(senders);
            assert_eq!(lookup.await.expect("addresses"), [HERE]);
        });
    }
}
