//! Clients of a feed that lose their servers and come back: each is given what it asked for, once and in order, or is told.
//!
//! `cargo xtask soak feed` does the same over sockets, with processes that are killed, and for millions of events.

mod follower;
mod served;
mod world;

use std::env;

use crate::ledger::{Reason, Tally};

/// One world again instead of the usual ones.
const SEED: &str = "PERISTYLE_RESUME_SEED";
const WORLDS: u64 = 3;

#[test]
fn whatever_becomes_of_servers_and_connections_followers_lose_repeat_and_reorder_nothing() {
    if let Ok(seed) = env::var(SEED) {
        lived_through(seed.parse().unwrap());
        return;
    }
    let mut all = Tally::default();
    for seed in 0..WORLDS {
        let tally = lived_through(seed);
        all.deliveries += tally.deliveries;
        for (all, told) in all.gaps.iter_mut().zip(tally.gaps) {
            *all += told;
        }
    }
    assert!(all.deliveries > 10_000, "{}", all.deliveries);
    for (reason, name) in Reason::ALL {
        assert!(all.told(reason) > 0, "nobody was told of a gap: {name}");
    }
}

fn lived_through(seed: u64) -> Tally {
    let tally = world::live_through(seed);
    let wrongs = tally.wrongs();
    let right = wrongs.iter().all(|(_, count)| *count == 0);
    assert!(right, "{SEED}={seed}: {wrongs:?}");
    tally
}
