//! The body of a response that is a stream of events.

use std::{
    fmt, mem,
    pin::Pin,
    task::{Context, Poll, ready},
    time::Duration,
};

use bytes::Bytes;
use futures_core::Stream;
use http_body::{Body, Frame};
use peristyle_core::{BoxError, Controlled, End, Panicked};
use pin_project_lite::pin_project;
use tokio::time::Instant;

use crate::{Drain, Event, KeepAlive, alarm::Alarm, event::write_retry, keep_alive::Pulse};

/// What the client reads and drops: the first piece of the body, and the keep-alive.
const COMMENT: Bytes = Bytes::from_static(b":\n\n");

pin_project! {
    /// The body of an [`EventStream`](crate::EventStream)'s response.
    ///
    /// The first frame is a comment, ready at once; then each event is a frame. An error is the
    /// last that the body gives, and the host must not let the response look complete after it. It
    /// comes one poll late, so that the host can write out the events before it first.
    ///
    /// Dropping the body ends the stream. Polling it outside of a tokio runtime with time enabled
    /// panics, as soon as it has a comment or an end to wait for.
    pub struct EventBody<S> {
        // `None` once the stream has ended.
        #[pin]
        source: Option<S>,
        close: fn(Pin<&mut S>, End),
        // Why it is over when the source is.
        pub(crate) over: fn(&S) -> End,
        pub(crate) controlled: Controlled,
        pub(crate) pulse: Option<Pulse>,
        extras: Option<Box<Extras>>,
        opened: bool,
        // The host has asked, and was heard.
        drains: bool,
        // When the stream ends whatever the source does, and why.
        pub(crate) limit: Option<(Instant, End)>,
        #[pin]
        alarm: Alarm,
        // The host had a poll to write out what comes before the error.
        paused: bool,
    }

    impl<S> PinnedDrop for EventBody<S> {
        fn drop(this: Pin<&mut Self>) {
            if this.source.is_some() {
                let why = this.controlled.dropped_now();
                // The panic of a source's clean-up has nowhere to go from here.
                let _ = this.close(why);
            }
        }
    }
}

/// What most streams have not, or only for a while: there are many of them.
#[derive(Default)]
pub(crate) struct Extras {
    /// `None` once it was sent.
    pub(crate) retry: Option<Duration>,
    pub(crate) max_age: Option<Duration>,
    pub(crate) drain: Option<Drain>,
    pub(crate) error_event: Option<Event>,
    /// What the client is told at the end of a drain.
    parting: Option<Duration>,
    /// The error to give out after the end.
    failure: Option<BoxError>,
}

impl Extras {
    fn is_empty(&self) -> bool {
        let Self {
            retry,
            max_age,
            drain,
            error_event,
            parting,
            failure,
        } = self;
        let times = retry.or(*max_age).or(*parting);
        times.is_none() && drain.is_none() && error_event.is_none() && failure.is_none()
    }
}

/// What the client gets next; `None` when there is nothing more.
type Piece = Option<Result<Bytes, BoxError>>;

impl<S> EventBody<S> {
    /// `close` tells the source why it will not be polled further.
    pub(crate) fn new(source: S, close: fn(Pin<&mut S>, End), controlled: Controlled) -> Self {
        Self {
            source: Some(source),
            close,
            over: |_| End::Finished,
            controlled,
            pulse: KeepAlive::default().pulse(),
            extras: None,
            opened: false,
            drains: false,
            limit: None,
            alarm: Alarm::default(),
            paused: false,
        }
    }
}

impl<S, E> Body for EventBody<S>
where
    S: Stream<Item = Result<Event, E>>,
    E: Into<BoxError>,
{
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        let piece = if self.source.is_none() {
            ready!(self.poll_failure(cx))
        } else if self.opened {
            ready!(self.poll_piece(cx))
        } else {
            self.as_mut().open();
            Some(Ok(COMMENT))
        };
        Poll::Ready(piece.map(|piece| piece.map(Frame::data)))
    }

    fn is_end_stream(&self) -> bool {
        self.source.is_none() && !self.has_failed()
    }
}

impl<S, E> EventBody<S>
where
    S: Stream<Item = Result<Event, E>>,
    E: Into<BoxError>,
{
    fn poll_piece(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Piece> {
        if let Poll::Ready(drain) = self.as_mut().poll_drain(cx) {
            match drain {
                Drain::EndNow => return self.end(End::Drained, None, cx),
                Drain::Last(event) => return self.end(End::Drained, Some(event), cx),
                Drain::FinishWithin(time) => self.as_mut().end_within(time, End::Drained),
                Drain::Spread { after, retry } => {
                    self.as_mut().end_within(after.draw(), End::Drained);
                    self.as_mut()
                        .project()
                        .extras
                        .get_or_insert_default()
                        .parting = Some(retry.draw());
                }
                Drain::Finish => {}
            }
        }
        // Before the source is asked: one that is always ready would keep the stream open for ever.
        if let Some(why) = self.past_limit(Instant::now) {
            return self.end(why, None, cx);
        }
        match self.as_mut().poll_source(cx) {
            Poll::Ready(Some(Ok(event))) => Poll::Ready(Some(Ok(self.write(event)))),
            Poll::Ready(Some(Err(error))) => self.fail(error, cx),
            Poll::Ready(None) => {
                let why = self.source.as_ref().map_or(End::Finished, self.over);
                self.end(why, None, cx)
            }
            Poll::Pending => self.poll_alarm(cx),
        }
    }

    /// A panic is an error of the source: whoever polls the body goes on.
    fn poll_source(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Event, BoxError>>> {
        let Some(source) = self.project().source.as_pin_mut() else {
            return Poll::Ready(None);
        };
        match Panicked::catch(|| source.poll_next(cx)) {
            Ok(polled) => polled.map_err(Into::into),
            Err(panicked) => Poll::Ready(Some(Err(panicked.into()))),
        }
    }
}

impl<S> EventBody<S> {
    pub(crate) fn extras(&mut self) -> &mut Extras {
        self.extras.get_or_insert_default()
    }

    fn has_failed(&self) -> bool {
        let extras = self.extras.as_ref();
        extras.is_some_and(|extras| extras.failure.is_some())
    }

    /// Takes one of the extras, and gives back the room for them with the last.
    fn take<T>(self: Pin<&mut Self>, which: fn(&mut Extras) -> &mut Option<T>) -> Option<T> {
        let extras = self.project().extras;
        let taken = which(extras.as_mut()?).take();
        if extras.as_ref().is_some_and(|extras| extras.is_empty()) {
            *extras = None;
        }
        taken
    }

    fn open(mut self: Pin<&mut Self>) {
        if let Some(age) = self.as_mut().take(|extras| &mut extras.max_age) {
            self.as_mut().end_within(age, End::TooOld);
        }
        self.as_mut().restart_pulse();
        *self.project().opened = true;
    }

    /// Sooner, if it ends sooner already.
    fn end_within(self: Pin<&mut Self>, time: Duration, why: End) {
        let limit = self.project().limit;
        let other = Instant::now().checked_add(time).map(|at| (at, why));
        *limit = limit
            .take()
            .into_iter()
            .chain(other)
            .min_by_key(|limit| limit.0);
    }

    fn restart_pulse(self: Pin<&mut Self>) {
        if let Some(pulse) = self.project().pulse {
            pulse.restart();
        }
    }

    /// What is to be done, once the host has asked.
    fn poll_drain(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Drain> {
        let this = self.as_mut().project();
        if *this.drains {
            return Poll::Pending;
        }
        ready!(this.controlled.poll_drain(cx));
        *this.drains = true;
        let drain = self.take(|extras| &mut extras.drain);
        Poll::Ready(drain.unwrap_or_default())
    }

    /// Looks at the clock where there is a limit only.
    pub(crate) fn past_limit(&self, now: impl FnOnce() -> Instant) -> Option<End> {
        let (at, why) = self.limit?;
        (at <= now()).then_some(why)
    }

    /// Waits for what comes first: the end, or the next comment.
    fn poll_alarm(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Piece> {
        let this = self.as_mut().project();
        let due = this.pulse.as_mut().and_then(Pulse::due);
        let limit = this.limit.map(|(at, _)| at);
        let Some(at) = due.into_iter().chain(limit).min() else {
            return Poll::Pending;
        };
        ready!(this.alarm.poll(at, cx));
        if let Some(why) = self.past_limit(|| at) {
            return self.end(why, None, cx);
        }
        self.restart_pulse();
        Poll::Ready(Some(Ok(COMMENT)))
    }

    fn write(mut self: Pin<&mut Self>, event: Event) -> Bytes {
        if let Some(pulse) = self.as_mut().project().pulse {
            pulse.put_off();
        }
        if self.extras.is_none() || event.is_comment() {
            return event.into_bytes();
        }
        match self.take(|extras| &mut extras.retry) {
            Some(delay) => event.with_retry(delay).into_bytes(),
            None => event.into_bytes(),
        }
    }

    fn end(
        mut self: Pin<&mut Self>,
        why: End,
        last: Option<Event>,
        cx: &Context<'_>,
    ) -> Poll<Piece> {
        match self.as_mut().close(why) {
            Ok(()) => Poll::Ready(match last {
                Some(event) => Some(Ok(self.write(event))),
                None => self.parting(why).map(Ok),
            }),
            Err(panicked) => self.give_up(panicked.into(), cx),
        }
    }

    /// The delay counts once its line is read (WHATWG HTML §9.2.6).
    fn parting(self: Pin<&mut Self>, why: End) -> Option<Bytes> {
        let delay = self.take(|extras| &mut extras.parting)?;
        let mut line = String::new();
        write_retry(&mut line, delay).expect("a string takes any text");
        (!matches!(why, End::Finished | End::Failed)).then(|| line.into())
    }

    fn fail(mut self: Pin<&mut Self>, error: BoxError, cx: &Context<'_>) -> Poll<Piece> {
        // The first failure is the one to report.
        let _ = self.as_mut().close(End::Failed);
        self.give_up(error, cx)
    }

    /// The error is what the client gets last.
    fn give_up(mut self: Pin<&mut Self>, error: BoxError, cx: &Context<'_>) -> Poll<Piece> {
        let extras = self.as_mut().project().extras;
        extras.get_or_insert_default().failure = Some(error);
        match self.as_mut().take(|extras| &mut extras.error_event) {
            Some(event) => Poll::Ready(Some(Ok(self.write(event)))),
            None => self.poll_failure(cx),
        }
    }

    fn poll_failure(mut self: Pin<&mut Self>, cx: &Context<'_>) -> Poll<Piece> {
        let failed = self.has_failed();
        // hyper writes out what it has when a body has to wait, and drops it when a body fails.
        if failed && !mem::replace(self.as_mut().project().paused, true) {
            cx.waker().wake_by_ref();
            return Poll::Pending;
        }
        Poll::Ready(self.take(|extras| &mut extras.failure).map(Err))
    }

    /// Drops the source, once its producer knows why, then tells the host.
    fn close(self: Pin<&mut Self>, why: End) -> Result<(), Panicked> {
        let mut this = self.project();
        let dropped = Panicked::catch(|| {
            if let Some(source) = this.source.as_mut().as_pin_mut() {
                (this.close)(source, why);
            }
            this.source.set(None);
        });
        let why = if dropped.is_ok() { why } else { End::Failed };
        this.controlled.end(why);
        dropped
    }
}

/// For those who write to sockets what the source gives, without asking the body.
#[cfg(all(unix, not(loom)))]
impl<S> EventBody<S> {
    /// Its source, if all that it has to say next is what the source gives, as it is, or an end.
    pub(crate) fn rests(&self) -> Option<&S> {
        let source = self.source.as_ref()?;
        let extras = self.extras.as_ref();
        let retries = extras.is_some_and(|extras| extras.retry.is_some());
        (self.opened && !retries).then_some(source)
    }

    /// Events of the source were sent by others, the last of them then.
    pub(crate) fn went_on(self: Pin<&mut Self>, at: Instant) {
        if let Some(pulse) = self.project().pulse {
            pulse.put_off_from(at);
        }
    }

    /// `None` once the stream has ended.
    pub(crate) fn source(self: Pin<&mut Self>) -> Option<Pin<&mut S>> {
        self.project().source.as_pin_mut()
    }
}

impl<S> fmt::Debug for EventBody<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("EventBody")
            .field("ended", &self.source.is_none())
            .field("drains", &self.drains)
            .finish_non_exhaustive()
    }
}
