//! Streams from iterators.

use std::{
    convert::Infallible,
    fmt,
    pin::Pin,
    task::{Context, Poll},
};

use futures_core::Stream;

use crate::{Streaming, source::Source};

/// A stream of the values of an iterator, each taken when the host has room for it.
///
/// The iterator runs on the thread of the body's task: one that blocks belongs in
/// [`write_blocking`](crate::write_blocking).
///
/// ```
/// let numbers = (1..=3).map(|n| format!("{n}\n"));
/// let response = peristyle_streaming::from_iter(numbers).into_response();
/// # drop(response);
/// ```
pub fn from_iter<I: IntoIterator>(values: I) -> Streaming<Iter<I::IntoIter>> {
    Streaming::of(Source::new(Iter {
        values: values.into_iter(),
    }))
}

/// See [`from_iter`].
pub struct Iter<I> {
    values: I,
}

/// The iterator is never pinned.
impl<I> Unpin for Iter<I> {}

impl<I: Iterator> Stream for Iter<I> {
    type Item = Result<I::Item, Infallible>;

    fn poll_next(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        Poll::Ready(self.values.next().map(Ok))
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        self.values.size_hint()
    }
}

impl<I> fmt::Debug for Iter<I> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Iter").finish_non_exhaustive()
    }
}
