//! The body of one client, in the span of its request.

use std::{
    pin::Pin,
    task::{Context, Poll},
};

use bytes::Bytes;
use http_body::Body;
use peristyle_core::BoxError;
use tokio::time::Instant;
use tracing::Span;

use crate::{EventBody, feed::Following};

pub(super) type FeedBody = Pin<Box<EventBody<Following>>>;

/// Polled and dropped in the span, if there is one.
pub(super) struct Source {
    /// `None` once it is over.
    body: Option<FeedBody>,
    span: Option<Box<Span>>,
}

/// What a source has to say.
pub(super) enum Said {
    Data(Bytes),
    /// Nothing more.
    Ended,
    Failed(BoxError),
    /// Nothing now; the task will be woken.
    Nothing,
}

impl Source {
    pub(super) fn new(body: FeedBody, span: Span) -> Self {
        let span = (!span.is_disabled()).then(|| Box::new(span));
        let body = Some(body);
        Self { body, span }
    }

    /// See [`EventBody::rests`].
    pub(super) fn rests(&self) -> Option<&Following> {
        self.body.as_ref()?.rests()
    }

    /// Whether the body ends at a certain time.
    pub(super) fn is_limited(&self) -> bool {
        self.body.as_ref().is_some_and(|body| body.limit.is_some())
    }

    /// Whether the body ended by this time.
    pub(super) fn is_past_limit(&self, now: Instant) -> bool {
        let body = self.body.as_ref();
        body.is_some_and(|body| body.past_limit(|| now).is_some())
    }

    /// What the body follows; `None` once it is over.
    pub(super) fn following(&mut self) -> Option<&mut Following> {
        let source = self.body.as_mut()?.as_mut().source();
        source.map(Pin::get_mut)
    }

    /// See [`EventBody::went_on`].
    pub(super) fn went_on(&mut self, at: Instant) {
        if let Some(body) = &mut self.body {
            body.as_mut().went_on(at);
        }
    }

    pub(super) fn is_over(&self) -> bool {
        self.body.is_none()
    }

    /// After the end, and after a failure, there is no body any more.
    pub(super) fn say(&mut self, cx: &mut Context<'_>) -> Said {
        let _inside = self.span.as_deref().map(Span::enter);
        let Some(body) = &mut self.body else {
            return Said::Ended;
        };
        let said = match body.as_mut().poll_frame(cx) {
            Poll::Pending => return Said::Nothing,
            Poll::Ready(Some(Ok(frame))) => match frame.into_data() {
                Ok(data) => return Said::Data(data),
                Err(_trailers) => return Said::Data(Bytes::new()),
            },
            Poll::Ready(Some(Err(error))) => Said::Failed(error),
            Poll::Ready(None) => Said::Ended,
        };
        self.body = None;
        said
    }
}

impl Drop for Source {
    fn drop(&mut self) {
        let body = self.body.take();
        match &self.span {
            Some(span) => span.in_scope(|| drop(body)),
            None => drop(body),
        }
    }
}
