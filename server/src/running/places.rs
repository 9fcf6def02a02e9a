//! How many connections there may be.

use std::{
    collections::{HashMap, hash_map::Entry},
    net::{IpAddr, Ipv6Addr},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use rlimit::Resource;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, TryAcquireError};

/// The places that all listeners of a server have for connections. Cheap to clone.
#[derive(Debug, Clone)]
pub(crate) struct Places {
    free: Arc<Semaphore>,
    count: usize,
    peers: Option<Peers>,
}

/// A place that is taken until this is dropped.
#[derive(Debug)]
pub(crate) struct Place(#[expect(dead_code, reason = "it is dropped")] OwnedSemaphorePermit);

impl Places {
    pub(crate) fn new(count: usize, of_each_peer: Option<usize>) -> Self {
        let count = count.clamp(1, Semaphore::MAX_PERMITS);
        Self {
            free: Arc::new(Semaphore::new(count)),
            count,
            peers: of_each_peer.map(Peers::new),
        }
    }

    /// Waits until a place is free. It may be taken by another before it can be [taken](Self::take): who waits for a client must
    /// not keep it from those who have one.
    pub(crate) async fn free(&self) {
        drop(self.free.acquire().await);
    }

    pub(crate) async fn take(&self) -> Place {
        let place = Arc::clone(&self.free).acquire_owned().await;
        Place(place.expect("it is never closed"))
    }

    pub(crate) fn try_take(&self) -> Result<Place, TryAcquireError> {
        Arc::clone(&self.free).try_acquire_owned().map(Place)
    }

    pub(crate) fn taken(&self) -> usize {
        self.count.saturating_sub(self.free.available_permits())
    }

    /// Counts a connection of a peer, or refuses it.
    pub(crate) fn admit(&self, peer: Option<IpAddr>) -> Result<Option<OfPeer>, TooMany> {
        match (&self.peers, peer) {
            (Some(peers), Some(peer)) => peers.admit(peer).map(Some),
            _ => Ok(None),
        }
    }
}

/// A peer has as many connections as it may.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct TooMany;

/// Counts the connections of each peer that has any.
#[derive(Debug, Clone)]
struct Peers {
    counts: Arc<Mutex<HashMap<IpAddr, usize>>>,
    limit: usize,
}

impl Peers {
    fn new(limit: usize) -> Self {
        let counts = Arc::default();
        let limit = limit.max(1);
        Self { counts, limit }
    }

    fn admit(&self, peer: IpAddr) -> Result<OfPeer, TooMany> {
        let network = network(peer);
        let mut counts = self.lock();
        let count = counts.entry(network).or_default();
        if *count >= self.limit {
            return Err(TooMany);
        }
        *count += 1;
        Ok(OfPeer {
            peers: self.clone(),
            network,
        })
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<IpAddr, usize>> {
        self.counts.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What one customer of a provider has: an address, or 2⁶⁴ of them (RFC 6177).
fn network(peer: IpAddr) -> IpAddr {
    match peer {
        IpAddr::V4(_) => peer,
        IpAddr::V6(address) => {
            let prefix = u128::from(address) & !u128::from(u64::MAX);
            Ipv6Addr::from(prefix).into()
        }
    }
}

/// A connection that counts for its peer until this is dropped.
#[derive(Debug)]
pub(crate) struct OfPeer {
    peers: Peers,
    network: IpAddr,
}

impl Drop for OfPeer {
    fn drop(&mut self) {
        if let Entry::Occupied(mut count) = self.peers.lock().entry(self.network) {
            *count.get_mut() -= 1;
            if *count.get() == 0 {
                count.remove();
            }
        }
    }
}

/// How many connections the process has descriptors for.
pub(crate) fn by_descriptors() -> usize {
    match Resource::NOFILE.get_soft() {
        Ok(descriptors) => without_reserve(descriptors),
        Err(error) => {
            tracing::warn!(%error, "the limit of descriptors is not known");
            without_reserve(USUAL)
        }
    }
}

/// What systems allow a process that asks for nothing.
const USUAL: u64 = 1024;

/// An eighth is left for files and for connections that the service makes itself, at least 32, and at most half.
fn without_reserve(descriptors: u64) -> usize {
    let reserve = (descriptors / 8).max(32).min(descriptors / 2);
    usize::try_from(descriptors - reserve).unwrap_or(usize::MAX)
}

#[cfg(test)]
mod tests {
    use tokio_test::{assert_pending, assert_ready, task};

    use super::*;

    #[test]
    fn a_reserve_of_descriptors_is_not_for_connections() {
        for (descriptors, places) in [
            (1, 1),
            (16, 8),
            (64, 32),
            (256, 224),
            (1024, 896),
            (1 << 20, 917_504),
        ] {
            assert_eq!(without_reserve(descriptors), places, "{descriptors}");
        }
    }

    #[test]
    fn who_waits_for_a_client_keeps_no_place_from_who_has_one() {
        let places = Places::new(1, None);
        assert_ready!(task::spawn(places.free()).poll());
        let place = assert_ready!(task::spawn(places.take()).poll());
        assert_eq!(places.taken(), 1);
        let mut free = task::spawn(places.free());
        let mut take = task::spawn(places.take());
        assert_pending!(free.poll());
        assert_pending!(take.poll());
        drop(place);
        assert_ready!(free.poll());
        assert_ready!(take.poll());
    }

    #[test]
    fn a_peer_is_an_address_or_a_64th_of_one_and_is_forgotten_with_its_last_connection() {
        let places = Places::new(9, Some(2));
        let admit = |peer: &str| places.admit(Some(peer.parse().unwrap()));
        let first = admit("192.0.2.1").unwrap();
        let second = admit("192.0.2.1").unwrap();
        assert_eq!(admit("192.0.2.1").unwrap_err(), TooMany);
        let other = admit("192.0.2.2").unwrap();
        drop(second);
        let again = admit("192.0.2.1").unwrap();
        let here = admit("2001:db8::1").unwrap();
        let there = admit("2001:db8::ffff:0:0:1").unwrap();
        assert_eq!(admit("2001:db8::2").unwrap_err(), TooMany);
        let next = admit("2001:db8:0:1::1").unwrap();
        assert!(places.admit(None).unwrap().is_none());
        drop((first, other, again, here, there, next));
        let peers = places.peers.as_ref().unwrap();
        assert!(peers.lock().is_empty());
    }
}
