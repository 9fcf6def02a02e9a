//! One connection of a scripted server, in memory.

use std::{
    collections::VecDeque,
    io,
    pin::Pin,
    sync::{Arc, Mutex, MutexGuard},
    task::{Context, Poll, Waker, ready},
    time::Duration,
};

use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    time::{Sleep, sleep},
};

/// What the server does once it has read the request. At the end of its steps it closes.
pub(crate) enum Step {
    Say(Vec<u8>),
    /// The same again and again, for ever.
    Repeat(&'static [u8]),
    Wait(Duration),
    Hang,
    Break(io::ErrorKind),
}

/// What was seen of a connection from the server's side.
#[derive(Default)]
pub(crate) struct Seen {
    pub(crate) request: Vec<u8>,
    /// The bytes that the client has read.
    pub(crate) read: usize,
    pub(crate) dropped: bool,
}

pub(crate) struct Wire {
    steps: VecDeque<Step>,
    pub(crate) seen: Arc<Mutex<Seen>>,
    sleep: Option<Pin<Box<Sleep>>>,
    reader: Option<Waker>,
}

impl Wire {
    pub(crate) fn new(steps: Vec<Step>) -> Self {
        Self {
            steps: steps.into(),
            seen: Arc::default(),
            sleep: None,
            reader: None,
        }
    }

    fn poll_step(&mut self, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        loop {
            match self.steps.front_mut() {
                Some(Step::Say(bytes)) if bytes.is_empty() => {}
                Some(Step::Say(bytes)) => {
                    let length = bytes.len().min(buf.remaining());
                    buf.put_slice(&bytes[..length]);
                    bytes.drain(..length);
                    return Poll::Ready(Ok(()));
                }
                Some(Step::Repeat(bytes)) => {
                    while buf.remaining() >= bytes.len() {
                        buf.put_slice(bytes);
                    }
                    return Poll::Ready(Ok(()));
                }
                Some(Step::Wait(time)) => {
                    let sleep = self.sleep.get_or_insert_with(|| Box::pin(sleep(*time)));
                    ready!(sleep.as_mut().poll(cx));
                    self.sleep = None;
                }
                Some(Step::Hang) => return Poll::Pending,
                Some(Step::Break(kind)) => return Poll::Ready(Err((*kind).into())),
                None => return Poll::Ready(Ok(())),
            }
            self.steps.pop_front();
        }
    }
}

impl AsyncRead for Wire {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        if !is_complete(&lock(&self.seen).request) {
            self.reader = Some(cx.waker().clone());
            return Poll::Pending;
        }
        let before = buf.filled().len();
        let polled = self.poll_step(cx, buf);
        lock(&self.seen).read += buf.filled().len() - before;
        polled
    }
}

impl AsyncWrite for Wire {
    fn poll_write(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        lock(&self.seen).request.extend_from_slice(bytes);
        if let Some(reader) = self.reader.take() {
            reader.wake();
        }
        Poll::Ready(Ok(bytes.len()))
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}

impl Drop for Wire {
    fn drop(&mut self) {
        lock(&self.seen).dropped = true;
    }
}

/// Whether the body is there too, if there is to be one.
fn is_complete(request: &[u8]) -> bool {
    let request = String::from_utf8_lossy(request);
    let Some((head, body)) = request.split_once("\r\n\r\n") else {
        return false;
    };
    let length = head
        .lines()
        .find_map(|line| line.strip_prefix("content-length: "));
    length.is_none_or(|length| length.parse() == Ok(body.len()))
}

pub(crate) fn lock<T>(shared: &Mutex<T>) -> MutexGuard<'_, T> {
    shared.lock().expect("no panic")
}
