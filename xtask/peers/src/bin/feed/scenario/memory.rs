//! Followers to whom nothing is sent, and what a server keeps for each.

use peristyle_peers::Failure;

use super::{Case, Stand};
use crate::{crowd::Crowd, message, reading::Reading, site::Site};

/// What a server makes once is made for these, and they stay.
const FIRST: usize = 16;

pub(super) fn round(stand: &Stand<'_>, case: &Case) -> Result<Vec<Reading>, Failure> {
    let mut site = stand.site(case)?;
    let mut first = Crowd::gathered(&site.target, FIRST)?;
    first.broadcast(1, 1, message::SIZE)?;
    let before = Sizes::of(&mut site)?;
    let mut crowd = Crowd::gathered(&site.target, case.followers)?;
    let after = Sizes::of(&mut site)?;
    // They do follow.
    crowd.broadcast(1, 1, message::SIZE)?;
    crowd.audit(case.followers)?;
    Ok(after.readings(&before, case.followers))
}

/// In bytes, of a server.
struct Sizes {
    heap: Option<u64>,
    resident: Option<u64>,
}

impl Sizes {
    fn of(site: &mut Site) -> Result<Self, Failure> {
        Ok(Self {
            heap: site.heap()?,
            resident: site.resident()?,
        })
    }

    /// More than before, for each follower.
    fn readings(&self, before: &Self, followers: usize) -> Vec<Reading> {
        let heap = more(before.heap, self.heap, followers);
        let resident = more(before.resident, self.resident, followers);
        let reading = |what, value: Option<f64>| Some(Reading::new(what, "B/follower", value?));
        let readings = [reading("heap", heap), reading("resident", resident)];
        readings.into_iter().flatten().collect()
    }
}

#[expect(clippy::cast_precision_loss, reason = "a figure to be read")]
fn more(before: Option<u64>, after: Option<u64>, followers: usize) -> Option<f64> {
    Some((after? as f64 - before? as f64) / followers as f64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_known_is_no_reading() {
        let before = Sizes {
            heap: Some(1_000),
            resident: None,
        };
        let after = Sizes {
            heap: Some(21_000),
            resident: Some(5),
        };
        let readings = after.readings(&before, 10);
        assert_eq!(readings, [Reading::new("heap", "B/follower", 2_000.0)]);
    }
}
