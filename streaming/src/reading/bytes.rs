//! The bytes of a body.

use std::{
    fmt,
    pin::Pin,
    task::{Context, Poll, ready},
};

use bytes::{Buf, Bytes};
use futures_core::Stream;
use http_body::{Body, Frame};
use peristyle_core::BoxError;
use pin_project_lite::pin_project;

use super::{ReadError, error::Fault};

/// How many frames without data are passed over before other tasks get their turn.
const SKIPPED_AT_ONCE: usize = 32;

pin_project! {
    /// The bytes of a body; see [`Reading::bytes`](super::Reading::bytes). No piece is empty.
    pub struct ReadBytes<B> {
        // `None` once it has ended.
        #[pin]
        body: Option<B>,
        limit: u64,
        offset: u64,
        // More came than the limit allows.
        exceeded: bool,
    }
}

impl<B> ReadBytes<B>
where
    B: Body<Data: Buf, Error: Into<BoxError>>,
{
    pub(super) fn new(body: B, limit: u64) -> Self {
        Self {
            body: Some(body),
            limit,
            offset: 0,
            exceeded: false,
        }
    }

    /// The next data, which may be empty; `None` at the end.
    fn poll_data(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<Option<Bytes>, Fault>> {
        let mut this = self.project();
        let Some(body) = this.body.as_mut().as_pin_mut() else {
            return Poll::Ready(Ok(None));
        };
        let left = *this.limit - *this.offset;
        if *this.exceeded || body.size_hint().lower() > left {
            return Poll::Ready(Err(Fault::TooLarge(*this.limit)));
        }
        let frame = ready!(body.poll_frame(cx)).transpose();
        let Some(frame) = frame.map_err(|error| Fault::Broken(error.into()))? else {
            this.body.set(None);
            return Poll::Ready(Ok(None));
        };
        let mut data = data(frame);
        if data.len() as u64 > left {
            *this.exceeded = true;
            data.truncate(usize::try_from(left).expect("it is less than what came"));
        }
        *this.offset += data.len() as u64;
        Poll::Ready(Ok(Some(data)))
    }
}

impl<B> ReadBytes<B> {
    pub(super) fn end(self: Pin<&mut Self>) {
        self.project().body.set(None);
    }
}

/// Trailers are passed over.
fn data(frame: Frame<impl Buf>) -> Bytes {
    let data = frame.into_data();
    data.map_or_else(
        |_| Bytes::new(),
        |mut data| data.copy_to_bytes(data.remaining()),
    )
}

impl<B> Stream for ReadBytes<B>
where
    B: Body<Data: Buf, Error: Into<BoxError>>,
{
    type Item = Result<Bytes, ReadError>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        for _ in 0..SKIPPED_AT_ONCE {
            match ready!(self.as_mut().poll_data(cx)) {
                Ok(Some(data)) if data.is_empty() => {}
                Ok(data) => return Poll::Ready(data.map(Ok)),
                Err(fault) => {
                    self.as_mut().end();
                    return Poll::Ready(Some(Err(ReadError::new(self.offset, fault))));
                }
            }
        }
        cx.waker().wake_by_ref();
        Poll::Pending
    }
}

impl<B> fmt::Debug for ReadBytes<B> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ReadBytes")
            .field("offset", &self.offset)
            .field("limit", &self.limit)
            .finish_non_exhaustive()
    }
}
