//! A client that reads one response, whatever the protocol.

use std::{io, mem, time::Duration};

use peristyle::BoxError;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt, DuplexStream},
    time::timeout,
};

use crate::{
    protocol::{
        ACK, CANCEL, DATA, END_STREAM, Ending, HEADERS, PING, Protocol, RST_STREAM, SETTINGS, frame,
    },
    server::InMemory,
};

/// So much of a connection is on its way at a time, unless a test says otherwise.
pub(crate) const ROOM: usize = 64 * 1024;

/// Longer than any time-out, by a clock that does not tick: a test that hangs fails instead.
pub(crate) const LONGEST: Duration = Duration::from_secs(7 * 24 * 60 * 60);

/// How a client gives a response up.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Leaving {
    Connection,
    /// With `RST_STREAM`; the connection goes on.
    Stream,
}

/// The ways in which clients can leave.
pub(crate) const WAYS: [(Protocol, Leaving); 3] = [
    (Protocol::Http1, Leaving::Connection),
    (Protocol::Http2, Leaving::Connection),
    (Protocol::Http2, Leaving::Stream),
];

pub(crate) struct Client {
    pub(crate) io: DuplexStream,
    protocol: Protocol,
    /// What was read and not yet understood.
    unread: Vec<u8>,
    head: String,
    body: Vec<u8>,
    ending: Option<Ending>,
}

impl Client {
    pub(crate) async fn get(server: &InMemory, protocol: Protocol, path: &str) -> Self {
        let io = server.connect(ROOM).await;
        Self::over(io, protocol, path).await.unwrap()
    }

    /// Asks over a connection of its own.
    pub(crate) async fn over(
        mut io: DuplexStream,
        protocol: Protocol,
        path: &str,
    ) -> io::Result<Self> {
        let request = [protocol.preface(), &protocol.get(path, 1)].concat();
        io.write_all(&request).await?;
        Ok(Self {
            io,
            protocol,
            unread: Vec::new(),
            head: String::new(),
            body: Vec::new(),
            ending: None,
        })
    }

    /// What comes next of the body; `None` when it has ended, however that was.
    pub(crate) async fn more(&mut self) -> Option<Vec<u8>> {
        while self.body.is_empty() {
            if self.ending.is_some() || !self.read().await.unwrap_or(false) {
                return None;
            }
        }
        Some(mem::take(&mut self.body))
    }

    /// Reads until this is the body as far as it has come.
    pub(crate) async fn until(&mut self, body: &str) {
        self.until_at_least(body).await;
        assert_eq!(self.text(), body);
    }

    /// Reads until the body has come as far as this.
    pub(crate) async fn until_at_least(&mut self, body: &str) {
        while self.body.len() < body.len() {
            let more = self.read().await.unwrap();
            assert!(more, "cut after {:?}", self.text());
        }
        assert!(self.body.starts_with(body.as_bytes()), "{}", self.text());
    }

    pub(crate) async fn send(&mut self, bytes: &[u8]) {
        self.io.write_all(bytes).await.unwrap();
    }

    /// Reads to the end of the body, and returns the whole of it.
    pub(crate) async fn rest(mut self) -> (String, Ending) {
        while self.ending.is_none() && self.read().await.unwrap() {}
        (self.text(), self.ending.unwrap_or(Ending::Cut))
    }

    /// Gives the response up. What is returned keeps the connection, if that is to go on.
    pub(crate) async fn leave(mut self, leaving: Leaving) -> Option<DuplexStream> {
        match leaving {
            Leaving::Connection => None,
            Leaving::Stream => {
                let reset = frame(RST_STREAM, 0, 1, &CANCEL.to_be_bytes());
                // A server that has ended takes none.
                let _ended = self.io.write_all(&reset).await;
                Some(self.io)
            }
        }
    }

    /// The head of the response, over HTTP/1.1.
    pub(crate) fn head(&self) -> &str {
        &self.head
    }

    fn text(&self) -> String {
        String::from_utf8(self.body.clone()).unwrap()
    }

    /// Reads more; false at the end of the connection.
    async fn read(&mut self) -> Result<bool, BoxError> {
        let read = timeout(LONGEST, self.io.read_buf(&mut self.unread));
        if read.await?? == 0 {
            return Ok(false);
        }
        match self.protocol {
            Protocol::Http1 => while self.ending.is_none() && self.chunk() {},
            Protocol::Http2 => {
                while let Some(frame) = take_frame(&mut self.unread) {
                    self.understand(frame).await?;
                }
            }
        }
        Ok(true)
    }

    /// Takes the head, or a chunk, if it has come whole.
    fn chunk(&mut self) -> bool {
        if self.head.is_empty() {
            let head = take_line(&mut self.unread, "\r\n\r\n");
            self.head = head.unwrap_or_default();
            return !self.head.is_empty();
        }
        let Some(end) = position(&self.unread, "\r\n") else {
            return false;
        };
        let size = String::from_utf8_lossy(&self.unread[..end]);
        let size = usize::from_str_radix(&size, 16).unwrap();
        let (data, next) = (end + 2, end + 2 + size + 2);
        if self.unread.len() < next {
            return false;
        }
        self.body.extend(&self.unread[data..data + size]);
        self.unread.drain(..next);
        if size == 0 {
            self.ending = Some(Ending::Clean);
        }
        true
    }

    async fn understand(&mut self, received: Frame) -> Result<(), BoxError> {
        let Frame {
            kind,
            flags,
            payload,
        } = received;
        match kind {
            DATA => self.body.extend(payload),
            RST_STREAM => {
                let code = u32::from_be_bytes(payload[..].try_into()?);
                self.ending = Some(Ending::Reset(code));
            }
            SETTINGS | PING if flags & ACK == 0 => {
                let payload = if kind == PING { &payload[..] } else { &[] };
                // A server that has ended takes none; what it wrote before is still to be read.
                let _ended = self.io.write_all(&frame(kind, ACK, 0, payload)).await;
            }
            _ => {}
        }
        if matches!(kind, DATA | HEADERS) && flags & END_STREAM != 0 {
            self.ending = Some(Ending::Clean);
        }
        Ok(())
    }
}

struct Frame {
    kind: u8,
    flags: u8,
    payload: Vec<u8>,
}

fn take_frame(unread: &mut Vec<u8>) -> Option<Frame> {
    let (&[a, b, c, kind, flags, ..], _) = unread.split_first_chunk::<9>()?;
    let end = 9 + u32::from_be_bytes([0, a, b, c]) as usize;
    if unread.len() < end {
        return None;
    }
    let payload = unread.drain(..end).skip(9).collect();
    Some(Frame {
        kind,
        flags,
        payload,
    })
}

fn take_line(unread: &mut Vec<u8>, end: &str) -> Option<String> {
    let end = position(unread, end)? + end.len();
    Some(String::from_utf8(unread.drain(..end).collect()).unwrap())
}

fn position(bytes: &[u8], end: &str) -> Option<usize> {
    bytes
        .windows(end.len())
        .position(|window| window == end.as_bytes())
}
