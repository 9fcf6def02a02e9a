//! A stream together with the way to tell its producer why it ends.

use std::pin::Pin;

use peristyle_core::End;
use pin_project_lite::pin_project;

pin_project! {
    pub(crate) struct Source<S> {
        #[pin]
        pub(crate) stream: S,
        close: fn(Pin<&mut S>, End),
    }
}

impl<S> Source<S> {
    /// A stream that learns of its end by being dropped.
    pub(crate) fn new(stream: S) -> Self {
        Self::closed_by(stream, |_, _| {})
    }

    pub(crate) fn closed_by(stream: S, close: fn(Pin<&mut S>, End)) -> Self {
        Self { stream, close }
    }

    pub(crate) fn close(self: Pin<&mut Self>, why: End) {
        let this = self.project();
        (this.close)(this.stream, why);
    }
}
