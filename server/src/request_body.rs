//! The body of a request: read as it comes, or collected within a limit.

#[cfg(feature = "compression")]
use std::io;
use std::{
    any::Any,
    error, fmt, mem,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, ready},
    time::Duration,
};

use bytes::{Buf, Bytes, BytesMut};
use http_body::{Body as _, Frame, SizeHint};
use hyper::body::Incoming;
use peristyle_core::BoxError;

#[cfg(feature = "compression")]
use crate::interceptors::Decoder;
use crate::{
    Body,
    activity::{Activity, Receiving},
    body::data,
    deadline::{Elapsed, Limit},
    problem::Problem,
};

/// The body of a request.
///
/// It is read piece by piece with [`chunk`](Self::chunk) or whole with [`bytes`](Self::bytes), and never beyond its
/// limit: 2 MiB by default, since most requests are small and memory is shared by all. It is an `http_body::Body` too, which
/// has that limit as well.
pub struct RequestBody {
    kind: Kind,
    /// How many bytes may still come.
    left: u64,
}

enum Kind {
    Whole(Body),
    Arriving(Arriving),
    #[cfg(feature = "compression")]
    Decoded(Box<Decoded>),
    Failed(BodyError),
}

/// A body that is still to be read from its connection.
struct Arriving {
    body: Incoming,
    /// How long the next piece may take.
    gap: Limit,
    activity: Activity,
    /// `None` at its end.
    receiving: Option<Receiving>,
}

impl Arriving {
    fn new(body: Incoming, gap: Duration, activity: Activity) -> Self {
        Self {
            body,
            gap: Limit::new(gap),
            receiving: Some(activity.receive()),
            activity,
        }
    }

    fn poll_frame(
        &mut self,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BodyError>>> {
        let polled = Pin::new(&mut self.body).poll_frame(cx);
        let frame = match ready!(self.gap.poll(polled, cx)) {
            Ok(frame) => frame,
            Err(Elapsed(gap)) => {
                return Poll::Ready(Some(Err(BodyError(Fault::TimedOut(gap)))));
            }
        };
        let more = frame.is_some() && !self.body.is_end_stream();
        self.activity.set_unread(more);
        if !more {
            self.receiving = None;
        }
        let broken = |error: hyper::Error| BodyError::broken(error.into());
        Poll::Ready(frame.map(|frame| frame.map_err(broken)))
    }
}

/// 2 MiB.
pub(crate) const LIMIT: u64 = 2 << 20;

impl RequestBody {
    /// A body that comes by a connection, of which a piece may take as long as `gap`.
    pub(crate) fn arriving(body: Incoming, gap: Duration, activity: &Activity) -> Self {
        let more = !body.is_end_stream();
        activity.set_unread(more);
        if !more {
            return Self::default();
        }
        Self {
            kind: Kind::Arriving(Arriving::new(body, gap, activity.clone())),
            left: LIMIT,
        }
    }

    /// The body of a request that another server has read the head of.
    pub(crate) fn foreign<B>(body: B) -> Self
    where
        B: http_body::Body<Data: Buf> + Send + 'static,
        B::Error: Into<BoxError>,
    {
        let mut body = Some(body);
        let any: &mut dyn Any = &mut body;
        if let Some(own) = any.downcast_mut::<Option<Self>>() {
            return own.take().unwrap_or_default();
        }
        if let Some(incoming) = any.downcast_mut::<Option<Incoming>>() {
            let incoming = incoming.take();
            return incoming.map_or_else(Self::default, |body| {
                Self::arriving(body, Duration::MAX, &Activity::default())
            });
        }
        body.map_or_else(Self::default, |body| Body::new(body).into())
    }

    /// Sets how many more bytes are read. Default is 2 MiB in all.
    pub fn set_limit(&mut self, bytes: u64) {
        self.left = bytes;
        #[cfg(feature = "compression")]
        if let Kind::Decoded(decoded) = &mut self.kind {
            decoded.limit(bytes);
        }
    }

    /// Decodes what is still to come.
    #[cfg(feature = "compression")]
    pub(crate) fn decode(&mut self, decoder: Decoder) {
        let left = self.left;
        let encoded = self.take();
        self.kind = Kind::Decoded(Box::new(Decoded::new(encoded, decoder)));
        self.set_limit(left);
    }

    /// The next piece, as it came; `None` at the end.
    ///
    /// # Errors
    ///
    /// When the body is larger than the limit (413), broke off (400), or the client sends nothing for the server's
    /// [body time-out](crate::Server::body_timeout) (408). No piece comes after an error: a body that failed never looks
    /// complete, and over HTTP/1.1 its connection is closed.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future loses no piece.
    pub async fn chunk(&mut self) -> Option<Result<Bytes, BodyError>> {
        data(self).await
    }

    /// What follows on the connection is no request.
    fn give_up(&self) {
        match &self.kind {
            Kind::Arriving(arriving) => arriving.activity.end_keep_alive(),
            #[cfg(feature = "compression")]
            Kind::Decoded(decoded) => decoded.encoded.give_up(),
            Kind::Whole(_) | Kind::Failed(_) => {}
        }
    }

    /// The whole body.
    ///
    /// # Errors
    ///
    /// As [`chunk`](Self::chunk).
    ///
    /// # Cancel safety
    ///
    /// Dropping the future loses what was read.
    pub async fn bytes(&mut self) -> Result<Bytes, BodyError> {
        let Some(first) = self.chunk().await.transpose()? else {
            return Ok(Bytes::new());
        };
        let Some(second) = self.chunk().await.transpose()? else {
            return Ok(first);
        };
        let mut whole = BytesMut::from(first);
        whole.extend_from_slice(&second);
        while let Some(piece) = self.chunk().await.transpose()? {
            whole.extend_from_slice(&piece);
        }
        Ok(whole.freeze())
    }

    /// Takes the body away, with its limit. Reading what stays behind is an error: [`BodyError::is_taken`]. It can be read when
    /// the response has long been sent; over HTTP/1.1 a response whose head is ready before the body has been read is the last
    /// of its connection.
    #[must_use = "nobody else can read it now"]
    pub fn take(&mut self) -> Self {
        let taken = Self {
            kind: Kind::Failed(BodyError(Fault::Taken)),
            left: self.left,
        };
        mem::replace(self, taken)
    }

    /// The least that is still to come.
    fn announced(&self) -> u64 {
        self.size_hint().lower()
    }

    fn counted(&mut self, frame: Frame<Bytes>) -> Result<Frame<Bytes>, BodyError> {
        let length = frame.data_ref().map_or(0, |data| data.len() as u64);
        let left = self.left.checked_sub(length);
        self.left = left.ok_or_else(BodyError::too_large)?;
        Ok(frame)
    }
}

/// Frames are those of [`chunk`](Self::chunk), and trailers.
impl http_body::Body for RequestBody {
    type Data = Bytes;
    type Error = BodyError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BodyError>>> {
        if self.announced() > self.left {
            self.give_up();
            return Poll::Ready(Some(Err(BodyError::too_large())));
        }
        let Some(frame) = ready!(self.kind.poll_frame(cx)) else {
            return Poll::Ready(None);
        };
        let counted = frame.and_then(|frame| self.counted(frame));
        if let Err(error) = &counted {
            self.give_up();
            self.kind = Kind::Failed(error.clone());
        }
        Poll::Ready(Some(counted))
    }

    fn is_end_stream(&self) -> bool {
        match &self.kind {
            Kind::Whole(body) => body.is_end_stream(),
            Kind::Arriving(arriving) => arriving.body.is_end_stream(),
            #[cfg(feature = "compression")]
            Kind::Decoded(_) => false,
            Kind::Failed(_) => false,
        }
    }

    fn size_hint(&self) -> SizeHint {
        match &self.kind {
            Kind::Whole(body) => body.size_hint(),
            Kind::Arriving(arriving) => arriving.body.size_hint(),
            #[cfg(feature = "compression")]
            Kind::Decoded(_) => SizeHint::default(),
            Kind::Failed(_) => SizeHint::default(),
        }
    }
}

impl Kind {
    fn poll_frame(
        &mut self,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BodyError>>> {
        match self {
            Self::Whole(body) => {
                let frame = ready!(Pin::new(body).poll_frame(cx));
                Poll::Ready(frame.map(|frame| frame.map_err(BodyError::broken)))
            }
            Self::Arriving(arriving) => arriving.poll_frame(cx),
            #[cfg(feature = "compression")]
            Self::Decoded(decoded) => decoded.poll_frame(cx),
            Self::Failed(error) => Poll::Ready(Some(Err(error.clone()))),
        }
    }
}

impl Default for RequestBody {
    fn default() -> Self {
        Body::empty().into()
    }
}

impl<B: Into<Body>> From<B> for RequestBody {
    fn from(body: B) -> Self {
        Self {
            kind: Kind::Whole(body.into()),
            left: LIMIT,
        }
    }
}

impl fmt::Debug for RequestBody {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RequestBody")
            .field("announced", &self.announced())
            .field("left", &self.left)
            .finish_non_exhaustive()
    }
}

/// A body that came encoded.
#[cfg(feature = "compression")]
struct Decoded {
    encoded: RequestBody,
    decoder: Decoder,
    /// What has come and is not decoded yet.
    rest: Bytes,
    yielded: bool,
}

#[cfg(feature = "compression")]
impl Decoded {
    fn new(encoded: RequestBody, decoder: Decoder) -> Self {
        let rest = Bytes::new();
        Self {
            encoded,
            decoder,
            rest,
            yielded: false,
        }
    }

    /// An encoded body can be a little larger than what it decodes to, and much larger if it wants to keep the server busy.
    fn limit(&mut self, bytes: u64) {
        let more = bytes / 16 + 1024;
        self.encoded.set_limit(bytes.saturating_add(more));
    }

    /// The next piece that is not empty. Others have their turn between two pieces of what has come.
    fn poll_frame(
        &mut self,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BodyError>>> {
        if self.decoder.is_full() && !mem::replace(&mut self.yielded, true) {
            cx.waker().wake_by_ref();
            return Poll::Pending;
        }
        self.yielded = false;
        loop {
            match self.decoder.decode(&mut self.rest) {
                Ok(piece) if piece.is_empty() => {}
                Ok(piece) => return Poll::Ready(Some(Ok(Frame::data(piece)))),
                Err(error) => return Poll::Ready(Some(Err(BodyError::malformed(error)))),
            }
            match ready!(Pin::new(&mut self.encoded).poll_frame(cx)?) {
                Some(frame) => match frame.into_data() {
                    Ok(encoded) => self.rest = encoded,
                    Err(trailers) => return Poll::Ready(self.finish(Some(trailers))),
                },
                None => return Poll::Ready(self.finish(None)),
            }
        }
    }

    fn finish(
        &mut self,
        trailers: Option<Frame<Bytes>>,
    ) -> Option<Result<Frame<Bytes>, BodyError>> {
        match self.decoder.finish() {
            Ok(()) => trailers.map(Ok),
            Err(error) => Some(Err(BodyError::malformed(error))),
        }
    }
}

/// A request body that could not be read.
#[derive(Debug, Clone)]
pub struct BodyError(Fault);

#[derive(Debug, Clone)]
enum Fault {
    TooLarge,
    Taken,
    TimedOut(Duration),
    Broken(Arc<dyn error::Error + Send + Sync>),
    #[cfg(feature = "compression")]
    Malformed(Arc<io::Error>),
}

impl BodyError {
    fn too_large() -> Self {
        Self(Fault::TooLarge)
    }

    fn broken(source: BoxError) -> Self {
        Self(Fault::Broken(source.into()))
    }

    #[cfg(feature = "compression")]
    fn malformed(source: io::Error) -> Self {
        Self(Fault::Malformed(Arc::new(source)))
    }

    /// Whether the body is larger than its limit.
    pub fn is_too_large(&self) -> bool {
        matches!(self.0, Fault::TooLarge)
    }

    /// Whether the client sent nothing for the server's [body time-out](crate::Server::body_timeout).
    pub fn is_timed_out(&self) -> bool {
        matches!(self.0, Fault::TimedOut(_))
    }

    /// Whether an earlier stage has taken the body away.
    pub fn is_taken(&self) -> bool {
        matches!(self.0, Fault::Taken)
    }

    pub(crate) fn problem(&self) -> Problem {
        let status = match self.0 {
            Fault::TooLarge => http::StatusCode::PAYLOAD_TOO_LARGE,
            Fault::Taken => return Problem::new(http::StatusCode::INTERNAL_SERVER_ERROR),
            Fault::TimedOut(_) => http::StatusCode::REQUEST_TIMEOUT,
            Fault::Broken(_) => http::StatusCode::BAD_REQUEST,
            #[cfg(feature = "compression")]
            Fault::Malformed(_) => http::StatusCode::BAD_REQUEST,
        };
        Problem::new(status).detail(self.to_string())
    }
}

impl fmt::Display for BodyError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self.0 {
            Fault::TooLarge => "the request body is larger than the limit",
            Fault::Taken => "an earlier stage has taken the request body",
            Fault::TimedOut(gap) => {
                return write!(f, "nothing of the request body came for {gap:?}");
            }
            Fault::Broken(_) => "the request body broke off",
            #[cfg(feature = "compression")]
            Fault::Malformed(_) => "the request body is not in its content coding",
        })
    }
}

impl error::Error for BodyError {
    fn source(&self) -> Option<&(dyn error::Error + 'static)> {
        match &self.0 {
            Fault::TooLarge | Fault::Taken | Fault::TimedOut(_) => None,
            Fault::Broken(source) => Some(&**source),
            #[cfg(feature = "compression")]
            Fault::Malformed(source) => Some(&**source),
        }
    }
}
