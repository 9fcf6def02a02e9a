//! What is logged, as text.

use std::{
    fmt::{self, Write},
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, Ordering},
    },
};

use tracing::{
    Event, Metadata, Subscriber,
    field::{Field, Visit},
    span,
    subscriber::{DefaultGuard, set_default},
};

/// Keeps events: the level, then each field with its value.
#[derive(Clone)]
pub(crate) struct Lines {
    wanted: fn(&Metadata<'_>) -> bool,
    kept: Arc<Mutex<Vec<String>>>,
    full: Arc<AtomicBool>,
}

impl Lines {
    /// Of what this thread logs from here on, the events that are wanted.
    pub(crate) fn kept(wanted: fn(&Metadata<'_>) -> bool) -> (Self, DefaultGuard) {
        let (kept, full) = Default::default();
        let lines = Self { wanted, kept, full };
        let guard = set_default(lines.clone());
        (lines, guard)
    }

    /// Panics at the next event.
    pub(crate) fn fill(&self) {
        self.full.store(true, Ordering::Relaxed);
    }

    pub(crate) fn take(&self) -> Vec<String> {
        std::mem::take(&mut *self.kept.lock().unwrap())
    }
}

struct Line(String);

impl Visit for Line {
    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        write!(self.0, " {}={value:?}", field.name()).unwrap();
    }
}

impl Subscriber for Lines {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        (self.wanted)(metadata)
    }

    fn event(&self, event: &Event<'_>) {
        assert!(!self.full.swap(false, Ordering::Relaxed), "it is full");
        let mut line = Line(event.metadata().level().to_string());
        event.record(&mut line);
        self.kept.lock().unwrap().push(line.0);
    }

    fn new_span(&self, _: &span::Attributes<'_>) -> span::Id {
        span::Id::from_u64(1)
    }

    fn record(&self, _: &span::Id, _: &span::Record<'_>) {}
    fn record_follows_from(&self, _: &span::Id, _: &span::Id) {}
    fn enter(&self, _: &span::Id) {}
    fn exit(&self, _: &span::Id) {}
}
