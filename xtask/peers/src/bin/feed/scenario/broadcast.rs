//! Events to all followers: one at a time, or several on their way.

use peristyle_peers::Failure;

use super::{Case, Stand, Stretch};
use crate::{crowd::Crowd, message, reading::Reading};

/// Each follower has got so many before it is measured.
const WARM_UP: usize = 8;

pub(super) fn round(stand: &Stand<'_>, case: &Case) -> Result<Vec<Reading>, Failure> {
    let site = stand.site(case)?;
    let mut crowd = Crowd::gathered(&site.target, case.followers)?;
    crowd.broadcast(WARM_UP, case.window, message::SIZE)?;
    let stretch = Stretch::begin(&site, &mut crowd)?;
    crowd.broadcast(case.events, case.window, message::SIZE)?;
    let readings = stretch.end(&site, &crowd, case.followers * case.events)?;
    crowd.audit(case.followers)?;
    Ok(readings)
}
