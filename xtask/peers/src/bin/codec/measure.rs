//! Times that can be compared: the codecs of a case take turns.

use std::time::Duration;

use peristyle_peers::Spread;
use rustix::time::{ClockId, clock_gettime};

use crate::case::{Case, Turn};

const ROUNDS: usize = 15;
/// A sample runs for at least this long, in nanoseconds.
const SAMPLE_NANOS: f64 = 4e6;

/// What one codec was measured to take.
pub(crate) struct Figures {
    pub(crate) case: String,
    pub(crate) codec: &'static str,
    /// Nanoseconds of CPU time per event.
    pub(crate) per_event: Spread,
    /// What came out, in bytes per nanosecond.
    pub(crate) throughput: Spread,
    /// Its time over that of Peristyle in the same round.
    pub(crate) ratio: Spread,
}

struct Sampled<'a> {
    turn: Turn<'a>,
    runs: u32,
    /// Per run.
    nanos: Vec<f64>,
}

pub(crate) fn all(case: &Case, peers: bool) -> Vec<Figures> {
    let mut all: Vec<_> = case.turns(peers).map(Sampled::new).collect();
    for _ in 0..ROUNDS {
        all.iter_mut().for_each(Sampled::take);
    }
    let first = all[0].nanos.clone();
    all.iter().map(|sampled| sampled.figures(&first)).collect()
}

impl<'a> Sampled<'a> {
    fn new(turn: Turn<'a>) -> Self {
        turn.verify();
        let mut sampled = Self {
            turn,
            runs: 1,
            nanos: Vec::new(),
        };
        while f64::from(sampled.runs) * sampled.sample() < SAMPLE_NANOS {
            sampled.runs *= 2;
        }
        sampled
    }

    fn take(&mut self) {
        let sample = self.sample();
        self.nanos.push(sample);
    }

    fn sample(&self) -> f64 {
        let start = cpu_nanos();
        for _ in 0..self.runs {
            self.turn.run();
        }
        (cpu_nanos() - start) / f64::from(self.runs)
    }

    fn figures(&self, first: &[f64]) -> Figures {
        let (events, bytes) = (count(self.turn.events()), count(self.turn.run()));
        let spread =
            |of: &dyn Fn(f64) -> f64| Spread::of(self.nanos.iter().map(|it| of(*it)).collect());
        let rounds = self.nanos.iter().zip(first);
        Figures {
            case: self.turn.case().to_owned(),
            codec: self.turn.codec,
            per_event: spread(&|nanos| nanos / events),
            throughput: spread(&|nanos| bytes / nanos),
            ratio: Spread::of(rounds.map(|(own, first)| own / first).collect()),
        }
    }
}

fn count(number: usize) -> f64 {
    f64::from(u32::try_from(number).expect("some 256 KiB"))
}

/// What this thread has used: on a busy machine it leaves out what others use.
fn cpu_nanos() -> f64 {
    let time = clock_gettime(ClockId::ThreadCPUTime);
    let time = Duration::try_from(time).expect("a clock that starts at zero");
    time.as_secs_f64() * 1e9
}
