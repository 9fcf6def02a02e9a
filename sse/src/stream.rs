//! One stream of events to one client.

use std::{fmt, future::Future, pin::Pin};

use futures_core::Stream;
use http::{
    HeaderName, HeaderValue, Response,
    header::{self, CACHE_CONTROL},
};
use peristyle_core::{
    BoxError, Control, End, IntoOutcome,
    channel::{self, Produced, Receiver, Sender},
    handover::SocketOffer,
};
use tokio::time::Instant;

use crate::{Drain, Event, EventBody, Jitter, KeepAlive};

/// A response that sends events as they come, for as long as they come.
///
/// # How it ends
///
/// Cleanly, when the source ends, when the host drains it (see [`Drain`]), or at its
/// [maximum age](Self::max_age): always between two events. A client takes that for a lost
/// connection and comes back, unless the answer is then 204 (WHATWG HTML §9.2.3, "Processing
/// model").
///
/// With an error, when the source gives one or panics: the client gets every event before it, then
/// the connection or HTTP/2 stream is aborted. A response that failed never looks complete.
///
/// Why it ended is told once to [`on_end`](Self::on_end), to the host through the [`Control`] in
/// the response's extensions, and to the senders of a [`channel()`] or of [`produce`].
///
/// ```
/// use std::convert::Infallible;
///
/// use peristyle_sse::{Event, EventStream};
///
/// let events = tokio_stream::iter([Ok::<_, Infallible>(Event::data("hello"))]);
/// let mut response = EventStream::new(events).into_response();
/// response.headers_mut().insert("access-control-allow-origin", "*".parse()?);
/// # Ok::<(), http::header::InvalidHeaderValue>(())
/// ```
#[must_use = "it does nothing until it is a response whose body is polled"]
pub struct EventStream<S> {
    body: EventBody<S>,
    control: Control,
    /// `None` where only a host's own connection can send it.
    offer: Option<SocketOffer>,
}

/// A sender of events, and the stream that takes them: at most `capacity` wait to be written.
///
/// ```
/// # use std::error::Error;
/// use peristyle_sse::Event;
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn Error>> {
/// let (events, stream) = peristyle_sse::channel(32);
/// let response = stream.into_response();
/// events.send(Event::data("hello")).await?;
/// events.finish();
/// # Ok(())
/// # }
/// ```
///
/// Nothing takes events before the response is being sent: a handler that sends more than
/// `capacity` before it returns the response waits for ever. [`produce`] has no such trap. Dropping
/// the sender without [`finish`](Sender::finish) ends the stream with an error. For another
/// behaviour when the channel is full, see [`EventStream::from_receiver`].
///
/// # Panics
///
/// When `capacity` is 0.
#[track_caller]
pub fn channel(capacity: usize) -> (Sender<Event>, EventStream<Receiver<Event>>) {
    let (sender, receiver) = peristyle_core::channel(capacity);
    (sender, EventStream::from_receiver(receiver))
}

/// The stream of what a producer function sends, at most `capacity` events ahead of the client.
///
/// The function starts when the response is being sent, runs beside it as part of its body, and is
/// dropped with it. Returning well ends the stream cleanly; an error or a panic ends it with an
/// error, after what was sent before.
///
/// ```
/// use peristyle_sse::Event;
///
/// let stream = peristyle_sse::produce(10, |events| async move {
///     for number in 0..20 {
///         events.send(Event::data(&number.to_string())).await?;
///     }
///     Ok::<_, Box<dyn std::error::Error + Send + Sync>>(())
/// });
/// ```
///
/// # Panics
///
/// When `capacity` is 0.
#[track_caller]
pub fn produce<F, Fut>(capacity: usize, producer: F) -> EventStream<Produced<Event>>
where
    F: FnOnce(Sender<Event>) -> Fut + Send + 'static,
    Fut: Future<Output: IntoOutcome> + Send,
{
    let source = channel::produce(capacity, producer);
    EventStream::with_close(source, |mut source, end| source.close(end))
}

impl EventStream<Receiver<Event>> {
    /// The events of a channel with other settings than those of [`channel()`].
    ///
    /// ```
    /// use peristyle_core::channel::{Builder, Overflow};
    /// use peristyle_sse::{Event, EventStream};
    ///
    /// let (events, receiver) = Builder::new(100)
    ///     .bytes(64 * 1024, |event: &Event| event.as_bytes().len())
    ///     .overflow(Overflow::DropOldest)
    ///     .build();
    /// let stream = EventStream::from_receiver(receiver);
    /// # events.finish();
    /// ```
    pub fn from_receiver(receiver: Receiver<Event>) -> Self {
        Self::with_close(receiver, |mut source, end| source.close(end))
    }
}

impl<S> EventStream<S> {
    /// The events of any `Stream`, which is polled only as part of the body, and dropped when the
    /// event stream ends.
    ///
    /// A [`Receiver`] belongs into [`from_receiver`](EventStream::from_receiver) instead, which
    /// tells its senders why the stream ended.
    pub fn new<E>(source: S) -> Self
    where
        S: Stream<Item = Result<Event, E>>,
        E: Into<BoxError>,
    {
        Self::with_close(source, |_, _| ())
    }

    /// Tells the client how long to wait before it reconnects: see [`EventBuilder::retry`]. With a
    /// [`Jitter`], each stream's client is told another delay.
    ///
    /// It travels in the first event that is not a comment, unless that has a delay of its own;
    /// some client libraries hand their users an empty event for a block of nothing else. Default
    /// is not to say.
    ///
    /// [`EventBuilder::retry`]: crate::EventBuilder::retry
    pub fn retry(mut self, delay: impl Into<Jitter>) -> Self {
        self.body.extras().retry = Some(delay.into().draw());
        self
    }

    /// After how much silence a comment is sent. Default is [`KeepAlive::default`]: 15 seconds.
    pub fn keep_alive(mut self, keep_alive: KeepAlive) -> Self {
        self.body.pulse = keep_alive.pulse();
        self
    }

    /// Ends the stream cleanly at this age, with [`End::TooOld`]; clients come back.
    ///
    /// The age counts from the first poll of the body. With a [`Jitter`], streams that began together
    /// end one after another. Default is no maximum.
    pub fn max_age(mut self, age: impl Into<Jitter>) -> Self {
        self.body.extras().max_age = Some(age.into().draw());
        self
    }

    /// What the stream does when the host shuts down. Default is [`Drain::EndNow`].
    pub fn on_drain(mut self, drain: Drain) -> Self {
        self.body.extras().drain = Some(drain);
        self
    }

    /// Sends this event when the source fails or panics, before the body ends with the error.
    /// Default is none.
    ///
    /// A browser hands an event of the name `error` to the listeners of connection errors too.
    pub fn error_event(mut self, event: Event) -> Self {
        self.body.extras().error_event = Some(event);
        self
    }

    /// Calls `f` with the reason when the stream ends, exactly once, also when the response is
    /// dropped before it was sent. Given again, it replaces the function before.
    ///
    /// A host that drops the body without a word is a peer that left ([`End::PeerLeft`]).
    pub fn on_end(mut self, f: impl FnOnce(End) + Send + Sync + 'static) -> Self {
        self.body.controlled.on_end(f);
        self
    }

    /// The response: status 200 and the headers of an event stream that no cache keeps, nor any
    /// proxy transforms or buffers.
    ///
    /// It can be changed as any other, for cookies or CORS. Its extensions hold the [`Control`].
    pub fn into_response(self) -> Response<EventBody<S>> {
        let mut response = Response::new(self.body);
        let headers = response.headers_mut();
        for (name, value) in HEADERS {
            headers.insert(name, HeaderValue::from_static(value));
        }
        response.extensions_mut().insert(self.control);
        if let Some(offer) = self.offer {
            response.extensions_mut().insert(offer);
        }
        response
    }

    /// The source says why it is over, and is told why the stream is.
    pub(crate) fn following<E>(source: S, over: fn(&S) -> End, close: fn(Pin<&mut S>, End)) -> Self
    where
        S: Stream<Item = Result<Event, E>>,
        E: Into<BoxError>,
    {
        let mut stream = Self::with_close(source, close);
        stream.body.over = over;
        stream
    }

    /// A host may let the body write to the socket itself.
    #[cfg(all(unix, not(loom)))]
    pub(crate) fn offering(mut self, offer: SocketOffer) -> Self {
        self.offer = Some(offer);
        self
    }

    /// Whatever the source does.
    pub(crate) fn end_at(mut self, at: Instant, why: End) -> Self {
        self.body.limit = Some((at, why));
        self
    }

    fn with_close(source: S, close: fn(Pin<&mut S>, End)) -> Self {
        let (control, controlled) = Control::new();
        let body = EventBody::new(source, close, controlled);
        Self {
            body,
            control,
            offer: None,
        }
    }
}

/// The content type of event streams. UTF-8 is the only charset they have (WHATWG HTML §9.2.5).
pub const CONTENT_TYPE: &str = "text/event-stream; charset=utf-8";

const HEADERS: [(HeaderName, &str); 3] = [
    (header::CONTENT_TYPE, CONTENT_TYPE),
    // A proxy that compresses holds events back (RFC 9111 §5.2.2.6, "no-transform").
    (CACHE_CONTROL, "no-cache, no-transform"),
    (HeaderName::from_static("x-accel-buffering"), "no"),
];

impl<S> From<EventStream<S>> for Response<EventBody<S>> {
    fn from(stream: EventStream<S>) -> Self {
        stream.into_response()
    }
}

impl<S> fmt::Debug for EventStream<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("EventStream")
            .field("body", &self.body)
            .field("control", &self.control)
            .field("offer", &self.offer)
            .finish()
    }
}
