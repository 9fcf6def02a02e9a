//! The identity of one execution.

use std::{
    fmt,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
};

/// Identifies one execution in its errors and events.
///
/// A host that has an identity for the work (a request id, a message key) gives it; otherwise the process counts.
///
/// ```
/// use peristyle_core::ExecutionId;
///
/// assert_ne!(ExecutionId::next(), ExecutionId::next());
/// assert_eq!(ExecutionId::given("req-7").to_string(), "req-7");
/// ```
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct ExecutionId(Repr);

#[derive(Clone, PartialEq, Eq, Hash)]
enum Repr {
    Counted(u64),
    Given(Arc<str>),
}

impl ExecutionId {
    /// A new identity, unique in this process among those not given.
    pub fn next() -> Self {
        static COUNT: AtomicU64 = AtomicU64::new(1);
        Self(Repr::Counted(COUNT.fetch_add(1, Ordering::Relaxed)))
    }

    /// An identity that the host has for the work. Its uniqueness is the host's affair.
    pub fn given(id: impl Into<Arc<str>>) -> Self {
        Self(Repr::Given(id.into()))
    }
}

impl fmt::Display for ExecutionId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            Repr::Counted(n) => n.fmt(f),
            Repr::Given(id) => f.write_str(id),
        }
    }
}

impl fmt::Debug for ExecutionId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ExecutionId({self})")
    }
}
