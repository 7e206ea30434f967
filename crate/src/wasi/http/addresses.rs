//! Connects to whichever of several addresses answers first.

use crate::wasi::network::{Place, Places};
use futures_util::StreamExt;
use futures_util::future::{Either, select};
use futures_util::stream::FuturesUnordered;
use std::collections::VecDeque;
use std::io;
use std::net::SocketAddr;
use std::pin::pin;
use std::time::Duration;
use tokio::net::TcpStream;
use tokio::time::{sleep, timeout};

/// When an address has not answered for this long, the next one is asked, too.
const HEAD_START: Duration = Duration::from_millis(250);
/// What one address has to answer, if there are others.
const PATIENCE: Duration = Duration::from_secs(10);
/// Addresses that are asked at the same time.
const MOST_AT_ONCE: usize = 4;

/// Connects to the first address that answers. All but the first attempt take a place among the run's `sockets`, and wait for
/// the others while there is none.
///
/// # Errors
///
/// What the last address has failed with; `None` without addresses.
pub(super) async fn connect_to_any(
    addresses: Vec<SocketAddr>,
    sockets: &Places,
) -> Result<TcpStream, Option<io::Error>> {
    // A single address may take as long as the request.
    let patience = match addresses.len() {
        1 => Duration::MAX,
        _ => PATIENCE,
    };
    let attempt = |address, place| connect(address, patience, place);
    first_of(by_turns(addresses), sockets, attempt).await
}

async fn connect(
    address: SocketAddr,
    patience: Duration,
    _place: Option<Place>,
) -> io::Result<TcpStream> {
    timeout(patience, TcpStream::connect(address)).await?
}

async fn first_of<T, F: Future<Output = io::Result<T>>>(
    mut addresses: VecDeque<SocketAddr>,
    sockets: &Places,
    attempt: impl Fn(SocketAddr, Option<Place>) -> F,
) -> Result<T, Option<io::Error>> {
    let mut attempts = FuturesUnordered::new();
    let mut failure = None;
    loop {
        let place = match attempts.is_empty() {
            true => Some(None),
            false if attempts.len() < MOST_AT_ONCE && !addresses.is_empty() => {
                sockets.take().map(Some)
            }
            false => None,
        };
        if let Some(place) = place
            && let Some(address) = addresses.pop_front()
        {
            attempts.push(attempt(address, place));
        }
        let waiting = pin!(sleep(HEAD_START));
        match select(attempts.next(), waiting).await {
            Either::Left((Some(Ok(connected)), _)) => return Ok(connected),
            Either::Left((Some(Err(error)), _)) => failure = Some(error),
            Either::Left((None, _)) => return Err(failure),
            Either::Right(_) => {}
        }
    }
}

/// The addresses in their order, but with those of the two families by turns: a network may have no way for one of them.
fn by_turns(addresses: Vec<SocketAddr>) -> VecDeque<SocketAddr> {
    let first = addresses.first().map(SocketAddr::is_ipv6);
    let (own, other): (Vec<_>, Vec<_>) = addresses
        .into_iter()
        .partition(|address| Some(address.is_ipv6()) == first);
    let (mut own, mut other) = (own.into_iter(), other.into_iter());
    let mut turns = VecDeque::new();
    loop {
        let pair = [own.next(), other.next()];
        if pair.iter().all(Option::is_none) {
            return turns;
        }
        turns.extend(pair.into_iter().flatten());
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use futures_util::future::BoxFuture;
    use std::future::pending;
    use std::sync::Mutex;

    fn at(text: &str) -> SocketAddr {
        text.parse().expect("an address")
    }

    fn block_on<T>(work: impl Future<Output = T>) -> T {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build();
        runtime.expect("a runtime").block_on(work)
    }

    fn addresses(count: u16) -> VecDeque<SocketAddr> {
        (1..=count)
            .map(|port| at(&format!("127.0.0.1:{port}")))
            .collect()
    }

    #[test]
    fn the_families_of_addresses_come_by_turns() {
        let (a, b, c) = (at("[::1]:1"), at("[::2]:1"), at("[::3]:1"));
        let (x, y) = (at("1.1.1.1:1"), at("2.2.2.2:1"));
        assert_eq!(by_turns(vec![a, b, c, x, y]), [a, x, b, y, c]);
        assert_eq!(by_turns(vec![x, a, b]), [x, a, b]);
        assert_eq!(by_turns(vec![x, y]), [x, y]);
        assert!(by_turns(Vec::new()).is_empty());
    }

    #[test]
    fn an_address_that_does_not_answer_does_not_hold_up_the_next() {
        let asked = Mutex::new(Vec::new());
        // The first three never answer.
        let attempt = |address: SocketAddr, place| -> BoxFuture<'static, io::Result<u16>> {
            asked.lock().expect("no panic").push(address.port());
            Box::pin(async move {
                let _place: Option<Place> = place;
                match address.port() {
                    1..=3 => pending().await,
                    port => Ok(port),
                }
            })
        };
        let places = Places::new(3);
        let found = block_on(first_of(addresses(9), &places, attempt));
        assert_eq!(found.expect("an answer"), 4);
        assert_eq!(*asked.lock().expect("no panic"), [1, 2, 3, 4]);
        let free: Vec<_> = std::iter::from_fn(|| places.take()).collect();
        assert_eq!(free.len(), 3);
    }

    #[test]
    fn without_places_one_address_is_asked_after_the_other() {
        let going_on = Mutex::new(0);
        let attempt = |address: SocketAddr, place: Option<Place>| {
            assert!(place.is_none());
            let going_on = &going_on;
            async move {
                *going_on.lock().expect("no panic") += 1;
                assert_eq!(*going_on.lock().expect("no panic"), 1);
                sleep(HEAD_START * 3 / 2).await;
                *going_on.lock().expect("no panic") -= 1;
                match address.port() {
                    3 => Ok(()),
                    _ => Err(io::Error::from(io::ErrorKind::ConnectionRefused)),
                }
            }
        };
        let places = Places::new(0);
        block_on(first_of(addresses(3), &places, attempt)).expect("an answer");
    }

    #[test]
    fn failures_are_followed_at_once_and_the_last_is_told() {
        let attempt = async |_, _| Err::<(), _>(io::Error::from(io::ErrorKind::ConnectionRefused));
        let places = Places::new(9);
        let failed = block_on(first_of(addresses(200), &places, attempt));
        let failure = failed.expect_err("no address").expect("a failure");
        assert_eq!(failure.kind(), io::ErrorKind::ConnectionRefused);
        let failed = block_on(first_of(VecDeque::new(), &places, attempt));
        assert!(failed.expect_err("no address").is_none());
    }

    #[test]
    fn a_connection_is_made_to_the_address_that_listens() {
        block_on(async {
            let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await;
            let listener = listener.expect("a listener");
            let here = listener.local_addr().expect("an address");
            let gone = tokio::net::TcpListener::bind("127.0.0.1:0").await;
            let nowhere = gone.expect("a listener").local_addr().expect("an address");
            let places = Places::new(0);
            let stream = connect_to_any(vec![nowhere, here], &places).await;
            assert_eq!(stream.expect("a stream").peer_addr().expect("a peer"), here);
            let failed = connect_to_any(vec![nowhere], &places).await;
            let failure = failed.expect_err("nobody").expect("a failure");
            assert_eq!(failure.kind(), io::ErrorKind::ConnectionRefused);
        });
    }
}
