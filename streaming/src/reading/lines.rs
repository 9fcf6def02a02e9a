//! The lines of a body.

use std::{
    fmt,
    pin::Pin,
    str,
    task::{Context, Poll, ready},
};

use bytes::Buf;
use futures_core::Stream;
use http_body::Body;
use peristyle_core::BoxError;
use pin_project_lite::pin_project;

use super::{ReadError, error::Fault, pieces::Pieces};

pin_project! {
    /// The lines of a body; see [`Reading::lines`](super::Reading::lines).
    pub struct ReadLines<B> {
        #[pin]
        pieces: Pieces<B>,
    }
}

impl<B> ReadLines<B> {
    pub(super) fn new(pieces: Pieces<B>) -> Self {
        Self { pieces }
    }
}

impl<B> Stream for ReadLines<B>
where
    B: Body<Data: Buf, Error: Into<BoxError>>,
{
    type Item = Result<String, ReadError>;

    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let mut pieces = self.project().pieces;
        let Some(line) = ready!(pieces.as_mut().poll_value(cx)?) else {
            return Poll::Ready(None);
        };
        let text = str::from_utf8(&line.bytes).map(ToOwned::to_owned);
        Poll::Ready(Some(text.map_err(|error| {
            pieces.end();
            line.error(Fault::NotUtf8(error))
        })))
    }
}

impl<B> fmt::Debug for ReadLines<B> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ReadLines").finish_non_exhaustive()
    }
}
