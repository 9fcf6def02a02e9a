//! A client that reads one response from a socket, byte by byte if need be.

use std::{io, net::SocketAddr};

use peristyle::sse::feed::Cursor;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};

use crate::server::soon;

pub(crate) const GET: &str = "GET / HTTP/1.1\r\nhost: a\r\n\r\n";
pub(crate) const HELLO: &str = "GET /hello HTTP/1.1\r\nhost: a\r\n\r\n";

/// Longer than an event of these tests, unless it is looked for by other means.
const LONGEST: usize = 256 * 1024;

/// How a response ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Ending {
    /// With its last chunk.
    Last,
    /// With the end of the connection.
    Closed,
    Reset,
}

pub(crate) struct Client {
    pub(crate) io: TcpStream,
    /// What was read and not yet understood.
    unread: Vec<u8>,
    pub(crate) head: String,
    body: Vec<u8>,
    ending: Option<Ending>,
}

impl Client {
    pub(crate) async fn get(address: SocketAddr) -> Self {
        Self::send(address, GET).await
    }

    /// Sends this, and reads the head of a response.
    pub(crate) async fn send(address: SocketAddr, request: &str) -> Self {
        let mut client = Self::over(TcpStream::connect(address).await.unwrap());
        client.io.write_all(request.as_bytes()).await.unwrap();
        client.read_head().await;
        client
    }

    pub(crate) fn over(io: TcpStream) -> Self {
        Self {
            io,
            unread: Vec::new(),
            head: String::new(),
            body: Vec::new(),
            ending: None,
        }
    }

    /// Begins with the next response on the connection.
    pub(crate) async fn next(&mut self) {
        assert_eq!(self.ending.take(), Some(Ending::Last));
        self.body.clear();
        self.read_head().await;
    }

    /// Reads this much of the connection, and drops it.
    pub(crate) async fn pass(&mut self, length: usize) {
        while self.unread.len() < length {
            assert_eq!(self.fill().await, None, "after {}", self.unread.len());
        }
        self.unread.drain(..length);
    }

    pub(crate) async fn read_head(&mut self) {
        let end = loop {
            let end = self.unread.windows(4).position(|four| four == b"\r\n\r\n");
            if let Some(end) = end {
                break end + 4;
            }
            assert_eq!(self.fill().await, None, "{:?}", self.unread);
        };
        let rest = self.unread.split_off(end);
        let head = std::mem::replace(&mut self.unread, rest);
        self.head = String::from_utf8(head).unwrap();
    }

    /// Reads until the body has come as far as to end with this.
    pub(crate) async fn until(&mut self, end: &str) {
        while !self.text().ends_with(end) {
            assert_eq!(self.ending, None, "{end:?} after {:?}", self.text());
            self.read().await;
        }
    }

    /// Reads until this event has come, after which no long one may.
    pub(crate) async fn until_id(&mut self, cursor: Cursor) {
        let id = format!("id: {cursor}\n");
        while !self.has_lately(id.as_bytes()) {
            assert_eq!(self.ending, None, "{id:?}");
            self.read().await;
        }
    }

    fn has_lately(&self, text: &[u8]) -> bool {
        let lately = self.body.len().saturating_sub(LONGEST);
        self.body[lately..].windows(text.len()).any(|at| at == text)
    }

    /// Reads until the body is so long.
    pub(crate) async fn until_at_least(&mut self, length: usize) {
        while self.body.len() + self.unread.len() < length {
            assert_eq!(self.ending, None);
            self.read().await;
        }
    }

    /// Reads the next response on the connection, which has this body and declares its length.
    pub(crate) async fn next_whole(&mut self, body: &str) {
        if self.ending.is_some() {
            assert_eq!(self.ending.take(), Some(Ending::Last));
        }
        self.read_head().await;
        while self.unread.len() < body.len() {
            assert_eq!(self.fill().await, None);
        }
        let rest = self.unread.split_off(body.len());
        assert_eq!(std::mem::replace(&mut self.unread, rest), body.as_bytes());
    }

    /// Reads to the end of the response, and returns the whole body.
    pub(crate) async fn rest(&mut self) -> (String, Ending) {
        while self.ending.is_none() {
            self.read().await;
        }
        (self.text(), self.ending.unwrap())
    }

    /// Reads to the end of the connection: nothing, unless something is left.
    pub(crate) async fn closed(mut self) -> (Vec<u8>, Ending) {
        loop {
            if let Some(ending) = self.fill().await {
                return (self.unread, ending);
            }
        }
    }

    pub(crate) fn text(&self) -> String {
        String::from_utf8(self.body.clone()).unwrap()
    }

    async fn read(&mut self) {
        if !self.understand() {
            self.ending = self.fill().await;
            self.understand();
        }
    }

    async fn fill(&mut self) -> Option<Ending> {
        match soon(self.io.read_buf(&mut self.unread)).await {
            Ok(0) => Some(Ending::Closed),
            Ok(_) => None,
            Err(error) if error.kind() == io::ErrorKind::ConnectionReset => Some(Ending::Reset),
            Err(error) => panic!("{error}"),
        }
    }

    /// Takes all chunks that have come whole, or all there is of a body that has none. Whether there was any.
    fn understand(&mut self) -> bool {
        if !self.head.contains("transfer-encoding: chunked\r\n") {
            let some = !self.unread.is_empty();
            self.body.append(&mut self.unread);
            return some;
        }
        let mut some = false;
        while self.ending.is_none() && self.chunk() {
            some = true;
        }
        some
    }

    fn chunk(&mut self) -> bool {
        let Some(end) = self.unread.windows(2).position(|two| two == b"\r\n") else {
            return false;
        };
        let size = std::str::from_utf8(&self.unread[..end]).unwrap();
        let size = usize::from_str_radix(size, 16).unwrap();
        let (data, next) = (end + 2, end + 2 + size + 2);
        if self.unread.len() < next {
            return false;
        }
        assert_eq!(&self.unread[next - 2..next], b"\r\n");
        self.body.extend(&self.unread[data..data + size]);
        self.unread.drain(..next);
        if size == 0 {
            self.ending = Some(Ending::Last);
        }
        true
    }
}
