//! Events at a steady pace, while some of the clients have stopped reading.

use std::time::Duration;

use peristyle_peers::Failure;

use super::{Case, Stand, Stretch, stretch::latencies};
use crate::{crowd::Crowd, reading::Reading};

/// So much is published first that nothing has room for it on the way to those who do not read: a frozen client's buffers, and the
/// server's for its socket, are small.
const FILLING: usize = 4096;
const FILLINGS: usize = 64;
/// A fifth of what the slowest server is able to do with a thousand followers.
const INTERVAL: Duration = Duration::from_millis(50);

pub(super) fn round(stand: &Stand<'_>, case: &Case) -> Result<Vec<Reading>, Failure> {
    let site = stand.site(case)?;
    let mut crowd = Crowd::gathered(&site.target, case.followers)?;
    crowd.freeze(case.frozen)?;
    crowd.broadcast(FILLINGS, 1, FILLING)?;
    crowd.are_frozen(case.followers)?;
    let stretch = Stretch::begin(&site, &mut crowd)?;
    crowd.broadcast_each(INTERVAL, u32::try_from(case.events)?)?;
    stretch.end(&site, &crowd, case.followers * case.events)?;
    crowd.audit(case.followers)?;
    Ok(latencies(&crowd).into())
}
