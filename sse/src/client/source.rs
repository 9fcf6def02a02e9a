//! The events of one URL, over as many connections as it takes.

use std::{
    fmt,
    future::{Future, poll_fn},
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, ready},
    time::Duration,
};

use bytes::Bytes;
use futures_core::Stream;
use http::{Request, Uri};
use tokio::time::Instant;

use super::{
    Error, EventSourceBuilder, Update, Updates,
    attempt::{Plan, attempt},
    backoff::{Delays, Wish},
    error::Kind,
    exchange::Exchange,
    open::Open,
    policy::Policy,
};
use crate::{Decoder, MessageEvent, alarm::Alarm};

/// The events of one URL, over as many connections as it takes: `EventSource` as in browsers.
///
/// See the [module](crate::client) for what it does when something goes wrong. It is a [`Stream`] of
/// events too.
///
/// Dropping it closes the connection.
pub struct EventSource {
    plan: Arc<Plan>,
    policy: Policy,
    decoder: Decoder,
    delays: Delays,
    state: State,
}

enum State {
    /// No try yet.
    New,
    Connecting(Pin<Box<dyn Future<Output = Result<Option<Exchange>, Error>> + Send>>),
    Open(Box<Open>),
    Waiting(Instant, Pin<Box<Alarm>>),
    Closed,
}

impl EventSource {
    /// Follows `url` with the default settings.
    ///
    /// Connects when it is first polled.
    ///
    /// # Errors
    ///
    /// The URL is malformed, or refused as by [`EventSourceBuilder::build`].
    pub fn new(url: &str) -> Result<Self, Error> {
        let uri: Uri = url.parse().map_err(Kind::Unparsed)?;
        let mut request = Request::new(Bytes::new());
        *request.uri_mut() = uri;
        Self::builder(request).build()
    }

    /// A source that sends `request`, and sends it again for every connection.
    ///
    /// Its URL is absolute. `host`, `accept`, `accept-encoding` and `cache-control` are added unless
    /// it has them; `last-event-id` is set when there is one; the headers about the body's length are
    /// replaced. Credentials stay with the origin of the URL: a redirect to another does not get
    /// `authorization`, `cookie`, `proxy-authorization`, `host`, nor what is marked as
    /// [sensitive](http::HeaderValue::set_sensitive).
    ///
    /// ```
    /// use std::time::Duration;
    ///
    /// use http::Request;
    /// use peristyle_sse::client::EventSource;
    ///
    /// let request = Request::post("http://127.0.0.1:8080/search")
    ///     .header("content-type", "application/json")
    ///     .body(r#"{"topic":"prices"}"#)?;
    /// let source = EventSource::builder(request)
    ///     .read_timeout(Duration::from_secs(45))
    ///     .build()?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn builder(request: Request<impl Into<Bytes>>) -> EventSourceBuilder {
        EventSourceBuilder::new(request.map(Into::into))
    }

    pub(super) fn start(plan: Plan, policy: Policy, decoder: Decoder, delays: Delays) -> Self {
        Self {
            plan: Arc::new(plan),
            policy,
            decoder,
            delays,
            state: State::New,
        }
    }

    /// The next event; `None` when the source has ended: the server answered 204, an error was
    /// returned, or it was closed.
    ///
    /// # Errors
    ///
    /// Those that are final, after which the source has ended: see the [module](crate::client).
    ///
    /// # Cancel safety
    ///
    /// Nothing is lost when the future is dropped before it is ready. Time goes on: a source that is
    /// not polled reads nothing, and may find its connection closed by the server.
    pub async fn next(&mut self) -> Option<Result<MessageEvent, Error>> {
        poll_fn(|cx| self.poll_event(cx)).await
    }

    /// The events and the changes of the connection, from now on.
    ///
    /// ```no_run
    /// # use peristyle_sse::client::{Error, EventSource, Update};
    /// # async fn follow(mut source: EventSource) -> Result<(), Error> {
    /// let mut updates = source.updates();
    /// while let Some(update) = updates.next().await {
    ///     match update? {
    ///         Update::Open => println!("open"),
    ///         Update::Event(event) => println!("{}", event.data()),
    ///         Update::Reconnecting { why, delay, .. } => println!("{why}: again in {delay:?}"),
    ///         _ => {}
    ///     }
    /// }
    /// # Ok(())
    /// # }
    /// ```
    pub fn updates(&mut self) -> Updates<'_> {
        Updates(self)
    }

    /// Closes the connection, if there is one, and ends the source.
    pub fn close(&mut self) {
        self.state = State::Closed;
    }

    /// The id with which a source can [start again](EventSourceBuilder::last_event_id) after what
    /// this one has given: that of the last event, or a later one that the server has sent without
    /// an event. Empty when there is none.
    pub fn last_event_id(&self) -> &str {
        self.decoder.last_event_id()
    }

    fn poll_event(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<MessageEvent, Error>>> {
        loop {
            match ready!(self.poll_update(cx)) {
                Some(Ok(Update::Event(event))) => return Poll::Ready(Some(Ok(event))),
                Some(Ok(_)) => {}
                Some(Err(error)) => return Poll::Ready(Some(Err(error))),
                None => return Poll::Ready(None),
            }
        }
    }

    pub(super) fn poll_update(
        &mut self,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Update, Error>>> {
        loop {
            match &mut self.state {
                State::New => self.connect(),
                State::Waiting(until, alarm) => {
                    ready!(alarm.as_mut().poll(*until, cx));
                    self.connect();
                }
                State::Connecting(attempt) => match ready!(attempt.as_mut().poll(cx)) {
                    Ok(stream) => return Poll::Ready(self.answered(stream)),
                    Err(error) => return Poll::Ready(self.failed(error)),
                },
                State::Open(open) => {
                    let patience = self.plan.read_timeout;
                    match ready!(open.poll_event(&mut self.decoder, patience, cx)) {
                        Ok(event) => {
                            self.delays.reset();
                            return Poll::Ready(Some(Ok(Update::Event(event))));
                        }
                        Err(error) => {
                            self.delays.stayed(open.since.elapsed());
                            return Poll::Ready(self.failed(error));
                        }
                    }
                }
                State::Closed => return Poll::Ready(None),
            }
        }
    }

    fn connect(&mut self) {
        let id = self.decoder.last_event_id().to_owned();
        self.state = State::Connecting(Box::pin(attempt(self.plan.clone(), id)));
    }

    fn answered(&mut self, stream: Option<Exchange>) -> Option<Result<Update, Error>> {
        let Some(exchange) = stream else {
            self.close();
            return None;
        };
        self.decoder.reset();
        self.state = State::Open(Box::new(Open::new(exchange)));
        Some(Ok(Update::Open))
    }

    fn failed(&mut self, why: Error) -> Option<Result<Update, Error>> {
        if !self.policy.reconnects(&why) {
            self.close();
            let ended = self.policy.once && why.is_ended();
            return (!ended).then_some(Err(why));
        }
        let delay = self.delays.next(Wish {
            retry: self.decoder.retry(),
            retry_after: why.retry_after(),
        });
        self.wait(delay);
        Some(Ok(Update::Reconnecting { why, delay }))
    }

    fn wait(&mut self, delay: Duration) {
        let now = Instant::now();
        // Beyond what the clock can tell, a century is as good.
        let until = now.checked_add(delay).unwrap_or(now + CENTURY);
        self.state = State::Waiting(until, Box::pin(Alarm::default()));
    }
}

const CENTURY: Duration = Duration::from_secs(100 * 365 * 24 * 3600);

impl Stream for EventSource {
    type Item = Result<MessageEvent, Error>;

    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        self.get_mut().poll_event(cx)
    }
}

impl fmt::Debug for EventSource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let state = match self.state {
            State::New => "new",
            State::Connecting(_) => "connecting",
            State::Open(_) => "open",
            State::Waiting(..) => "waiting",
            State::Closed => "closed",
        };
        f.debug_struct("EventSource")
            .field("uri", &self.plan.outgoing.uri)
            .field("state", &state)
            .field("last_event_id", &self.last_event_id())
            .finish_non_exhaustive()
    }
}
