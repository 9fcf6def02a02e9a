//! The body of a response.

use std::{
    any::{Any, TypeId},
    fmt,
    future::poll_fn,
    mem,
    pin::Pin,
    sync::{Mutex, PoisonError},
    task::{Context, Poll},
};

use bytes::{Buf, Bytes};
use http_body::{Frame, SizeHint};
use peristyle_core::BoxError;
use tracing::Span;

/// The body of a response: nothing, bytes that are whole, or a stream of them.
///
/// A whole body costs no allocation of its own; a streamed one is boxed once.
#[derive(Default)]
pub struct Body(Kind);

#[derive(Default)]
enum Kind {
    #[default]
    Empty,
    Withheld,
    Whole(Bytes),
    /// Never contended: the mutex only makes it `Sync`, so that a reference to an exchange can be held across an `await`.
    Streamed(Mutex<Pin<Box<dyn Streamed>>>),
    /// It has not been polled, and can be moved.
    Unpolled(Mutex<Box<dyn Streamed>>),
}

/// A body whose type is known to whoever asks for it.
pub(crate) trait Streamed: http_body::Body<Data = Bytes, Error = BoxError> + Send {
    /// The type of the body as it was given to [`Body::new`]; `None` for one that is nobody else's.
    fn given(&self) -> Option<TypeId>;

    /// The body as it was given, and the span that it is to be polled in.
    fn into_given(self: Box<Self>) -> (Box<dyn Any + Send>, Span);
}

impl Body {
    /// No body.
    pub const fn empty() -> Self {
        Self(Kind::Empty)
    }

    /// Any body of bytes. One that is a [`Body`] already is taken as it is.
    pub fn new<B>(body: B) -> Self
    where
        B: http_body::Body<Data: Buf> + Send + 'static,
        B::Error: Into<BoxError>,
    {
        let mut body = Some(body);
        if let Some(own) = (&mut body as &mut dyn Any).downcast_mut::<Option<Self>>() {
            return own.take().unwrap_or_default();
        }
        match body {
            Some(body) => Self::streamed(Boxed { body }),
            None => Self::empty(),
        }
    }

    pub(crate) fn streamed(body: impl Streamed + 'static) -> Self {
        Self(Kind::Unpolled(Mutex::new(Box::new(body))))
    }

    /// The type of a streamed body that has not been polled yet.
    pub(crate) fn given(&self) -> Option<TypeId> {
        match &self.0 {
            Kind::Unpolled(body) => body.lock().ok()?.given(),
            Kind::Empty | Kind::Withheld | Kind::Whole(_) | Kind::Streamed(_) => None,
        }
    }

    /// The body as it was given, and the span that it is to be polled in. `None`, and no body any more, unless it [has a
    /// type](Self::given).
    pub(crate) fn into_given(self) -> Option<(Box<dyn Any + Send>, Span)> {
        match self.0 {
            Kind::Unpolled(body) => body.into_inner().ok().map(Streamed::into_given),
            Kind::Empty | Kind::Withheld | Kind::Whole(_) | Kind::Streamed(_) => None,
        }
    }

    /// No body, of which nobody knows how long it would have been: that of an answer to `HEAD`. Servers declare the length of a
    /// body that is known to be empty.
    pub(crate) fn withheld() -> Self {
        Self(Kind::Withheld)
    }

    /// The bytes, when the body is whole.
    pub fn whole(&self) -> Option<&[u8]> {
        match &self.0 {
            Kind::Empty | Kind::Withheld => Some(&[]),
            Kind::Whole(bytes) => Some(bytes),
            Kind::Streamed(_) | Kind::Unpolled(_) => None,
        }
    }

    /// As [`is_end_stream`](http_body::Body::is_end_stream) says it, for who owns the body: without its lock.
    pub(crate) fn has_ended(&mut self) -> bool {
        match &mut self.0 {
            Kind::Streamed(body) => unlocked(body).is_end_stream(),
            _ => http_body::Body::is_end_stream(self),
        }
    }

    /// The bytes of a body that is whole and not empty.
    pub(crate) fn into_whole(self) -> Option<Bytes> {
        match self.0 {
            Kind::Whole(bytes) => Some(bytes),
            Kind::Empty | Kind::Withheld | Kind::Streamed(_) | Kind::Unpolled(_) => None,
        }
    }

    /// From the first poll on it stays where it is.
    fn pin(&mut self) {
        if let Kind::Unpolled(_) = &self.0 {
            if let Kind::Unpolled(body) = mem::take(&mut self.0) {
                let body = body.into_inner().unwrap_or_else(PoisonError::into_inner);
                self.0 = Kind::Streamed(Mutex::new(Box::into_pin(body)));
            }
        }
    }
}

impl http_body::Body for Body {
    type Data = Bytes;
    type Error = BoxError;

    #[inline]
    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        if let Kind::Streamed(body) = &mut self.0 {
            return unlocked(body).as_mut().poll_frame(cx);
        }
        self.pin();
        match &mut self.0 {
            Kind::Empty | Kind::Withheld | Kind::Unpolled(_) => Poll::Ready(None),
            Kind::Whole(bytes) => {
                let bytes = mem::take(bytes);
                self.0 = Kind::Empty;
                Poll::Ready(Some(Ok(Frame::data(bytes))))
            }
            Kind::Streamed(body) => unlocked(body).as_mut().poll_frame(cx),
        }
    }

    fn is_end_stream(&self) -> bool {
        match &self.0 {
            Kind::Empty | Kind::Withheld => true,
            Kind::Whole(_) => false,
            Kind::Streamed(body) => body.lock().is_ok_and(|body| body.is_end_stream()),
            Kind::Unpolled(body) => body.lock().is_ok_and(|body| body.is_end_stream()),
        }
    }

    fn size_hint(&self) -> SizeHint {
        match &self.0 {
            Kind::Empty => SizeHint::with_exact(0),
            Kind::Withheld => SizeHint::default(),
            Kind::Whole(bytes) => SizeHint::with_exact(bytes.len() as u64),
            Kind::Streamed(body) => body
                .lock()
                .map_or_else(|_| SizeHint::default(), |body| body.size_hint()),
            Kind::Unpolled(body) => body
                .lock()
                .map_or_else(|_| SizeHint::default(), |body| body.size_hint()),
        }
    }
}

/// The next data of a body; trailers are passed over.
pub(crate) async fn data<B>(body: &mut B) -> Option<Result<B::Data, B::Error>>
where
    B: http_body::Body + Unpin,
{
    loop {
        let frame = poll_fn(|cx| Pin::new(&mut *body).poll_frame(cx)).await?;
        match frame.map(Frame::into_data) {
            Ok(Ok(data)) => return Some(Ok(data)),
            Ok(Err(_trailers)) => {}
            Err(error) => return Some(Err(error)),
        }
    }
}

/// What is `Bytes` already is not copied.
fn in_one_piece(frame: Frame<impl Buf>) -> Frame<Bytes> {
    frame.map_data(|mut data| data.copy_to_bytes(data.remaining()))
}

fn unlocked<T>(body: &mut Mutex<T>) -> &mut T {
    body.get_mut().unwrap_or_else(PoisonError::into_inner)
}

impl From<Bytes> for Body {
    fn from(bytes: Bytes) -> Self {
        if bytes.is_empty() {
            Self::empty()
        } else {
            Self(Kind::Whole(bytes))
        }
    }
}

impl From<Vec<u8>> for Body {
    fn from(bytes: Vec<u8>) -> Self {
        Bytes::from(bytes).into()
    }
}

impl From<String> for Body {
    fn from(text: String) -> Self {
        Bytes::from(text).into()
    }
}

impl From<&'static str> for Body {
    fn from(text: &'static str) -> Self {
        Bytes::from_static(text.as_bytes()).into()
    }
}

impl fmt::Debug for Body {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            Kind::Empty => f.write_str("Empty"),
            Kind::Withheld => f.write_str("Withheld"),
            Kind::Whole(bytes) => write!(f, "Whole({} bytes)", bytes.len()),
            Kind::Streamed(_) | Kind::Unpolled(_) => f.write_str("Streamed(..)"),
        }
    }
}

pin_project_lite::pin_project! {
    /// Gives a body the types of all bodies.
    struct Boxed<B> {
        #[pin]
        body: B,
    }
}

impl<B> Streamed for Boxed<B>
where
    B: http_body::Body<Data: Buf> + Send + 'static,
    B::Error: Into<BoxError>,
{
    fn given(&self) -> Option<TypeId> {
        Some(TypeId::of::<B>())
    }

    fn into_given(self: Box<Self>) -> (Box<dyn Any + Send>, Span) {
        (Box::new(self.body), Span::none())
    }
}

impl<B> http_body::Body for Boxed<B>
where
    B: http_body::Body<Data: Buf>,
    B::Error: Into<BoxError>,
{
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        let frame = self.project().body.poll_frame(cx);
        frame.map_ok(in_one_piece).map_err(Into::into)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}
