//! What holds in every world.

use std::time::Duration;

use super::{
    plan::{Care, Manner, REFUSAL, SECOND},
    record::Account,
};

/// What is wrong in this world.
pub(super) fn broken(account: &Account) -> Vec<String> {
    let mut broken = Vec::new();
    let mut law = |name: &str, holds: bool| {
        if !holds {
            let (manner, care) = (account.plan.manner, account.plan.care);
            broken.push(format!("{manner:?}, {care:?}: {name}"));
        }
    };
    let tally = account.tally();
    law("some is got", tally.got > account.plan.clients as u64);
    law("nothing is lost", tally.lost == 0);
    law("nothing is repeated", tally.repeated == 0);
    law("nothing is reordered", tally.reordered == 0);
    law(
        "everyone gets what was published for it",
        tally.foreign == 0,
    );
    law("each is told of each gap once", account.has_its_gaps());
    law("nobody gives up", account.counts.given_up == 0);
    law("nobody comes before its time", account.counts.early == 0);
    law("everyone is back at the end", account.counts.away == 0);
    law("all who lost a stream come back", account.all_come_back());
    if account.plan.care == Care::Spread {
        law(
            &account.peak_text(),
            f64::from(account.peak()) <= account.most_in_a_second(),
        );
        law(
            &account.absence_text(),
            account.longest_absence() <= account.plan.longest_absence(),
        );
        law(
            "instances let in no more than they say",
            account.lets_in_as_it_says(),
        );
        law(
            "who was told when to come is not refused",
            account.is_refused_rightly(),
        );
    }
    broken
}

/// What would also hold if nothing spread the clients is worth nothing.
pub(super) fn broken_between(spread: &Account, control: &Account) -> Vec<String> {
    let (peak, other) = (spread.peak(), control.peak());
    let mut broken = Vec::new();
    if other < 4 * peak {
        broken.push(format!(
            "without spreading {other} in a second, with it {peak}"
        ));
    }
    broken
}

impl Account {
    /// The most connections that clients tried to make in a second, since the service first went down.
    pub(super) fn peak(&self) -> u32 {
        let attempts = self.counts.attempts_since().iter();
        attempts.copied().max().unwrap_or(0)
    }

    fn longest_absence(&self) -> Duration {
        self.counts
            .absences
            .iter()
            .copied()
            .max()
            .unwrap_or_default()
    }

    /// Those who leave evenly in a time come back evenly in no less, be it that in which they are drained or that in which they
    /// are told to come back. What is more than that is chance, of which six deviations are next to certain.
    fn most_in_a_second(&self) -> f64 {
        let width = |(from, to): (u32, u32)| f64::from(to - from);
        let window = match self.plan.manner {
            Manner::Rolling => width(self.plan.drain_window()),
            Manner::Whole | Manner::Killed => width(self.plan.told()),
        };
        let come = self.most_lost() + self.counts.refused;
        let mean = f64::from(come) / window;
        mean + 6.0 * mean.sqrt() + 1.0
    }

    fn most_lost(&self) -> u32 {
        let downs = self.counts.downs.iter();
        match self.plan.manner {
            Manner::Killed => downs.map(|(_, streams)| streams).sum(),
            _ => downs.map(|(_, streams)| *streams).max().unwrap_or(0),
        }
    }

    fn lets_in_as_it_says(&self) -> bool {
        let admitted = self.plan.admitted().expect("a limit is set");
        let seconds = self.counts.begun.iter();
        seconds
            .flat_map(|begun| windows(begun))
            .all(|(begun, seconds)| begun <= admitted * (seconds + 1))
    }

    fn is_refused_rightly(&self) -> bool {
        let none = self.counts.refused == 0 && self.counts.unconnected == 0;
        match self.plan.manner {
            Manner::Rolling | Manner::Whole => none,
            Manner::Killed => self.refuses_some() && self.counts.unconnected == 0,
        }
    }

    /// Each of them is told a time, few of them one in the first quarter of what there is.
    fn refuses_some(&self) -> bool {
        let (shortest, longest) = REFUSAL;
        let quarter = (shortest + (longest - shortest) / 4) * SECOND;
        let told = &self.counts.told;
        let soon = told.iter().filter(|time| **time < quarter).count();
        let all_are_told = told.len() == self.counts.refused as usize;
        !told.is_empty() && all_are_told && soon * 2 < told.len()
    }

    fn has_its_gaps(&self) -> bool {
        let gaps = u64::from(self.plan.manner == Manner::Whole);
        self.tallies.iter().all(|tally| tally.gaps == gaps)
    }

    fn all_come_back(&self) -> bool {
        let lost: u32 = self.counts.downs.iter().map(|(_, streams)| streams).sum();
        lost > 0 && self.counts.absences.len() == lost as usize
    }

    fn peak_text(&self) -> String {
        format!(
            "{} in a second, of {} at most",
            self.peak(),
            self.most_in_a_second()
        )
    }

    fn absence_text(&self) -> String {
        format!(
            "{:?} away, of {:?} at most",
            self.longest_absence(),
            self.plan.longest_absence()
        )
    }
}

/// The sums of any seconds in a row, with how many they are.
fn windows(seconds: &[u32]) -> impl Iterator<Item = (u32, u32)> {
    (0..seconds.len()).flat_map(|first| {
        let sums = seconds[first..].iter().scan(0, |sum, second| {
            *sum += second;
            Some(*sum)
        });
        sums.zip(1..)
    })
}
