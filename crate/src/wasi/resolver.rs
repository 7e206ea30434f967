//! Asks the operating system for the addresses of a name.

use std::net::{IpAddr, ToSocketAddrs};
use std::sync::{Arc, LazyLock};
use tokio::sync::{Semaphore, oneshot};

/// Lookups of the process in progress: each has a thread, which nothing can interrupt.
const MOST_THREADS: usize = 16;
/// Addresses of one name; the rest is left out.
const MOST_ADDRESSES: usize = 256;

static THREADS: LazyLock<Arc<Semaphore>> = LazyLock::new(|| Arc::new(Semaphore::new(MOST_THREADS)));

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

/// Asks the operating system on a thread of its own: the run may end before the answer comes.
pub(super) async fn ask_system(name: String) -> Found {
    let permit = THREADS.clone().acquire_owned().await;
    let (answer, answered) = oneshot::channel();
    let thread = std::thread::Builder::new().name("wasiexec-dns".into());
    let spawned = thread.spawn(move || {
        let _permit = permit;
        let found = (name.as_str(), 0).to_socket_addrs();
        let mut addresses: Vec<IpAddr> = Vec::new();
        for address in found.into_iter().flatten() {
            let address = address.ip().to_canonical();
            if addresses.len() < MOST_ADDRESSES && !addresses.contains(&address) {
                addresses.push(address);
            }
        }
        let found = match addresses.is_empty() {
            true => Err(Failure::Unknown),
            false => Ok(addresses),
        };
        // The run may be over.
        let _ = answer.send(found);
    });
    match spawned {
        Ok(_) => answered.await.unwrap_or(Err(Failure::Unknown)),
        Err(_) => Err(Failure::Busy),
    }
}
