//! What names the content of a file.

use std::{
    fs::Metadata,
    hash::{DefaultHasher, Hash, Hasher},
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use super::{ETag, Validators};

/// How old a change must be for no other to have the same time: file systems count in 2 seconds at the worst.
const SETTLED: Duration = Duration::from_secs(2);

/// By what the file system says of the file.
pub(super) fn validators(metadata: &Metadata, now: SystemTime) -> Validators {
    let Ok(modified) = metadata.modified() else {
        return Validators::default();
    };
    let opaque = opaque(metadata, modified);
    if is_fresh(modified, now) {
        let etag = ETag::weak(&format!("{opaque}-fresh")).expect("it is visible ASCII");
        return Validators::default().with_etag(etag);
    }
    let etag = ETag::strong(&opaque).expect("it is visible ASCII");
    let validators = Validators::default().with_etag(etag);
    // A date to come would be after that of the response (RFC 9110, section 8.8.2.1).
    if modified > now {
        return validators;
    }
    validators.with_last_modified(modified)
}

/// A time to come is no time of a change that just happened: somebody has set it.
fn is_fresh(modified: SystemTime, now: SystemTime) -> bool {
    let between = now
        .duration_since(modified)
        .unwrap_or_else(|before| before.duration());
    between < SETTLED
}

/// Length and time are told by other headers too. The rest is nobody's business, and hashed.
fn opaque(metadata: &Metadata, modified: SystemTime) -> String {
    let mut hasher = DefaultHasher::new();
    identity(metadata).hash(&mut hasher);
    let (sign, since) = match modified.duration_since(UNIX_EPOCH) {
        Ok(since) => ("", since),
        Err(before) => ("-", before.duration()),
    };
    let (nanos, length) = (since.as_nanos(), metadata.len());
    format!("{sign}{nanos:x}-{length:x}-{:x}", hasher.finish())
}

#[cfg(unix)]
fn identity(metadata: &Metadata) -> impl Hash + use<> {
    use std::os::unix::fs::MetadataExt;

    (metadata.ino(), metadata.ctime(), metadata.ctime_nsec())
}

#[cfg(not(unix))]
fn identity(metadata: &Metadata) -> impl Hash + use<> {
    metadata.created().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_change_is_fresh_for_two_seconds_on_either_side() {
        let now = UNIX_EPOCH + Duration::from_secs(1_000_000);
        let tick = Duration::from_nanos(1);
        for (modified, expected) in [
            (now, true),
            (now - SETTLED + tick, true),
            (now - SETTLED, false),
            (now + SETTLED - tick, true),
            (now + SETTLED, false),
        ] {
            assert_eq!(is_fresh(modified, now), expected, "{modified:?}");
        }
    }
}
