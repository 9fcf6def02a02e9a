//! The events of a body.

use std::{
    error::Error,
    fmt,
    pin::Pin,
    task::{Context, Poll, ready},
};

use bytes::Buf;
use futures_core::Stream;
use http_body::Body;
use peristyle_core::BoxError;
use pin_project_lite::pin_project;

use super::{DecodeError, Decoder, MessageEvent};

/// So many frames in a row that fire nothing are read before other tasks have their turn.
const FRAMES: usize = 64;

pin_project! {
    /// The events of a response's body, as a [`Stream`].
    ///
    /// The body is polled when the next event is asked for and none is left in what it gave before,
    /// so that a reader that stops asking stops the sender. The stream ends with `None` when the
    /// body ended cleanly; an event that is unfinished then is dropped, as the standard says. An
    /// error is its last item.
    ///
    /// It reads any body: whether the response is an event stream, its status and its content type
    /// say.
    ///
    /// ```
    /// use bytes::Bytes;
    /// use http_body_util::Full;
    /// use peristyle_sse::EventReader;
    /// use tokio_stream::StreamExt;
    ///
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// let body = Full::<Bytes>::from("retry: 2000\ndata: one\n\ndata: two\n\n");
    /// let mut events = EventReader::new(body);
    /// while let Some(event) = events.next().await {
    ///     println!("{}", event?.data());
    /// }
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Cancel safety
    ///
    /// A wait for the next item that is dropped loses nothing.
    pub struct EventReader<B: Body> {
        #[pin]
        body: B,
        // What was read and not decoded.
        chunk: Option<B::Data>,
        decoder: Decoder,
        ended: bool,
    }
}

impl<B: Body> EventReader<B> {
    /// Reads with the bounds of [`Decoder::new`].
    pub fn new(body: B) -> Self {
        Self::with_decoder(body, Decoder::new())
    }

    /// Reads with this decoder, which a client takes from one connection to the next.
    pub fn with_decoder(body: B, decoder: Decoder) -> Self {
        Self {
            body,
            chunk: None,
            decoder,
            ended: false,
        }
    }

    /// What reads the events: it knows the last event id and the retry delay.
    pub fn decoder(&self) -> &Decoder {
        &self.decoder
    }

    /// Takes the decoder out. What was read and not decoded is dropped with the body: to go on with
    /// another one, [reset](Decoder::reset) the decoder.
    pub fn into_decoder(self) -> Decoder {
        self.decoder
    }
}

impl<B> Stream for EventReader<B>
where
    B: Body,
    B::Error: Into<BoxError>,
{
    type Item = Result<MessageEvent, ReadError>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        for _ in 0..FRAMES {
            if self.ended {
                return Poll::Ready(None);
            }
            match self.as_mut().decode() {
                Ok(None) => ready!(self.as_mut().poll_chunk(cx))?,
                Ok(Some(event)) => return Poll::Ready(Some(Ok(event))),
                Err(error) => return Poll::Ready(Some(Err(self.fail(Kind::Decode(error))))),
            }
        }
        cx.waker().wake_by_ref();
        Poll::Pending
    }
}

impl<B> EventReader<B>
where
    B: Body,
    B::Error: Into<BoxError>,
{
    /// The next event of what was read.
    fn decode(self: Pin<&mut Self>) -> Result<Option<MessageEvent>, DecodeError> {
        let this = self.project();
        while let Some(chunk) = this.chunk.as_mut().filter(|chunk| chunk.remaining() > 0) {
            let mut input = chunk.chunk();
            let whole = input.len();
            let event = this.decoder.decode(&mut input)?;
            let taken = whole - input.len();
            chunk.advance(taken);
            if event.is_some() {
                return Ok(event);
            }
        }
        *this.chunk = None;
        Ok(None)
    }

    /// Trailers are none of the stream's.
    fn poll_chunk(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<(), ReadError>> {
        let this = self.as_mut().project();
        match ready!(this.body.poll_frame(cx)) {
            None => *this.ended = true,
            Some(Ok(frame)) => *this.chunk = frame.into_data().ok(),
            Some(Err(error)) => return Poll::Ready(Err(self.fail(Kind::Body(error.into())))),
        }
        Poll::Ready(Ok(()))
    }

    fn fail(self: Pin<&mut Self>, kind: Kind) -> ReadError {
        *self.project().ended = true;
        ReadError(kind)
    }
}

impl<B: Body> fmt::Debug for EventReader<B> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("EventReader")
            .field("decoder", &self.decoder)
            .field("ended", &self.ended)
            .finish_non_exhaustive()
    }
}

/// Why the events of a body ended before the body did, or with its failure.
#[derive(Debug)]
pub struct ReadError(Kind);

#[derive(Debug)]
enum Kind {
    Body(BoxError),
    Decode(DecodeError),
}

impl ReadError {
    /// Whether the body failed: the connection broke, or whoever sent it gave up. Its error is the
    /// [`source`](Error::source).
    pub fn is_body(&self) -> bool {
        matches!(self.0, Kind::Body(_))
    }

    /// What was wrong with the bytes, if it was them.
    pub fn decode_error(&self) -> Option<DecodeError> {
        match self.0 {
            Kind::Body(_) => None,
            Kind::Decode(error) => Some(error),
        }
    }
}

impl fmt::Display for ReadError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self.0 {
            Kind::Body(_) => "the body of the event stream failed",
            Kind::Decode(_) => "the event stream is beyond its bounds",
        })
    }
}

impl Error for ReadError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match &self.0 {
            Kind::Body(error) => Some(&**error),
            Kind::Decode(error) => Some(error),
        }
    }
}
