//! What is shown at the end, and written for programs.

use std::{fmt, sync::atomic::Ordering::Relaxed, time::Duration};

use peristyle_peers::{Failure, figure, write};
use serde_json::Value;

use crate::{
    ledger::{Reason, Tally},
    load::Crowd,
    options::Options,
    server::ENDS,
};

/// The ledger of a run.
#[derive(Debug)]
pub(crate) struct Report {
    pub(crate) tally: Tally,
    asked: u64,
    seed: u64,
    time: Duration,
    /// What was done and what happened, of each of which there is to be some.
    faults: Vec<(String, u64)>,
    /// What happened besides.
    others: Vec<(&'static str, u64)>,
    failures: Vec<String>,
}

impl Report {
    pub(crate) fn new(
        crowd: &Crowd,
        options: &Options,
        (drained, killed): (u64, u64),
        ends: [u64; ENDS.len()],
        time: Duration,
    ) -> Self {
        let counts = &crowd.counts;
        let tally = crowd.tally();
        let mut faults = vec![
            ("servers drained and replaced".to_owned(), drained),
            ("processes killed".to_owned(), killed),
            (
                "clients that closed".to_owned(),
                counts.closed.load(Relaxed),
            ),
            ("clients that reset".to_owned(), counts.reset.load(Relaxed)),
            (
                "of these in mid-event".to_owned(),
                counts.in_mid_event.load(Relaxed),
            ),
        ];
        let told = Reason::ALL.map(|(reason, name)| (format!("gaps: {name}"), tally.told(reason)));
        let ended = ENDS.iter().zip(ends);
        // All but the last happen before the end.
        let ended = ended.take(ENDS.len() - 1);
        let ended = ended.map(|((_, name), count)| (format!("streams: {name}"), count));
        faults.extend(told.into_iter().chain(ended));
        let others = vec![
            ("events published", crowd.book().published()),
            ("connects", counts.connects.load(Relaxed)),
            ("of newcomers", counts.newcomers.load(Relaxed)),
            ("with Last-Event-ID", counts.resumed.load(Relaxed)),
            ("connections refused", counts.refused.load(Relaxed)),
            ("streams that ended clean", counts.clean.load(Relaxed)),
            ("streams that were cut", counts.cut.load(Relaxed)),
            ("streams that fell silent", counts.silent.load(Relaxed)),
            (
                "events published without an answer",
                counts.unacknowledged.load(Relaxed),
            ),
            ("events covered by gaps", tally.covered),
        ];
        Self {
            tally,
            asked: options.deliveries,
            seed: options.seed,
            time,
            faults,
            others,
            failures: crowd.failures(),
        }
    }

    /// What did not happen.
    pub(crate) fn missing(&self) -> Vec<&str> {
        let missing = self.faults.iter().filter(|(_, count)| *count == 0);
        missing.map(|(name, _)| &**name).collect()
    }

    /// # Errors
    ///
    /// When anything is wrong that can be.
    pub(crate) fn judge(&self) -> Result<(), Failure> {
        let wrongs = self.tally.wrongs();
        let wrongs = wrongs.iter().filter(|(_, count)| *count > 0);
        let mut problems: Vec<_> = wrongs
            .map(|(name, count)| format!("{count} {name}"))
            .collect();
        problems.extend(
            self.missing()
                .iter()
                .map(|name| format!("none of `{name}`")),
        );
        problems.extend(self.failures.iter().cloned());
        if self.tally.deliveries < self.asked {
            problems.push(format!("less than {} deliveries", self.asked));
        }
        match &problems[..] {
            [] => Ok(()),
            problems => Err(problems.join("; ").into()),
        }
    }

    /// # Errors
    ///
    /// When the file cannot be written.
    pub(crate) fn write(&self) -> Result<(), Failure> {
        let figures: Vec<Value> = self
            .lines()
            .map(|(name, count)| figure(&name, count, "count"))
            .chain([
                figure("seed", self.seed, "seed"),
                figure("time", self.time.as_secs_f64(), "s"),
            ])
            .collect();
        Ok(write("soak_feed", &figures)?)
    }

    fn lines(&self) -> impl Iterator<Item = (String, u64)> {
        let deliveries = ("deliveries".to_owned(), self.tally.deliveries);
        let others = self
            .others
            .iter()
            .map(|(name, count)| ((*name).to_owned(), *count));
        let unknown = ("events nobody heard of".to_owned(), self.tally.unknown);
        let wrongs = self.tally.wrongs();
        let wrongs = wrongs
            .into_iter()
            .map(|(name, count)| (name.to_owned(), count));
        [deliveries]
            .into_iter()
            .chain(others)
            .chain(self.faults.iter().cloned())
            .chain([unknown])
            .chain(wrongs)
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "seed {}, {:.1} s", self.seed, self.time.as_secs_f64())?;
        for (name, count) in self.lines() {
            writeln!(f, "  {name:<36} {count:>12}")?;
        }
        Ok(())
    }
}
