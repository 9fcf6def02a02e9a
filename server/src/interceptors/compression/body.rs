//! A body that is encoded as it is read.

use std::{
    error, fmt,
    pin::Pin,
    task::{Context, Poll, ready},
};

use bytes::Bytes;
use http_body::Frame;
use peristyle_core::BoxError;

use super::{
    super::coding::{Coding, Encoder},
    SLICE,
};
use crate::Body;

/// A streamed body, encoded. What the inner body yields can be decoded by the client as soon as it is sent.
pub(super) struct Encoded {
    body: Body,
    /// `None` once the encoded body has ended, or failed.
    encoder: Option<Encoder>,
    /// What the inner body has yielded and is not encoded yet.
    rest: Bytes,
    trailers: Option<Frame<Bytes>>,
    /// What is left of the length that the inner body had declared.
    left: Option<u64>,
    /// How many bytes were encoded since others had their turn.
    spent: usize,
}

impl Encoded {
    pub(super) fn new(body: Body, coding: Coding, declared: Option<u64>) -> Self {
        Self {
            body,
            encoder: Some(Encoder::new(coding)),
            rest: Bytes::new(),
            trailers: None,
            left: declared,
            spent: 0,
        }
    }

    /// The next bytes that are encoded; `None` when the inner body has ended or must be asked for more first.
    fn poll_encoded(
        &mut self,
        encoder: &mut Encoder,
        cx: &mut Context<'_>,
    ) -> Poll<Result<Next, BoxError>> {
        let mut output = Vec::new();
        while output.is_empty() {
            if self.spent >= SLICE {
                self.spent = 0;
                cx.waker().wake_by_ref();
                return Poll::Pending;
            }
            if self.rest.is_empty() {
                let Some(data) = ready!(self.poll_inner(cx))? else {
                    encoder.finish(&mut output)?;
                    return Poll::Ready(Ok(Next::Last(output.into())));
                };
                self.rest = data;
            }
            self.encode(encoder, &mut output)?;
        }
        Poll::Ready(Ok(Next::More(output.into())))
    }

    fn encode(&mut self, encoder: &mut Encoder, output: &mut Vec<u8>) -> Result<(), BoxError> {
        let slice = self.rest.split_to(self.rest.len().min(SLICE));
        self.spent += slice.len();
        encoder.write(&slice, output)?;
        if self.rest.is_empty() {
            encoder.flush(output)?;
        }
        Ok(())
    }

    /// The next data of the inner body; `None` at its end.
    fn poll_inner(&mut self, cx: &mut Context<'_>) -> Poll<Result<Option<Bytes>, BoxError>> {
        loop {
            let frame = ready!(http_body::Body::poll_frame(Pin::new(&mut self.body), cx));
            let Some(frame) = frame.transpose()? else {
                return Poll::Ready(self.whole().map(|()| None));
            };
            match frame.into_data() {
                Ok(data) if data.is_empty() => {}
                Ok(data) => return Poll::Ready(self.count(&data).map(|()| Some(data))),
                Err(trailers) => {
                    self.trailers = Some(trailers);
                    return Poll::Ready(self.whole().map(|()| None));
                }
            }
        }
    }

    fn count(&mut self, data: &Bytes) -> Result<(), BoxError> {
        if let Some(left) = self.left {
            let left = left.checked_sub(data.len() as u64);
            self.left = Some(left.ok_or(WrongLength)?);
        }
        Ok(())
    }

    fn whole(&self) -> Result<(), BoxError> {
        match self.left {
            None | Some(0) => Ok(()),
            Some(_) => Err(WrongLength.into()),
        }
    }
}

enum Next {
    More(Bytes),
    Last(Bytes),
}

impl http_body::Body for Encoded {
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        let this = &mut *self;
        let Some(mut encoder) = this.encoder.take() else {
            return Poll::Ready(this.trailers.take().map(Ok));
        };
        let data = match this.poll_encoded(&mut encoder, cx) {
            Poll::Pending => {
                this.encoder = Some(encoder);
                return Poll::Pending;
            }
            Poll::Ready(Err(error)) => {
                if error.is::<WrongLength>() {
                    tracing::error!(%error, "a response is cut off");
                }
                this.trailers = None;
                return Poll::Ready(Some(Err(error)));
            }
            Poll::Ready(Ok(Next::Last(data))) => data,
            Poll::Ready(Ok(Next::More(data))) => {
                this.encoder = Some(encoder);
                data
            }
        };
        Poll::Ready(Some(Ok(Frame::data(data))))
    }

    fn is_end_stream(&self) -> bool {
        self.encoder.is_none() && self.trailers.is_none()
    }
}

/// A body that had not its declared length. The encoded one declares none, so that nobody else would know.
#[derive(Debug)]
struct WrongLength;

impl fmt::Display for WrongLength {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the body has not its declared length")
    }
}

impl error::Error for WrongLength {}
