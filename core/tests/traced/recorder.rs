//! Subscribers.

use std::{
    collections::HashMap,
    fmt,
    sync::{
        Arc, LazyLock, Mutex,
        atomic::{AtomicU64, Ordering},
    },
    thread::{self, ThreadId},
};

use tracing::{
    Dispatch, Event, Level, Metadata, Subscriber,
    field::{Field, Visit},
    level_filters::LevelFilter,
    span::{Attributes, Id, Record},
    subscriber::with_default,
};

/// Runs `f` with a subscriber for this thread.
pub(crate) fn told<R>(
    subscriber: impl Subscriber + Send + Sync + 'static,
    f: impl FnOnce() -> R,
) -> R {
    // While one subscriber is alive alone, `tracing` asks the thread that first meets a span or an event whether anyone
    // wants it, and not that subscriber.
    static SECOND: LazyLock<Dispatch> = LazyLock::new(|| Dispatch::new(AtInfo::default()));
    LazyLock::force(&SECOND);
    with_default(subscriber, f)
}

/// Keeps the spans of this crate and the events of the tests, each as a path of spans.
#[derive(Clone, Default)]
pub(crate) struct Recorder(Arc<Mutex<Recorded>>);

#[derive(Default)]
struct Recorded {
    /// The path and the handles of each span; its id is its place, counted from 1.
    spans: Vec<(String, i32)>,
    entered: HashMap<ThreadId, Vec<Id>>,
    events: Vec<(Level, String)>,
}

impl Recorder {
    /// The paths of the spans, in the order in which they began.
    pub(crate) fn spans(&self) -> Vec<String> {
        let recorded = self.0.lock().unwrap();
        recorded
            .spans
            .iter()
            .map(|(path, _)| path.clone())
            .collect()
    }

    /// The events, each after the path of its span.
    pub(crate) fn events(&self) -> Vec<String> {
        let recorded = self.0.lock().unwrap();
        recorded
            .events
            .iter()
            .map(|(_, event)| event.clone())
            .collect()
    }

    pub(crate) fn levels(&self) -> Vec<Level> {
        let recorded = self.0.lock().unwrap();
        recorded.events.iter().map(|(level, _)| *level).collect()
    }

    pub(crate) fn assert_all_closed(&self) {
        let recorded = self.0.lock().unwrap();
        assert!(recorded.spans.iter().all(|(_, handles)| *handles == 0));
        assert!(recorded.entered.values().all(Vec::is_empty));
    }

    fn span<R>(&self, id: &Id, change: impl FnOnce(&mut (String, i32)) -> R) -> R {
        let at = usize::try_from(id.into_u64()).unwrap() - 1;
        change(&mut self.0.lock().unwrap().spans[at])
    }
}

impl Recorded {
    fn here(&self) -> String {
        let innermost = self.entered.get(&thread::current().id());
        let innermost = innermost.and_then(|entered| entered.last());
        innermost.map_or_else(String::new, |id| {
            self.spans[usize::try_from(id.into_u64()).unwrap() - 1]
                .0
                .clone()
                + " > "
        })
    }
}

impl Subscriber for Recorder {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        metadata.target().starts_with("peristyle_core") || metadata.target().starts_with("traced::")
    }

    fn new_span(&self, span: &Attributes<'_>) -> Id {
        assert_eq!(*span.metadata().level(), Level::DEBUG);
        assert!(span.is_contextual());
        let mut fields = Text(span.metadata().name().to_owned());
        span.record(&mut fields);
        let mut recorded = self.0.lock().unwrap();
        let path = recorded.here() + &fields.0;
        recorded.spans.push((path, 1));
        Id::from_u64(recorded.spans.len() as u64)
    }

    fn event(&self, event: &Event<'_>) {
        let mut fields = Text(String::new());
        event.record(&mut fields);
        let mut recorded = self.0.lock().unwrap();
        let text = recorded.here() + fields.0.trim();
        recorded.events.push((*event.metadata().level(), text));
    }

    fn enter(&self, span: &Id) {
        let mut recorded = self.0.lock().unwrap();
        let here = thread::current().id();
        recorded.entered.entry(here).or_default().push(span.clone());
    }

    fn exit(&self, span: &Id) {
        let mut recorded = self.0.lock().unwrap();
        let here = thread::current().id();
        let left = recorded.entered.get_mut(&here).and_then(Vec::pop);
        assert_eq!(left.as_ref(), Some(span));
    }

    fn clone_span(&self, span: &Id) -> Id {
        self.span(span, |(_, handles)| *handles += 1);
        span.clone()
    }

    fn try_close(&self, span: Id) -> bool {
        self.span(&span, |(_, handles)| {
            *handles -= 1;
            *handles == 0
        })
    }

    fn record(&self, _: &Id, _: &Record<'_>) {}
    fn record_follows_from(&self, _: &Id, _: &Id) {}
}

/// Fields as `" name=value"`, a message as itself.
struct Text(String);

impl Visit for Text {
    fn record_str(&mut self, field: &Field, value: &str) {
        self.record_debug(field, &format_args!("{value}"));
    }

    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        let text = match field.name() {
            "message" => format!(" {value:?}"),
            name => format!(" {name}={value:?}"),
        };
        self.0.push_str(&text);
    }
}

/// Sees no more than INFO, and takes no span at all.
#[derive(Clone, Default)]
pub(crate) struct AtInfo(pub(crate) Arc<AtomicU64>);

impl Subscriber for AtInfo {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        *metadata.level() <= Level::INFO
    }

    fn max_level_hint(&self) -> Option<LevelFilter> {
        Some(LevelFilter::INFO)
    }

    fn new_span(&self, span: &Attributes<'_>) -> Id {
        panic!("a span that is disabled: {}", span.metadata().name());
    }

    fn event(&self, _: &Event<'_>) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }

    fn record(&self, _: &Id, _: &Record<'_>) {}
    fn record_follows_from(&self, _: &Id, _: &Id) {}
    fn enter(&self, _: &Id) {}
    fn exit(&self, _: &Id) {}
}
