//! A transport that does what networks do: it is slow, it stalls, it takes a byte at a time, it breaks.

use std::{
    io,
    pin::Pin,
    task::{Context, Poll, ready},
    time::Duration,
};

use fastrand::Rng;
use tokio::{
    io::{AsyncRead, AsyncWrite, DuplexStream, ReadBuf},
    time::{Sleep, sleep},
};

use crate::record::Connection;

/// What the bytes of one direction meet with.
#[derive(Debug, Clone)]
pub(crate) struct WayPlan {
    pub(crate) seed: u64,
    /// How many bytes pass at a time.
    pub(crate) most: usize,
    /// Of a hundred times that bytes pass, how often the next wait.
    pub(crate) pauses: u8,
    /// The longest sum of all pauses.
    pub(crate) paused: Duration,
    /// After so many bytes nothing passes for so long.
    pub(crate) stall: Option<(u64, Duration)>,
    /// After so many bytes nothing passes any more.
    pub(crate) fate: Option<(u64, Fate)>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fate {
    /// The direction ends in order.
    End,
    /// The connection is reset.
    Reset,
}

#[derive(Debug, Clone)]
pub(crate) struct TransportPlan {
    /// How many bytes are under way in each direction.
    pub(crate) capacity: usize,
    /// How many bytes are kept until they are flushed, as TLS does.
    pub(crate) holds: usize,
    pub(crate) vectored: bool,
    pub(crate) reading: WayPlan,
    pub(crate) writing: WayPlan,
    /// The connection is reset after this time.
    pub(crate) dies: Option<Duration>,
}

struct Way {
    plan: WayPlan,
    rng: Rng,
    passed: u64,
    /// How many bytes may pass next.
    room: usize,
    waits: Option<Pin<Box<Sleep>>>,
}

impl Way {
    fn new(plan: &WayPlan) -> Self {
        let mut way = Self {
            plan: plan.clone(),
            rng: Rng::with_seed(plan.seed),
            passed: 0,
            room: 0,
            waits: None,
        };
        way.pass(0);
        way
    }

    /// How many bytes may pass, or what becomes of the connection in their place.
    fn poll_room(&mut self, cx: &mut Context<'_>) -> Poll<Result<usize, Fate>> {
        if let Some(waits) = &mut self.waits {
            ready!(waits.as_mut().poll(cx));
            self.waits = None;
        }
        match self.plan.fate {
            Some((at, fate)) if self.passed >= at => Poll::Ready(Err(fate)),
            _ => Poll::Ready(Ok(self.room)),
        }
    }

    fn pass(&mut self, bytes: usize) {
        self.passed += bytes as u64;
        let borders = [
            self.plan.fate.map(|(at, _)| at),
            self.plan.stall.map(|(at, _)| at),
        ];
        let left = borders
            .into_iter()
            .flatten()
            .filter(|at| *at > self.passed)
            .map(|at| usize::try_from(at - self.passed).unwrap_or(usize::MAX));
        let room = self.rng.usize(1..=self.plan.most);
        self.room = left.fold(room, usize::min);
        self.waits = self.pause().map(|pause| Box::pin(sleep(pause)));
    }

    fn pause(&mut self) -> Option<Duration> {
        if let Some((_, stall)) = self.plan.stall.filter(|(at, _)| self.passed >= *at) {
            self.plan.stall = None;
            return Some(stall);
        }
        if self.rng.u8(0..100) >= self.plan.pauses || self.plan.paused.is_zero() {
            return None;
        }
        let most = u64::try_from(self.plan.paused.as_millis()).unwrap_or(u64::MAX);
        let pause = Duration::from_millis(self.rng.u64(0..=most.min(400)));
        self.plan.paused -= pause;
        Some(pause)
    }
}

/// The server's end of a connection.
pub(crate) struct Faulty {
    /// None when the connection is broken.
    io: Option<DuplexStream>,
    reading: Way,
    writing: Way,
    held: Vec<u8>,
    holds: usize,
    vectored: bool,
    dies: Option<Pin<Box<Sleep>>>,
    connection: Connection,
}

impl Faulty {
    pub(crate) fn new(io: DuplexStream, plan: &TransportPlan, connection: Connection) -> Self {
        Self {
            io: Some(io),
            reading: Way::new(&plan.reading),
            writing: Way::new(&plan.writing),
            held: Vec::new(),
            holds: plan.holds,
            vectored: plan.vectored,
            dies: plan.dies.map(|after| Box::pin(sleep(after))),
            connection,
        }
    }

    fn io(&mut self, cx: &mut Context<'_>) -> io::Result<Pin<&mut DuplexStream>> {
        self.connection.look();
        if let Some(dies) = &mut self.dies {
            if dies.as_mut().poll(cx).is_ready() {
                self.io = None;
                self.dies = None;
            }
        }
        let io = self.io.as_mut().ok_or(io::ErrorKind::ConnectionReset)?;
        Ok(Pin::new(io))
    }

    fn reset(&mut self) -> io::Error {
        self.io = None;
        io::ErrorKind::ConnectionReset.into()
    }

    fn poll_pass(&mut self, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        self.io(cx)?;
        let Ok(room) = ready!(self.writing.poll_room(cx)) else {
            return Poll::Ready(Err(self.reset()));
        };
        let bytes = &bytes[..bytes.len().min(room)];
        let passed = ready!(self.io(cx)?.poll_write(cx, bytes))?;
        self.writing.pass(passed);
        Poll::Ready(Ok(passed))
    }

    fn poll_release(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        while !self.held.is_empty() {
            let held = std::mem::take(&mut self.held);
            let passed = self.poll_pass(cx, &held);
            self.held = held;
            self.held.drain(..ready!(passed)?);
        }
        Poll::Ready(Ok(()))
    }
}

impl AsyncRead for Faulty {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let this = &mut *self;
        this.io(cx)?;
        let room = match ready!(this.reading.poll_room(cx)) {
            Ok(room) => room.min(buffer.remaining()),
            Err(Fate::End) => return Poll::Ready(Ok(())),
            Err(Fate::Reset) => return Poll::Ready(Err(this.reset())),
        };
        let mut part = ReadBuf::new(buffer.initialize_unfilled_to(room));
        ready!(this.io(cx)?.poll_read(cx, &mut part))?;
        let passed = part.filled().len();
        buffer.advance(passed);
        this.reading.pass(passed);
        this.connection.read(passed);
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for Faulty {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let this = &mut *self;
        if this.holds == 0 {
            return this.poll_pass(cx, bytes);
        }
        if this.held.len() >= this.holds {
            ready!(this.poll_release(cx))?;
        }
        let taken = bytes.len().min(this.holds - this.held.len());
        this.held.extend_from_slice(&bytes[..taken]);
        Poll::Ready(Ok(taken))
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let bytes: Vec<u8> = slices
            .iter()
            .flat_map(|slice| slice.iter().copied())
            .collect();
        self.poll_write(cx, &bytes)
    }

    fn is_write_vectored(&self) -> bool {
        self.vectored
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        ready!(self.poll_release(cx))?;
        self.io(cx)?.poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        ready!(self.poll_release(cx))?;
        self.io(cx)?.poll_shutdown(cx)
    }
}
