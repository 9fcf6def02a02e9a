//! What the server logs of connections.

use std::{
    fmt::{self, Write},
    sync::{Arc, Mutex},
};

use tokio::time::Instant;
use tracing::{
    Event, Metadata, Subscriber,
    field::{Field, Visit},
    span,
    subscriber::{DefaultGuard, set_default},
};

/// Keeps the events of the server's own as text, each with its time.
#[derive(Clone, Default)]
pub(crate) struct Logs(Arc<Mutex<Vec<(Instant, String)>>>);

impl Logs {
    /// What this thread logs from here on.
    pub(crate) fn kept() -> (Self, DefaultGuard) {
        crate::lines::ask_always();
        let logs = Self::default();
        let guard = set_default(logs.clone());
        (logs, guard)
    }

    /// The lines that start so, level first.
    pub(crate) fn with(&self, start: &str) -> Vec<(Instant, String)> {
        let lines = self.0.lock().unwrap();
        let with = lines.iter().filter(|(_, line)| line.starts_with(start));
        with.cloned().collect()
    }
}

struct Line(String);

impl Visit for Line {
    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        match field.name() {
            "message" => write!(self.0, " {value:?}").unwrap(),
            name => write!(self.0, " {name}={value:?}").unwrap(),
        }
    }
}

impl Subscriber for Logs {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        metadata.target().starts_with("peristyle_server::")
    }

    fn event(&self, event: &Event<'_>) {
        let mut line = Line(event.metadata().level().to_string());
        event.record(&mut line);
        self.0.lock().unwrap().push((Instant::now(), line.0));
    }

    fn new_span(&self, _: &span::Attributes<'_>) -> span::Id {
        span::Id::from_u64(1)
    }

    fn record(&self, _: &span::Id, _: &span::Record<'_>) {}
    fn record_follows_from(&self, _: &span::Id, _: &span::Id) {}
    fn enter(&self, _: &span::Id) {}
    fn exit(&self, _: &span::Id) {}
}
