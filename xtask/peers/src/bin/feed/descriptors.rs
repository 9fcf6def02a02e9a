//! How many files and sockets a process may have open.

use peristyle_peers::Failure;
use rustix::process::{Resource, getrlimit};

use crate::scenario::Case;

/// A server keeps an eighth from connections.
const OF_EIGHT: u64 = 7;
/// For all else.
const OTHERS: u64 = 100;

/// # Errors
///
/// When one of these cases needs more.
pub(crate) fn are_enough(cases: &[&Case]) -> Result<(), Failure> {
    // Without a limit there are enough.
    let limit = getrlimit(Resource::Nofile).current.unwrap_or(u64::MAX);
    let most = cases.iter().map(|case| needed(case.followers)).max();
    match most.unwrap_or(0) {
        needed if needed > limit => Err(format!(
            "a process needs {needed} descriptors and may have {limit}: `ulimit -n {needed}`, or `--followers N` for fewer"
        )
        .into()),
        _ => Ok(()),
    }
}

fn needed(followers: usize) -> u64 {
    (followers as u64 + OTHERS) * 8 / OF_EIGHT + 1
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_server_has_places_for_all_followers() {
        for followers in [1, 1_000, 16_000] {
            let places = needed(followers) - needed(followers) / 8;
            assert!(places >= followers as u64 + OTHERS, "{places}");
        }
        assert!(needed(16_000) < 20_000);
    }
}
