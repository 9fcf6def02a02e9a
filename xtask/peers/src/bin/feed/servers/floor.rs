//! The floor: epoll and one `send` for each follower, of a chunk that is framed once. Of HTTP no more than heads are read.

use std::{
    io::{self, ErrorKind, Read, Write},
    net::{TcpListener, TcpStream},
    os::fd::OwnedFd,
};

use peristyle_peers::Failure;
use rustix::{
    buffer::spare_capacity,
    event::epoll::{self, CreateFlags, Event, EventData, EventFlags},
};

use super::encoded;

/// The listener among the connections, which are numbered from zero.
const LISTENER: u64 = u64::MAX;
const READ: usize = 64 * 1024;
const LONGEST_REQUEST: usize = 1024 * 1024;
/// Of what a follower has yet to take. Then it is left behind.
const LONGEST_BACKLOG: usize = 1024 * 1024;
const FOLLOWED: &[u8] = b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ncache-control: no-store\r\ntransfer-encoding: chunked\r\n\r\n";
const PUBLISHED: &[u8] = b"HTTP/1.1 204 No Content\r\n\r\n";

pub(crate) fn serve(listener: &TcpListener) -> Result<(), Failure> {
    listener.set_nonblocking(true)?;
    let mut floor = Floor {
        epoll: epoll::create(CreateFlags::CLOEXEC)?,
        connections: Vec::new(),
        free: Vec::new(),
        buffer: vec![0; READ],
    };
    let token = EventData::new_u64(LISTENER);
    epoll::add(&floor.epoll, listener, token, EventFlags::IN)?;
    let mut events: Vec<Event> = Vec::with_capacity(1024);
    loop {
        match epoll::wait(&floor.epoll, spare_capacity(&mut events), None) {
            Ok(_) | Err(rustix::io::Errno::INTR) => {}
            Err(error) => return Err(error.into()),
        }
        for event in events.drain(..) {
            match event.data.u64() {
                LISTENER => floor.accept(listener)?,
                place => floor.ready(usize::try_from(place)?, event.flags)?,
            }
        }
    }
}

struct Floor {
    epoll: OwnedFd,
    connections: Vec<Option<Connection>>,
    free: Vec<usize>,
    buffer: Vec<u8>,
}

struct Connection {
    socket: TcpStream,
    follows: bool,
    /// Of a request as far as it came, or of what a follower did not take yet.
    waiting: Vec<u8>,
}

impl Floor {
    fn accept(&mut self, listener: &TcpListener) -> Result<(), Failure> {
        loop {
            match listener.accept() {
                Ok((socket, _)) => self.enter(socket)?,
                Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(()),
                Err(error) => return Err(error.into()),
            }
        }
    }

    fn enter(&mut self, socket: TcpStream) -> Result<(), Failure> {
        socket.set_nonblocking(true)?;
        socket.set_nodelay(true)?;
        let place = self.free.pop().unwrap_or(self.connections.len());
        let token = EventData::new_u64(place as u64);
        epoll::add(&self.epoll, &socket, token, EventFlags::IN)?;
        let connection = Some(Connection {
            socket,
            follows: false,
            waiting: Vec::new(),
        });
        match self.connections.get_mut(place) {
            Some(free) => *free = connection,
            None => self.connections.push(connection),
        }
        Ok(())
    }

    fn ready(&mut self, place: usize, flags: EventFlags) -> Result<(), Failure> {
        let Some(connection) = &mut self.connections[place] else {
            return Ok(());
        };
        if flags.contains(EventFlags::OUT) && connection.send(&[]).is_err() {
            self.leave(place);
            return Ok(());
        }
        if flags.intersects(EventFlags::IN | EventFlags::HUP | EventFlags::ERR) {
            return self.read(place);
        }
        self.watch(place)
    }

    fn read(&mut self, place: usize) -> Result<(), Failure> {
        let Some(connection) = &mut self.connections[place] else {
            return Ok(());
        };
        let length = match connection.socket.read(&mut self.buffer) {
            Ok(length) => length,
            Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(()),
            Err(_) => 0,
        };
        if length == 0 || connection.follows {
            self.leave(place);
            return Ok(());
        }
        connection.waiting.extend_from_slice(&self.buffer[..length]);
        match connection.answer() {
            Ok(published) if published.is_empty() => Ok(()),
            Ok(published) => self.publish(&published),
            Err(_) => {
                self.leave(place);
                Ok(())
            }
        }
    }

    fn publish(&mut self, chunks: &[u8]) -> Result<(), Failure> {
        for place in 0..self.connections.len() {
            let Some(connection) = self.connections[place].as_mut().filter(|it| it.follows) else {
                continue;
            };
            match connection.send(chunks) {
                Ok(true) => {}
                Ok(false) => self.watch(place)?,
                Err(_) => self.leave(place),
            }
        }
        Ok(())
    }

    /// Who has not taken all is watched until there is room.
    fn watch(&self, place: usize) -> Result<(), Failure> {
        if let Some(connection) = &self.connections[place] {
            let room = if connection.waiting.is_empty() {
                EventFlags::empty()
            } else {
                EventFlags::OUT
            };
            let token = EventData::new_u64(place as u64);
            epoll::modify(
                &self.epoll,
                &connection.socket,
                token,
                EventFlags::IN | room,
            )?;
        }
        Ok(())
    }

    /// Closing a socket takes it out of epoll.
    fn leave(&mut self, place: usize) {
        self.connections[place] = None;
        self.free.push(place);
    }
}

impl Connection {
    /// Answers the requests that have come whole, and returns the chunks that they publish.
    fn answer(&mut self) -> io::Result<Vec<u8>> {
        let mut published = Vec::new();
        while let Some((length, request)) = Request::read(&self.waiting)? {
            match request {
                Request::Follow => {
                    self.follows = true;
                    self.waiting.clear();
                    // So small that an empty buffer has room for it.
                    self.socket.write_all(FOLLOWED)?;
                    self.waiting.shrink_to_fit();
                    return Ok(published);
                }
                Request::Publish(data) => {
                    published.extend(chunk(data));
                    self.socket.write_all(PUBLISHED)?;
                }
            }
            self.waiting.drain(..length);
        }
        Ok(published)
    }

    /// Sends what waits and these, and returns whether that is all. What is not taken waits.
    fn send(&mut self, chunks: &[u8]) -> io::Result<bool> {
        if self.waiting.is_empty() {
            let taken = sent(&self.socket, chunks)?;
            self.waiting.extend_from_slice(&chunks[taken..]);
            return Ok(taken == chunks.len());
        }
        self.waiting.extend_from_slice(chunks);
        if self.waiting.len() > LONGEST_BACKLOG {
            return Err(ErrorKind::OutOfMemory.into());
        }
        let taken = sent(&self.socket, &self.waiting)?;
        self.waiting.drain(..taken);
        Ok(self.waiting.is_empty())
    }
}

fn sent(mut socket: &TcpStream, bytes: &[u8]) -> io::Result<usize> {
    match socket.write(bytes) {
        Err(error) if error.kind() == ErrorKind::WouldBlock => Ok(0),
        sent => sent,
    }
}

fn chunk(data: &str) -> Vec<u8> {
    let event = encoded(data);
    format!("{:x}\r\n{event}\r\n", event.len()).into_bytes()
}

#[derive(Debug, PartialEq)]
enum Request<'a> {
    Follow,
    Publish(&'a str),
}

impl<'a> Request<'a> {
    /// The first request and its length, once it has come whole.
    fn read(bytes: &'a [u8]) -> io::Result<Option<(usize, Self)>> {
        let Some(end) = bytes.windows(4).position(|it| it == b"\r\n\r\n") else {
            return match bytes.len() {
                ..LONGEST_REQUEST => Ok(None),
                _ => Err(ErrorKind::InvalidData.into()),
            };
        };
        let head = std::str::from_utf8(&bytes[..end]).map_err(io::Error::other)?;
        if head.starts_with("GET /events ") {
            return Ok(Some((end + 4, Self::Follow)));
        }
        let length = length(head).filter(|_| head.starts_with("POST /publish "));
        let length = length.ok_or(ErrorKind::InvalidData)?;
        match bytes[end + 4..].get(..length) {
            Some(body) => {
                let data = std::str::from_utf8(body).map_err(io::Error::other)?;
                Ok(Some((end + 4 + length, Self::Publish(data))))
            }
            None => Ok(None),
        }
    }
}

fn length(head: &str) -> Option<usize> {
    let mut fields = head
        .split("\r\n")
        .filter_map(|field| field.split_once(": "));
    let (_, length) = fields.find(|(name, _)| name.eq_ignore_ascii_case("content-length"))?;
    length
        .parse()
        .ok()
        .filter(|length| *length < LONGEST_REQUEST)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_is_read_once_it_has_come_whole() {
        let request = b"POST /publish HTTP/1.1\r\nContent-Length: 3\r\n\r\nabcGET";
        let whole = request.len() - 3;
        for length in 0..whole {
            assert_eq!(Request::read(&request[..length]).unwrap(), None);
        }
        let read = Request::read(request).unwrap().unwrap();
        assert_eq!(read, (whole, Request::Publish("abc")));
        let request = b"GET /events HTTP/1.1\r\nhost: a\r\n\r\n";
        let read = Request::read(request).unwrap().unwrap();
        assert_eq!(read, (request.len(), Request::Follow));
        assert!(Request::read(b"GET / HTTP/1.1\r\n\r\n").is_err());
        assert!(Request::read(b"POST /publish HTTP/1.1\r\n\r\n").is_err());
    }
}
