//! A fleet of clients that lives through a deployment, in virtual time and from a seed: promises H16 and H23.
//!
//! Real are the feed and its log, the bodies and their bytes, the decoder, drains, jitter, admission, the answers to those who
//! are refused, and what a client does when it has lost its stream: our own with its [`Delays`](super::backoff::Delays), and a
//! browser, which waits for the `retry:` that it was told and not a moment longer.
//!
//! Modelled is what is around them, by these rules:
//!
//! - A balancer hands connections to the instances that run, one after another. It knows at once of one that drains. An instance
//!   that has restarted gets what comes then, and no more: when they restart one after another, the last has half of all clients.
//! - An instance takes connections one at a time, in order, for 50 s divided by the number of clients each (1 ms when there are
//!   50,000: a TLS handshake and a look at a session). It keeps a fiftieth of all clients waiting; the next ones find no
//!   connection. That it also has less time for events then is not modelled, nor is the cost of saying no: whoever deploys without
//!   spreading fares better here than there.
//! - A connection takes 10 to 200 ms to come about, another time for each client. Bytes take none. Nobody is slow to read.
//! - The instances share one log, which outlives them, as one that is kept elsewhere does; or there is one instance, as strong as
//!   all of these, whose log is in its memory and gone with it.
//! - Clients stay for ever, and came in the first half minute.

mod client;
mod deployment;
mod figures;
mod instance;
mod laws;
mod plan;
mod progress;
mod record;
mod service;

use std::{env, fs, path::Path, thread};

use self::{
    plan::{Care, Manner, Plan},
    record::Account,
};

/// With fewer there is too much chance in what happens in a second. Without optimisation, they take half a second.
const FEWEST: usize = 500;

/// What happens in a world, once with what spreads clients and once without it.
struct Pair {
    spread: Account,
    control: Account,
}

impl Pair {
    fn of(manner: Manner, clients: usize, seed: u64) -> Self {
        let live = |care| deployment::live(Plan::new(manner, care, clients, seed));
        thread::scope(|scope| {
            let control = scope.spawn(|| live(Care::None));
            Self {
                spread: live(Care::Spread),
                control: control.join().expect("a world does not panic"),
            }
        })
    }

    /// What is wrong in either world, or between them.
    fn broken(&self) -> Vec<String> {
        let mut broken = laws::broken(&self.spread);
        broken.extend(laws::broken(&self.control));
        broken.extend(laws::broken_between(&self.spread, &self.control));
        broken
    }
}

#[track_caller]
fn keeps_the_laws(manner: Manner, clients: usize) {
    let mut broken = Pair::of(manner, clients, 1).broken();
    let other = deployment::live(Plan::new(manner, Care::Spread, FEWEST, 2));
    broken.extend(laws::broken(&other));
    assert!(broken.is_empty(), "{broken:#?}");
}

#[test]
fn instances_restart_one_after_another_and_nobody_notices() {
    keeps_the_laws(Manner::Rolling, 2_000);
}

#[test]
fn a_service_restarts_with_its_log_and_everyone_is_told_of_one_gap() {
    keeps_the_laws(Manner::Whole, 1_000);
}

#[test]
fn a_machine_fails_and_the_others_take_its_clients_in_as_fast_as_they_can() {
    keeps_the_laws(Manner::Killed, 1_000);
}

#[test]
fn a_seed_gives_the_same_world_again_and_another_seed_another() {
    for manner in Manner::ALL {
        let digest = |seed| deployment::live(Plan::new(manner, Care::Spread, 100, seed)).digest;
        assert_eq!(digest(1), digest(1), "{manner:?}");
        assert_ne!(digest(1), digest(2), "{manner:?}");
    }
}

/// `cargo xtask sim fleet` has it live through larger ones, and draws what it writes.
#[test]
fn a_fleet_of_any_size_keeps_the_laws() {
    let number = |name| Some(env::var(name).ok()?.parse::<u64>().expect("a number"));
    let clients = number("PERISTYLE_FLEET_CLIENTS").unwrap_or(FEWEST as u64);
    let clients = usize::try_from(clients).expect("memory holds them");
    assert!(clients >= FEWEST, "at least {FEWEST} clients");
    let seed = number("PERISTYLE_FLEET_SEED").unwrap_or(3);
    let pairs = Manner::ALL.map(|manner| Pair::of(manner, clients, seed));
    if let Some(path) = env::var_os("PERISTYLE_FLEET_FIGURES") {
        let figures = figures::of(&pairs, clients, seed);
        fs::write(Path::new(&path), figures).expect("the file can be written");
    }
    for pair in &pairs {
        let broken = pair.broken();
        assert!(broken.is_empty(), "seed {seed}: {broken:#?}");
    }
}
