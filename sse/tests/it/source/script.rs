//! A server that plays a script: a part for each connection.

use std::{
    collections::VecDeque,
    future::pending,
    io,
    sync::{Arc, Mutex},
    time::Duration,
};

use http::{Request, Uri};
use peristyle_sse::client::{Error, EventSource, EventSourceBuilder, Update};
use tokio::time::Instant;

use super::wire::{Seen, Step, Wire, lock};

pub(crate) const URL: &str = "http://feed.test/prices";

/// The head of a stream that ends with its connection.
pub(crate) const STREAM: &str = "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\n\r\n";

/// What happens to one connection.
pub(crate) enum Part {
    Answer(Vec<Step>),
    Refuse,
    Hang,
}

/// Answers so and closes.
pub(crate) fn answer(bytes: impl Into<Vec<u8>>) -> Part {
    Part::Answer(vec![Step::Say(bytes.into())])
}

/// Sends this as an event stream and closes.
pub(crate) fn stream(text: &str) -> Part {
    answer([STREAM, text].concat())
}

pub(crate) fn steps(steps: impl IntoIterator<Item = Step>) -> Part {
    Part::Answer(steps.into_iter().collect())
}

pub(crate) fn say(text: &str) -> Step {
    Step::Say(text.into())
}

/// An event stream, followed by these steps.
pub(crate) fn opened(then: impl IntoIterator<Item = Step>) -> Part {
    steps([say(STREAM)].into_iter().chain(then))
}

#[derive(Clone, Default)]
pub(crate) struct Script {
    parts: Arc<Mutex<VecDeque<Part>>>,
    connections: Arc<Mutex<Vec<(String, Instant, Arc<Mutex<Seen>>)>>>,
}

impl Script {
    pub(crate) fn new(parts: impl IntoIterator<Item = Part>) -> Self {
        Self {
            parts: Arc::new(Mutex::new(parts.into_iter().collect())),
            connections: Arc::default(),
        }
    }

    /// A source of `URL` at this server.
    pub(crate) fn source(&self) -> EventSource {
        self.builder(get(URL))
            .build()
            .expect("a URL that can be followed")
    }

    pub(crate) fn builder(&self, request: Request<&'static str>) -> EventSourceBuilder {
        let script = self.clone();
        EventSource::builder(request).connect_with(move |uri| script.clone().connect(uri))
    }

    pub(crate) fn requests(&self) -> Vec<String> {
        self.each(|(_, _, seen)| String::from_utf8(lock(seen).request.clone()).expect("text"))
    }

    /// What the connections were made to.
    pub(crate) fn urls(&self) -> Vec<String> {
        self.each(|(url, _, _)| url.clone())
    }

    /// When the connections were made.
    pub(crate) fn times(&self) -> Vec<Instant> {
        self.each(|(_, time, _)| *time)
    }

    /// The bytes that were read from the connections.
    pub(crate) fn read(&self) -> Vec<usize> {
        self.each(|(_, _, seen)| lock(seen).read)
    }

    /// Which connections the client has closed.
    pub(crate) fn dropped(&self) -> Vec<bool> {
        self.each(|(_, _, seen)| lock(seen).dropped)
    }

    pub(crate) fn is_over(&self) -> bool {
        lock(&self.parts).is_empty()
    }

    fn each<T>(&self, f: impl Fn(&(String, Instant, Arc<Mutex<Seen>>)) -> T) -> Vec<T> {
        lock(&self.connections).iter().map(f).collect()
    }

    async fn connect(self, uri: Uri) -> io::Result<Wire> {
        let part = lock(&self.parts).pop_front();
        let (steps, refuse) = match part {
            Some(Part::Answer(steps)) => (steps, false),
            Some(Part::Refuse) => (Vec::new(), true),
            Some(Part::Hang) | None => return pending().await,
        };
        let wire = Wire::new(steps);
        let connection = (uri.to_string(), Instant::now(), wire.seen.clone());
        lock(&self.connections).push(connection);
        if refuse {
            return Err(io::ErrorKind::ConnectionRefused.into());
        }
        Ok(wire)
    }
}

pub(crate) fn get(url: &str) -> Request<&'static str> {
    Request::get(url).body("").expect("a valid request")
}

/// What a source has gone through until the script was over.
#[derive(Default)]
pub(crate) struct Played {
    pub(crate) updates: Vec<String>,
    pub(crate) delays: Vec<Duration>,
}

/// Follows until the source ends, or would connect again with no part left.
pub(crate) async fn play(script: &Script, mut source: EventSource) -> Played {
    let mut played = Played::default();
    let mut updates = source.updates();
    loop {
        let update = updates.next().await;
        played.updates.push(told(update.as_ref()));
        match update {
            Some(Ok(Update::Reconnecting { delay, .. })) => {
                played.delays.push(delay);
                if script.is_over() {
                    return played;
                }
            }
            Some(_) => {}
            None => return played,
        }
    }
}

/// The updates of a default source that meets these parts.
pub(crate) async fn updates(parts: impl IntoIterator<Item = Part>) -> Vec<String> {
    let script = Script::new(parts);
    play(&script, script.source()).await.updates
}

/// The delays of a source that meets these parts.
pub(crate) async fn delays(
    builder: impl FnOnce(EventSourceBuilder) -> EventSourceBuilder,
    parts: impl IntoIterator<Item = Part>,
) -> Vec<Duration> {
    let script = Script::new(parts);
    let source = builder(script.builder(get(URL)))
        .build()
        .expect("a URL that can be followed");
    play(&script, source).await.delays
}

pub(crate) fn told(update: Option<&Result<Update, Error>>) -> String {
    match update {
        Some(Ok(Update::Open)) => "open".to_owned(),
        Some(Ok(Update::Event(event))) => {
            format!("{} {:?} {:?}", event.event(), event.id(), event.data())
        }
        Some(Ok(Update::Reconnecting { why, .. })) => format!("reconnecting: {why}"),
        Some(Ok(other)) => panic!("{other:?}"),
        Some(Err(error)) => format!("error: {error}"),
        None => "end".to_owned(),
    }
}
