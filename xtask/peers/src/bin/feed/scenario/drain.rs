//! SIGTERM, while many follow.

use peristyle_peers::Failure;

use super::{Case, Stand};
use crate::{crowd::Crowd, message, reading::Reading};

pub(super) fn round(stand: &Stand<'_>, case: &Case) -> Result<Vec<Reading>, Failure> {
    let site = stand.site(case)?;
    let mut crowd = Crowd::gathered(&site.target, case.followers)?;
    crowd.broadcast(1, 1, message::SIZE)?;
    crowd.audit(case.followers)?;
    let clock = crowd.clock();
    let start = clock.now();
    site.terminate()?;
    let counts = crowd.see_off()?;
    let closed = clock.since(start);
    site.ended()?;
    let exit = clock.since(start);
    Ok(vec![
        Reading::new("exit", "ms", exit.as_secs_f64() * 1e3),
        Reading::new("closed", "ms", closed.as_secs_f64() * 1e3),
        Reading::new("clean", "clients", of(counts.clean)),
        Reading::new("cut", "clients", of(counts.closed - counts.clean)),
    ])
}

#[expect(clippy::cast_precision_loss, reason = "a figure to be read")]
fn of(count: usize) -> f64 {
    count as f64
}
