//! Times that can be compared: the peers take turns, and each is beside its own endpoint.

use peristyle_peers::Spread;

use crate::{
    case::Case,
    peer::{PEERS, Peer},
};

const SAMPLES: usize = 21;
/// A sample runs for at least this long, in nanoseconds.
const SAMPLE_NANOS: f64 = 4e6;

/// What one peer was measured to cost at one depth.
#[derive(Clone, Copy)]
pub(crate) struct Figures {
    /// Nanoseconds of CPU time, of the way in and out together, without what the endpoint alone costs; at depth 0 of the endpoint.
    pub(crate) per_interceptor: Spread,
    /// Nanoseconds of CPU time.
    pub(crate) per_run: Spread,
    pub(crate) allocations: u64,
}

/// A case, and the same peer's endpoint alone.
struct Turn {
    case: Sampled,
    endpoint: Sampled,
    allocations: u64,
}

struct Sampled {
    case: Case,
    runs: u32,
    nanos: Vec<f64>,
}

/// Measures all peers at this depth. `None` for those that cannot reach it.
pub(crate) fn at(depth: usize) -> Vec<(&'static Peer, Option<Figures>)> {
    let turns = PEERS.iter().map(|peer| (peer, Turn::new(peer, depth)));
    let mut turns: Vec<_> = turns.collect();
    for _ in 0..SAMPLES {
        let reached = turns.iter_mut().filter_map(|(_, turn)| turn.as_mut());
        reached.for_each(Turn::take);
    }
    turns
        .into_iter()
        .map(|(peer, turn)| (peer, turn.map(|turn| turn.figures(depth))))
        .collect()
}

impl Turn {
    fn new(peer: &Peer, depth: usize) -> Option<Self> {
        let mut case = Case::new(peer, depth)?;
        case.verify();
        Some(Self {
            allocations: case.allocations(),
            case: Sampled::new(case),
            endpoint: Sampled::new(Case::new(peer, 0)?),
        })
    }

    fn take(&mut self) {
        self.case.take();
        self.endpoint.take();
    }

    fn figures(self, depth: usize) -> Figures {
        let per_run = self.case.nanos;
        let beside = per_run.iter().zip(&self.endpoint.nanos);
        let per_interceptor = match u32::try_from(depth).expect("a depth of the table") {
            0 => Spread::of(per_run.clone()),
            depth => Spread::of(
                beside
                    .map(|(n, zero)| (n - zero) / f64::from(depth))
                    .collect(),
            ),
        };
        Figures {
            per_interceptor,
            per_run: Spread::of(per_run),
            allocations: self.allocations,
        }
    }
}

impl Sampled {
    fn new(mut case: Case) -> Self {
        let mut runs = 1;
        while f64::from(runs) * case.sample(runs) < SAMPLE_NANOS {
            runs *= 2;
        }
        Self {
            case,
            runs,
            nanos: Vec::with_capacity(SAMPLES),
        }
    }

    fn take(&mut self) {
        self.nanos.push(self.case.sample(self.runs));
    }
}
