//! One client that follows.

use std::{
    io::{self, Read, Write},
    net::{IpAddr, Ipv4Addr, SocketAddr, TcpStream},
    time::Duration,
};

use peristyle_peers::{Failure, Framing, Head};
use rustix::io::Errno;
use socket2::{Domain, Socket, Type};

use super::{Event, Events};
use crate::ledger::Place;

/// How many of them have the same address: an address has some 28,000 ports, and servers that are measured one after the other
/// share them.
const OF_ONE_ADDRESS: usize = 4_000;
/// Bytes, which the system doubles for its own use.
const WINDOW: usize = 4096;
/// Bytes.
const SEGMENT: u32 = 536;

#[derive(Debug)]
pub(crate) struct Follower {
    pub(super) socket: TcpStream,
    state: State,
    events: Events,
    pub(super) place: Place,
}

#[derive(Debug)]
enum State {
    Connecting,
    Asking(Head),
    Following(Framing),
    /// Its body came to its end.
    Over,
}

/// How much there is on the way to a follower that does not read.
#[derive(Debug, Clone, Copy)]
pub(super) enum Room {
    Usual,
    /// A small window, and segments so small that the server's own buffer stays small.
    Little,
}

/// What became of a follower that was ready.
#[derive(Debug, PartialEq)]
pub(super) enum Turn {
    Asked,
    /// The head of the response is there.
    Follows,
    Read,
    /// The body has come to its end.
    Over,
    /// The connection is closed. The body has come to its end, or has not.
    Closed {
        clean: bool,
    },
}

impl Follower {
    /// Begins to connect.
    pub(super) fn connect(number: usize, server: SocketAddr, room: Room) -> io::Result<Self> {
        let socket = Socket::new(Domain::for_address(server), Type::STREAM, None)?;
        socket.set_nonblocking(true)?;
        // Its port is free again at once.
        socket.set_linger(Some(Duration::ZERO))?;
        if matches!(room, Room::Little) {
            socket.set_recv_buffer_size(WINDOW)?;
            socket.set_tcp_mss(SEGMENT)?;
        }
        if let Some(source) = source(number, server) {
            socket.bind(&source.into())?;
        }
        begun(socket.connect(&server.into()))?;
        Ok(Self {
            socket: socket.into(),
            state: State::Connecting,
            events: Events::default(),
            place: Place::default(),
        })
    }

    /// It can be written to: the connection is made, or is not.
    pub(super) fn ask(&mut self, request: &str) -> Result<Turn, Failure> {
        if let Some(error) = self.socket.take_error()? {
            return Err(error.into());
        }
        // An empty buffer has room for it.
        self.socket.write_all(request.as_bytes())?;
        self.state = State::Asking(Head::default());
        Ok(Turn::Asked)
    }

    pub(super) fn is_connecting(&self) -> bool {
        matches!(self.state, State::Connecting)
    }

    /// Reads what there is, and hands on the events of it.
    pub(super) fn read(
        &mut self,
        buffer: &mut [u8],
        each: impl FnMut(&mut Place, Event<'_>) -> Result<(), Failure>,
    ) -> Result<Turn, Failure> {
        let length = match self.socket.read(buffer) {
            Ok(length) => length,
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(Turn::Read),
            Err(error) if error.kind() == io::ErrorKind::ConnectionReset => 0,
            Err(error) => return Err(error.into()),
        };
        if length == 0 {
            let clean = matches!(self.state, State::Over);
            return Ok(Turn::Closed { clean });
        }
        self.take(&buffer[..length], each)
    }

    fn take(
        &mut self,
        bytes: &[u8],
        mut each: impl FnMut(&mut Place, Event<'_>) -> Result<(), Failure>,
    ) -> Result<Turn, Failure> {
        let (mut body, mut turn) = (bytes, Turn::Read);
        if let State::Asking(head) = &mut self.state {
            let Some((framing, length)) = head.read(bytes)? else {
                return Ok(Turn::Read);
            };
            self.state = State::Following(framing);
            (body, turn) = (&bytes[length..], Turn::Follows);
        }
        let Self {
            state,
            events,
            place,
            ..
        } = self;
        let State::Following(framing) = state else {
            return Err("a server sends more than one response".into());
        };
        let rest = framing.read(body, |content| {
            events.read(content, |event| each(place, event))
        })?;
        if !rest.is_empty() {
            return Err("a server sends more than one body".into());
        }
        if framing.is_over() {
            *state = State::Over;
            turn = Turn::Over;
        }
        Ok(turn)
    }
}

/// Connecting goes on.
fn begun(connect: io::Result<()>) -> io::Result<()> {
    match connect {
        Err(error) if Errno::from_io_error(&error) == Some(Errno::INPROGRESS) => Ok(()),
        other => other,
    }
}

/// From where a client of this number connects, to a server on the same machine.
fn source(number: usize, server: SocketAddr) -> Option<SocketAddr> {
    let IpAddr::V4(_) = Some(server.ip()).filter(IpAddr::is_loopback)? else {
        return None;
    };
    let host = u8::try_from(number / OF_ONE_ADDRESS).ok()?;
    Some(SocketAddr::from((
        Ipv4Addr::new(127, 0, 0, host.checked_add(2)?),
        0,
    )))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_address_has_more_clients_than_ports() {
        let server = "127.0.0.1:80".parse().unwrap();
        let sources = (0..16_000).map(|number| source(number, server).unwrap());
        let mut addresses: Vec<_> = sources.map(|source| source.to_string()).collect();
        addresses.dedup();
        assert_eq!(
            addresses,
            ["127.0.0.2:0", "127.0.0.3:0", "127.0.0.4:0", "127.0.0.5:0"]
        );
        assert_eq!(source(0, "192.0.2.1:80".parse().unwrap()), None);
        assert_eq!(source(0, "[::1]:80".parse().unwrap()), None);
    }
}
