//! A connection's bytes: with those already read to tell the protocol, past a guard, and with an eye on what was written.

use std::{
    future::Future,
    io::{self, IoSlice},
    mem::{self, MaybeUninit},
    net::TcpStream,
    pin::Pin,
    task::{Context, Poll, Waker, ready},
    time::Duration,
};

use bytes::Bytes;
use peristyle_core::{BoxFuture, End};
use tokio::{
    io::{AsyncRead, AsyncReadExt, AsyncWrite, ReadBuf},
    time::{Sleep, sleep},
};

use crate::{
    Exit,
    activity::Activity,
    frames::{self, Frames},
    guard::{Guard, Place},
    link::Link,
    patience::{Awaited, Patience},
    stall::Stall,
};

/// What HTTP/2 connections start with (RFC 9113, section 3.4).
pub(crate) const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

/// The protocol that a client speaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Protocol {
    Http1,
    Http2,
}

/// Reads no more than it takes to tell the protocol, and over HTTP/2 the head of the frame that belongs to the preface. Returns
/// what was read.
pub(crate) async fn detect(io: &mut (impl AsyncRead + Unpin)) -> io::Result<(Protocol, Bytes)> {
    let mut start = [0; PREFACE.len()];
    let mut read = 0;
    while read < PREFACE.len() {
        let more = io.read(&mut start[read..]).await?;
        read += more;
        if more == 0 || start[..read] != PREFACE[..read] {
            return Ok((Protocol::Http1, Bytes::copy_from_slice(&start[..read])));
        }
    }
    Ok((Protocol::Http2, settings(io).await?))
}

/// What an HTTP/2 connection starts with, up to the head of its first frame.
async fn settings(io: &mut (impl AsyncRead + Unpin)) -> io::Result<Bytes> {
    let mut head = [0; frames::HEAD];
    let mut read = 0;
    while read < head.len() {
        match io.read(&mut head[read..]).await? {
            0 => break,
            more => read += more,
        }
    }
    let head = &head[..read];
    if frames::is_settings(head) {
        Ok([PREFACE, head].concat().into())
    } else {
        Ok(Bytes::from_static(UNSETTLED))
    }
}

/// A transport of which the first bytes were read already.
pub(crate) struct Wire<I: Link> {
    io: I,
    start: Bytes,
    activity: Activity,
    guarded: Guarded,
    patience: Option<Patience>,
    stall: Stall,
    /// Of the task that flushed last.
    flusher: Option<Waker>,
    linger: Option<Pin<Box<Sleep>>>,
    /// All that was written before a failure.
    sent: Option<BoxFuture<'static, ()>>,
    /// Nothing more is to be written, and all was.
    ended: bool,
}

/// Whether what is read passes a guard.
enum Guarded {
    No,
    Yes(Guard),
    /// Frames of HTTP/2.
    Counted(Frames),
    Refused(Place),
}

impl Guarded {
    fn is_within_head(&self) -> bool {
        match self {
            Self::Yes(guard) => guard.is_within_head(),
            Self::No | Self::Counted(_) | Self::Refused(_) => false,
        }
    }
}

/// What is read in place of a head's refused rest, once all requests before are answered: hyper refuses NUL wherever in a head
/// it stands, and looks for it when the head has ended.
const REFUSAL: &[u8] = b"\0\r\n\r\n";

/// What is read in place of the rest of a target that is too long, and of all after it: with it, hyper has a request whose target
/// is too long for the service, which answers when its turn has come.
const CUT: &[u8] = b" HTTP/1.1\r\n\r\n";

/// What is read after too many frames of HTTP/2: a header block that does not end, to which h2 answers with GOAWAY and
/// `ENHANCE_YOUR_CALM` (RFC 9113, section 7).
const ENDLESS: &[u8] = b"\0\0\0\x01\0\0\0\0\x01";
const AND_ON: &[u8] = b"\0\0\0\x09\0\0\0\0\x01";

/// What is read in place of frames that do not begin with SETTINGS: some of a stream, which there are not. h2 answers with GOAWAY
/// and `PROTOCOL_ERROR`.
const UNSETTLED: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\x01";

/// RFC 9110, section 15.5.9.
const REQUEST_TIMEOUT: &[u8] =
    b"HTTP/1.1 408 Request Timeout\r\nconnection: close\r\ncontent-length: 0\r\n\r\n";

/// What is read at a time of what a client sends before it is answered.
const AHEAD: usize = 1024;

/// How long a client may go on sending what nobody reads. A connection that is closed at once is reset by what still comes,
/// and the reset may overtake the response (RFC 9112, section 9.6).
const LINGER: Duration = Duration::from_secs(2);

impl<I: Link> Wire<I> {
    /// `start` was read already. A peer that takes nothing of what is written for `write_timeout` is given up.
    pub(crate) fn new(io: I, start: Bytes, activity: Activity, write_timeout: Duration) -> Self {
        Self {
            io,
            start,
            activity,
            guarded: Guarded::No,
            patience: None,
            stall: Stall::new(write_timeout),
            flusher: None,
            linger: None,
            sent: None,
            ended: false,
        }
    }

    /// What is read passes this guard.
    pub(crate) fn guarded(mut self, guard: Option<Guard>) -> Self {
        self.guarded = guard.map_or(Guarded::No, Guarded::Yes);
        self
    }

    /// The frames that are read are counted.
    pub(crate) fn counted(mut self, frames: Frames) -> Self {
        self.guarded = Guarded::Counted(frames);
        self
    }

    /// Requests are waited for as long as this says.
    pub(crate) fn patient(mut self, patience: Patience) -> Self {
        self.patience = Some(patience);
        self
    }

    /// Takes from what was read, all after the first `before` bytes, that which the guard refuses. Returns whether nothing is
    /// left, which a reader would take for the end.
    fn refuses_all(&mut self, before: usize, buffer: &mut ReadBuf<'_>) -> bool {
        let read = &buffer.filled()[before..];
        let refused = match &mut self.guarded {
            Guarded::Yes(guard) => guard.read(read),
            Guarded::Counted(frames) => frames.read(read, &self.activity),
            Guarded::No | Guarded::Refused(_) => return false,
        };
        let Err(refused) = refused else {
            return false;
        };
        tracing::debug!(why = refused.why, "request refused");
        buffer.set_filled(before + refused.good);
        self.guarded = Guarded::Refused(refused.place);
        self.start = match refused.place {
            Place::Head => Bytes::from_static(REFUSAL),
            Place::Target => Bytes::from_static(CUT),
            Place::Body => Bytes::new(),
            Place::Frame => {
                self.activity.give_up(Exit::Aborted, End::PeerLeft);
                Bytes::from_static(ENDLESS)
            }
        };
        refused.good == 0
    }
}

impl<I: Link + AsyncRead + AsyncWrite + Unpin> Wire<I> {
    /// What was read already, and what has come since: hyper doubles its buffer for a head that it gets in two parts, and keeps
    /// it. It does so here, too, if that is not the whole head, since one byte is left: the sizes that it goes through then end
    /// with the largest that is allowed. What the transport says instead of giving something it says again.
    fn read_start(&mut self, cx: &mut Context<'_>, buffer: &mut ReadBuf<'_>) {
        let length = self.start.len().min(buffer.remaining());
        buffer.put_slice(&self.start.split_to(length));
        let room = buffer.remaining().saturating_sub(1);
        if room == 0 || matches!(self.guarded, Guarded::Refused(_)) {
            return;
        }
        let mut more = ReadBuf::new(buffer.initialize_unfilled_to(room));
        let read = Pin::new(&mut self.io).poll_read(cx, &mut more);
        let length = more.filled().len();
        buffer.advance(length);
        if let (Poll::Ready(Ok(())), Some(patience)) = (read, &mut self.patience) {
            patience.came(&self.activity);
        }
    }

    /// Reads; a request that does not come in time is the end of what is read.
    fn poll_within_patience(
        &mut self,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let read = Pin::new(&mut self.io).poll_read(cx, buffer);
        let Some(patience) = &mut self.patience else {
            return read;
        };
        if read.is_ready() {
            patience.came(&self.activity);
            return read;
        }
        let begun = self.guarded.is_within_head();
        let awaited = ready!(patience.poll(&self.activity, begun, cx));
        tracing::debug!(?awaited, "the client has sent nothing in time");
        if awaited == Awaited::Head {
            // Nothing else is being written. What the system does not take at once is lost on a client like this.
            let _written = Pin::new(&mut self.io).poll_write(cx, REQUEST_TIMEOUT);
        }
        self.patience = None;
        Poll::Ready(Ok(()))
    }
}

impl<I: Link> Wire<I> {
    /// The socket, and what was read from it and not looked at. `None` when there is none, or the system does not give it.
    pub(crate) fn hand_over(mut self) -> Option<(TcpStream, Bytes)> {
        let socket = self.io.hand_over()?;
        Some((socket, mem::take(&mut self.start)))
    }

    fn flushes(&mut self, waker: &Waker) {
        let known = self.flusher.as_ref();
        if !known.is_some_and(|known| known.will_wake(waker)) {
            self.flusher = Some(waker.clone());
            self.activity.flushes(waker);
        }
    }

    /// A response was written. hyper does not look again at a request that it read while the head of that response was still to
    /// be written. And where it watches for the end itself, it does not read again what had nothing to be read while it answered.
    fn wait_for_the_next(&mut self, cx: &mut Context<'_>) {
        let Some(patience) = &mut self.patience else {
            return;
        };
        let is_late = matches!(self.guarded, Guarded::No)
            && patience.poll(&self.activity, false, cx).is_ready();
        if is_late || self.activity.is_unstarted() {
            cx.waker().wake_by_ref();
        }
    }
}

impl<I: Link + AsyncRead + AsyncWrite + Unpin> Wire<I> {
    /// Whether bytes were taken, or the error that nobody is there to take them.
    fn poll_taken<T>(
        &mut self,
        written: Poll<io::Result<T>>,
        cx: &mut Context<'_>,
    ) -> Poll<io::Result<T>> {
        if written.is_pending() {
            self.look_for_the_end(cx)?;
        }
        self.stall.poll(written, &self.activity, cx)
    }

    /// Whether the client is still there while its request is answered. hyper looks for that, too, where its connection is not
    /// [half-closed](hyper::server::conn::http1::Builder::half_close), but has no buffer then, because the request has it, and takes
    /// another for each request. The guard knows whether hyper has looked at all that was read: who sends on is there.
    fn look_for_the_end(&mut self, cx: &mut Context<'_>) -> io::Result<()> {
        let Guarded::Yes(guard) = &self.guarded else {
            return Ok(());
        };
        if !self.start.is_empty() || !self.activity.is_answering(guard.requests()) {
            return Ok(());
        }
        let mut ahead = [MaybeUninit::uninit(); AHEAD];
        let mut ahead = ReadBuf::uninit(&mut ahead);
        if let Poll::Ready(read) = Pin::new(&mut self.io).poll_read(cx, &mut ahead) {
            read?;
            if ahead.filled().is_empty() {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
            self.start = Bytes::copy_from_slice(ahead.filled());
        }
        Ok(())
    }
}

impl<I: Link + AsyncRead + AsyncWrite + Unpin> AsyncRead for Wire<I> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let this = &mut *self;
        let before = buffer.filled().len();
        if !this.start.is_empty() {
            this.read_start(cx, buffer);
        } else if let Guarded::Refused(place) = this.guarded {
            if place != Place::Frame {
                return place.end();
            }
            this.start = Bytes::from_static(AND_ON);
            return self.poll_read(cx, buffer);
        } else {
            ready!(this.poll_within_patience(cx, buffer))?;
        }
        if this.refuses_all(before, buffer) {
            return self.poll_read(cx, buffer);
        }
        Poll::Ready(Ok(()))
    }
}

impl Place {
    /// What comes after a refusal: a body that is malformed must not look complete. A client that waits for its answer must not
    /// look as if it had left; the answer ends the connection.
    fn end(self) -> Poll<io::Result<()>> {
        match self {
            Self::Head => Poll::Ready(Ok(())),
            Self::Target | Self::Frame => Poll::Pending,
            Self::Body => Poll::Ready(Err(io::Error::new(
                io::ErrorKind::InvalidData,
                "malformed chunks",
            ))),
        }
    }
}

impl<I: Link + AsyncRead + AsyncWrite + Unpin> AsyncWrite for Wire<I> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let this = &mut *self;
        let written = Pin::new(&mut this.io).poll_write(cx, bytes);
        this.poll_taken(written, cx)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let this = &mut *self;
        let written = Pin::new(&mut this.io).poll_write_vectored(cx, slices);
        this.poll_taken(written, cx)
    }

    fn is_write_vectored(&self) -> bool {
        self.io.is_write_vectored()
    }

    /// hyper flushes when its own buffer is empty.
    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = &mut *self;
        this.flushes(cx.waker());
        let mut flushed = Pin::new(&mut this.io).poll_flush(cx);
        if matches!(flushed, Poll::Ready(Ok(()))) {
            flushed = this.poll_sent(cx).map(Ok);
        }
        ready!(this.poll_taken(flushed, cx))?;
        this.activity.flushed();
        this.wait_for_the_next(cx);
        this.look_for_the_end(cx)?;
        Poll::Ready(Ok(()))
    }

    /// Says that nothing more will be written, then takes what a client still sends.
    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = &mut *self;
        this.ended = true;
        // Each flush would wake the connection once no request had come in time, and would be woken by that.
        this.patience = None;
        let refused = matches!(this.guarded, Guarded::Refused(_));
        let mut sending = refused || this.activity.is_unread();
        if let Some(deadline) = &mut this.linger {
            if deadline.as_mut().poll(cx).is_ready() {
                return Poll::Ready(Ok(()));
            }
            sending = true;
        } else {
            let shut = Pin::new(&mut this.io).poll_shutdown(cx);
            ready!(this.stall.poll(shut, &this.activity, cx))?;
        }
        while let Poll::Ready(length) = this.discard(cx)? {
            if length == 0 {
                return Poll::Ready(Ok(()));
            }
            sending = true;
        }
        if !sending {
            return Poll::Ready(Ok(()));
        }
        let deadline = this.linger.get_or_insert_with(|| Box::pin(sleep(LINGER)));
        deadline.as_mut().poll(cx).map(Ok)
    }
}

impl<I: Link> Wire<I> {
    /// A reset drops what was written and is not under way.
    fn poll_sent(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        if !(self.activity.is_delimited_by_close() && self.activity.is_awaited()) {
            return Poll::Ready(());
        }
        let sent = self.sent.get_or_insert_with(|| self.io.sent());
        ready!(sent.as_mut().poll(cx));
        self.sent = None;
        Poll::Ready(())
    }
}

impl<I: Link> Drop for Wire<I> {
    fn drop(&mut self) {
        if self.activity.is_delimited_by_close() && !self.ended {
            self.io.reset();
        }
        self.activity.closed();
    }
}

impl<I: Link + AsyncRead + Unpin> Wire<I> {
    fn discard(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<usize>> {
        let mut scratch = [0; 8 * 1024];
        let mut scratch = ReadBuf::new(&mut scratch);
        ready!(Pin::new(&mut self.io).poll_read(cx, &mut scratch))?;
        Poll::Ready(Ok(scratch.filled().len()))
    }
}
