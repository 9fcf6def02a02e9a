//! One peer at one depth.

use std::{hint::black_box, time::Duration};

use http::StatusCode;
use rustix::time::{ClockId, clock_gettime};

use crate::{
    exchange::take_passes,
    peer::{DEPTHS, PEERS, Peer, Run},
};

pub(crate) struct Case {
    depth: usize,
    run: Run,
}

/// The names, as `PEER/DEPTH`, of the cases whose instructions are counted.
pub(crate) fn countable() -> impl Iterator<Item = String> {
    PEERS.iter().flat_map(|peer| {
        let counted = DEPTHS.into_iter().filter(|it| *it <= peer.counted_to);
        counted.map(|depth| format!("{}/{depth}", peer.name))
    })
}

impl Case {
    /// `None` if the peer cannot reach this depth.
    pub(crate) fn new(peer: &Peer, depth: usize) -> Option<Self> {
        let run = (peer.build)(depth)?;
        Some(Self { depth, run })
    }

    pub(crate) fn named(name: &str) -> Option<Self> {
        let (peer, depth) = name.split_once('/')?;
        let peer = PEERS.iter().find(|it| it.name == peer)?;
        Self::new(peer, depth.parse().ok()?)
    }

    /// Runs once, and asserts that the endpoint answered and each interceptor was passed on the way in and out.
    pub(crate) fn verify(&mut self) {
        take_passes();
        assert_eq!((self.run)().status(), StatusCode::OK);
        self.assert_passes(1);
    }

    /// How many allocations one run makes, growing ones included.
    pub(crate) fn allocations(&mut self) -> u64 {
        let run = || drop(black_box((self.run)()));
        let counted = allocation_counter::measure(run).count_total;
        self.assert_passes(1);
        counted
    }

    /// Nanoseconds of CPU time per run, over this many.
    pub(crate) fn sample(&mut self, runs: u32) -> f64 {
        let start = cpu_nanos();
        self.run(runs);
        let taken = cpu_nanos() - start;
        self.assert_passes(runs);
        taken / f64::from(runs)
    }

    /// Runs without counting allocations, which would make each of them cost more.
    pub(crate) fn run(&mut self, runs: u32) {
        allocation_counter::opt_out(|| {
            for _ in 0..runs {
                black_box((self.run)());
            }
        });
    }

    fn assert_passes(&self, runs: u32) {
        let expected = 2 * self.depth as u64 * u64::from(runs);
        assert_eq!(take_passes(), expected, "each interceptor, in and out");
    }
}

/// What this thread has used. Nothing here waits, so on an idle machine it is the time that passes; on a busy one it leaves
/// out what others use.
fn cpu_nanos() -> f64 {
    let time = clock_gettime(ClockId::ThreadCPUTime);
    Duration::try_from(time)
        .expect("a clock that starts at zero")
        .as_secs_f64()
        * 1e9
}
