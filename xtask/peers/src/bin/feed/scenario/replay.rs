//! Clients that come back after the first of many events.

use peristyle_peers::Failure;

use super::{Case, Stand, Stretch};
use crate::{crowd::Crowd, message, reading::Reading};

/// On their way to the one client who learns the id of the first event.
const WINDOW: usize = 8;

pub(super) fn round(stand: &Stand<'_>, case: &Case) -> Result<Vec<Reading>, Failure> {
    let site = stand.site(case)?;
    let mut first = Crowd::gathered(&site.target, 1)?;
    first.broadcast(case.events + 1, WINDOW, message::SIZE)?;
    first.audit(1)?;
    let id = first.first_id().ok_or("the events have no id")?.to_owned();
    let mut crowd = Crowd::new(&site.target, case.followers)?;
    let stretch = Stretch::begin(&site, &mut crowd)?;
    crowd.expect_again(first.ledger(), 1)?;
    crowd.gather(case.followers, case.followers, Some(&id))?;
    crowd.receive()?;
    let readings = stretch.end(&site, &crowd, case.followers * case.events)?;
    crowd.audit(case.followers)?;
    Ok(readings)
}
