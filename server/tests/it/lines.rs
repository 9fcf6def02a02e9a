//! What is logged, as text.

use std::{
    fmt::{self, Write},
    sync::{
        Arc, Mutex, Once,
        atomic::{AtomicBool, Ordering},
    },
};

use tracing::{
    Event, Metadata, Subscriber,
    field::{Field, Visit},
    span,
    subscriber::{DefaultGuard, Interest, set_default, set_global_default},
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
        ask_always();
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

/// Has every thread ask its own subscriber about every event. `tracing` remembers which events nobody wants; one that another
/// test's thread logs for the first time while a subscriber comes can be forgotten for it.
pub(crate) fn ask_always() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| set_global_default(Nobody).expect("nobody else does"));
}

/// Wants nothing, but may change its mind.
struct Nobody;

impl Subscriber for Nobody {
    fn register_callsite(&self, _: &'static Metadata<'static>) -> Interest {
        Interest::sometimes()
    }

    fn enabled(&self, _: &Metadata<'_>) -> bool {
        false
    }

    fn new_span(&self, _: &span::Attributes<'_>) -> span::Id {
        span::Id::from_u64(1)
    }

    fn record(&self, _: &span::Id, _: &span::Record<'_>) {}
    fn record_follows_from(&self, _: &span::Id, _: &span::Id) {}
    fn event(&self, _: &Event<'_>) {}
    fn enter(&self, _: &span::Id) {}
    fn exit(&self, _: &span::Id) {}
}
