//! Which failures a source gets over.

use std::sync::Arc;

use http::StatusCode;

use super::Error;

/// Which failures lead to another try.
#[derive(Clone, Default)]
pub(super) struct Policy {
    pub(super) once: bool,
    pub(super) again: Option<Arc<dyn Fn(StatusCode) -> bool + Send + Sync>>,
}

impl Policy {
    pub(super) fn reconnects(&self, why: &Error) -> bool {
        !self.once && (why.reconnects() || self.is_excepted(why))
    }

    fn is_excepted(&self, why: &Error) -> bool {
        let again = self.again.as_ref().zip(why.status());
        again.is_some_and(|(again, status)| again(status))
    }
}
