//! Ten thousand clients that connect and subscribe at once.

use peristyle_peers::Failure;

use super::{Case, Stand};
use crate::{crowd::Crowd, listen::Turned, message, reading::Reading};

pub(super) fn round(stand: &Stand<'_>, case: &Case) -> Result<Vec<Reading>, Failure> {
    let site = stand.site(case)?;
    let mut crowd = Crowd::new(&site.target, case.followers)?;
    let (turned, used) = (Turned::away()?, site.used()?);
    let start = crowd.clock().now();
    crowd.gather(case.followers, case.followers, None)?;
    let wall = crowd.clock().since(start);
    let (turned, later) = (Turned::away()?.since(turned), site.used()?);
    // All are served.
    crowd.broadcast(1, 1, message::SIZE)?;
    crowd.audit(case.followers)?;
    let mut readings = vec![Reading::new("served", "ms", wall.as_secs_f64() * 1e3)];
    if let (Some(earlier), Some(later)) = (used, later) {
        let (cpu, _) = later.since(earlier);
        readings.push(Reading::new("cpu", "ms", cpu.as_secs_f64() * 1e3));
    }
    readings.extend(turned.readings());
    Ok(readings)
}
