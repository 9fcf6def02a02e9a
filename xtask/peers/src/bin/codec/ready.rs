//! Streams and bodies that never wait.

use std::{
    convert::Infallible,
    pin::{Pin, pin},
    task::{Context, Poll, Waker},
};

use bytes::Bytes;
use futures_core::Stream;
use http_body::{Body, Frame};

/// What an iterator gives, at once.
pub(crate) struct Ready<I>(pub(crate) I);

impl<I: Iterator + Unpin> Stream for Ready<I> {
    type Item = Result<I::Item, Infallible>;

    fn poll_next(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        Poll::Ready(self.0.next().map(Ok))
    }
}

impl<I: Iterator<Item = Bytes> + Unpin> Body for Ready<I> {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        Poll::Ready(self.0.next().map(|chunk| Ok(Frame::data(chunk))))
    }
}

/// Takes everything out of a stream, which may want to be asked again but waits for nobody.
pub(crate) fn drain<S: Stream>(stream: S, mut each: impl FnMut(S::Item)) {
    let mut stream = pin!(stream);
    let mut cx = Context::from_waker(Waker::noop());
    loop {
        match stream.as_mut().poll_next(&mut cx) {
            Poll::Ready(Some(item)) => each(item),
            Poll::Ready(None) => return,
            Poll::Pending => {}
        }
    }
}

/// As [`drain`], for the data of a body.
pub(crate) fn drain_body<B: Body<Data = Bytes>>(body: B, mut each: impl FnMut(Bytes)) {
    let mut body = pin!(body);
    let mut cx = Context::from_waker(Waker::noop());
    loop {
        match body.as_mut().poll_frame(&mut cx) {
            Poll::Ready(Some(Ok(frame))) => each(frame.into_data().unwrap_or_default()),
            Poll::Ready(Some(Err(_))) => panic!("the body failed"),
            Poll::Ready(None) => return,
            Poll::Pending => {}
        }
    }
}
