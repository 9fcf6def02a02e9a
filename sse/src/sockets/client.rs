//! One client of a shard.

use std::{
    future::Future,
    io::{self, ErrorKind, Read},
    net::TcpStream,
    pin::Pin,
    task::{Context, Poll, Waker},
    time::Duration,
};

use bytes::Bytes;
use mio::{Interest, Registry, Token, event::Event};
use peristyle_core::handover::{Framing, Handover};
use tokio::time::{Instant, Sleep, sleep};

use super::{
    account::Account,
    inbox::Ticket,
    out::Out,
    source::{FeedBody, Said, Source},
    unread::Unread,
    unsent::{Unsent, Written},
};
use crate::{feed::Following, slab::Id};

/// After how many bytes a client's turn is over, and how many frames: others have theirs.
const MOST_BYTES: usize = 64 * 1024;
const MOST_FRAMES: usize = 64;

/// How much a client may send that nobody looks at before its response is over. More is left to the system.
const MOST_UNREAD: usize = 8 * 1024;

/// A response that writes itself to a socket.
pub(super) struct Client {
    source: Source,
    socket: mio::net::TcpStream,
    account: Account,
    unsent: Unsent,
    unread: Unread,
    framing: Framing,
    failed: bool,
    /// There may be something to be read.
    readable: bool,
    /// The socket may take something.
    writable: bool,
    write_timeout: Duration,
    /// Since the socket takes nothing.
    stall: Option<Pin<Box<Sleep>>>,
    /// `None` while it goes on by itself.
    standing: Option<Standing>,
}

/// A client's place in a cohort.
#[derive(Debug, Clone, Copy)]
pub(super) struct Standing {
    pub(super) cohort: Id,
    pub(super) place: usize,
    /// What the cohort was written before.
    pub(super) before: u64,
    /// Its body ends at a certain time.
    pub(super) limited: bool,
}

/// What a client's turn came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Turn {
    /// It will be woken.
    Waits,
    /// It has more to say, after others.
    Again,
    /// The response is over, and all of it written.
    Over,
    /// The client has left, or takes nothing.
    Gone,
}

impl Client {
    pub(super) fn new(body: FeedBody, handover: Handover) -> Self {
        Self {
            source: Source::new(body, handover.span),
            socket: mio::net::TcpStream::from_std(handover.socket),
            account: Account::new(handover.lease),
            unsent: Unsent::default(),
            unread: Unread::new(handover.unread),
            framing: handover.framing,
            failed: false,
            readable: true,
            writable: true,
            write_timeout: handover.write_timeout,
            stall: None,
            standing: None,
        }
    }

    pub(super) fn register(&mut self, registry: &Registry, token: Token) -> io::Result<()> {
        let both = Interest::READABLE | Interest::WRITABLE;
        registry.register(&mut self.socket, token, both)
    }

    /// Something has happened to the socket.
    pub(super) fn note(&mut self, event: &Event) {
        self.readable |= event.is_readable() || event.is_read_closed() || event.is_error();
        self.writable |= event.is_writable() || event.is_write_closed();
    }

    /// Does all that can be done now, within bounds. `out` is empty, before and after.
    pub(super) fn turn(&mut self, ticket: &Ticket, waker: &Waker, out: &mut Out) -> Turn {
        ticket.begin();
        match self.try_turn(&mut Context::from_waker(waker), out) {
            Ok(turn) => turn,
            Err(error) => {
                tracing::debug!(%error, "the client of a stream has left");
                Turn::Gone
            }
        }
    }

    /// What it follows, if it has all that its body has to say and its socket takes more.
    pub(super) fn rests(&self) -> Option<&Following> {
        let idle = self.unsent.is_empty() && self.framing == Framing::Chunked;
        self.source.rests().filter(|_| idle)
    }

    /// Whether its body ends at a certain time.
    pub(super) fn is_limited(&self) -> bool {
        self.source.is_limited()
    }

    pub(super) fn standing(&mut self) -> &mut Option<Standing> {
        &mut self.standing
    }

    /// Writes what its cohort is written. `None` when it is too late for it.
    pub(super) fn write_page(&mut self, page: &Bytes, now: Instant) -> io::Result<Option<Written>> {
        let limited = self.standing.is_some_and(|standing| standing.limited);
        if limited && self.source.is_past_limit(now) {
            return Ok(None);
        }
        let written = self.unsent.begin_page(page, &mut self.socket)?;
        self.note_written(written);
        Ok(Some(written))
    }

    /// What it follows; `None` once that is over.
    pub(super) fn following(&mut self) -> Option<&mut Following> {
        self.source.following()
    }

    /// It has been written so much of what its body would have said, the last of it then.
    pub(super) fn went_on(&mut self, bytes: u64, at: Option<Instant>) {
        self.account.add(bytes);
        if let Some(at) = at {
            self.source.went_on(at);
        }
    }

    /// Gives the socket back.
    pub(super) fn over(mut self, registry: &Registry) {
        if let Err(error) = registry.deregister(&mut self.socket) {
            return tracing::debug!(%error, "the client of a stream has left");
        }
        let socket = TcpStream::from(self.socket);
        if self.failed {
            self.account.abort(socket);
        } else {
            self.account.complete(socket, self.unread.into_bytes());
        }
    }

    fn try_turn(&mut self, cx: &mut Context<'_>, out: &mut Out) -> io::Result<Turn> {
        if self.readable {
            self.read()?;
        }
        if !self.unsent.is_empty() && self.write_rest()? != Written::All {
            return Ok(self.poll_stall(cx));
        }
        if self.source.is_over() {
            return Ok(Turn::Over);
        }
        let waits = self.gather(cx, out);
        if self.write(out)? != Written::All {
            return Ok(self.poll_stall(cx));
        }
        Ok(match waits {
            _ if self.source.is_over() => Turn::Over,
            true => Turn::Waits,
            false => Turn::Again,
        })
    }

    /// Takes what the client sends, and notices that it has left.
    fn read(&mut self) -> io::Result<()> {
        let mut buffer = [0; 512];
        while self.unread.len() < MOST_UNREAD {
            match self.socket.read(&mut buffer) {
                Ok(0) => return Err(ErrorKind::UnexpectedEof.into()),
                Ok(length) => self.unread.push(&buffer[..length]),
                Err(error) if error.kind() == ErrorKind::WouldBlock => {
                    self.readable = false;
                    break;
                }
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }

    /// Puts out what the body has to say now. Returns whether it waits.
    fn gather(&mut self, cx: &mut Context<'_>, out: &mut Out) -> bool {
        let mut bytes = 0;
        let mut waits = false;
        for _ in 0..MOST_FRAMES {
            match self.source.say(cx) {
                Said::Data(data) => {
                    bytes += data.len();
                    out.data(self.framing, data);
                }
                Said::Nothing => waits = true,
                Said::Ended => out.end(self.framing),
                Said::Failed(error) => {
                    tracing::error!(%error, "a response is cut off");
                    self.failed = true;
                }
            }
            if waits || bytes >= MOST_BYTES || out.is_full() || self.source.is_over() {
                break;
            }
        }
        self.account.add(bytes as u64);
        waits
    }

    fn write(&mut self, out: &mut Out) -> io::Result<Written> {
        if out.is_empty() {
            return Ok(Written::All);
        }
        let written = self.unsent.begin(out, &mut self.socket);
        out.clear();
        written.inspect(|written| self.note_written(*written))
    }

    fn write_rest(&mut self) -> io::Result<Written> {
        if !self.writable {
            return Ok(Written::Nothing);
        }
        let written = self.unsent.write(&mut self.socket);
        written.inspect(|written| self.note_written(*written))
    }

    fn note_written(&mut self, written: Written) {
        self.writable = written == Written::All;
        if written != Written::Nothing {
            self.stall = None;
        }
    }

    /// The time runs from the first write that the socket does not take to the next that it takes.
    fn poll_stall(&mut self, cx: &mut Context<'_>) -> Turn {
        let limit = self.write_timeout;
        let stall = self.stall.get_or_insert_with(|| Box::pin(sleep(limit)));
        match stall.as_mut().poll(cx) {
            Poll::Pending => Turn::Waits,
            Poll::Ready(()) => {
                self.account.stalled();
                Turn::Gone
            }
        }
    }
}
