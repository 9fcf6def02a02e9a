//! What a server on this machine has sent to its clients, and they did not take.

use std::{fs, net::SocketAddr};

use peristyle_peers::Failure;

const SOCKETS: &str = "/proc/net/tcp";

/// # Errors
///
/// When there is nothing waiting for one of these clients, or it is connected no longer.
pub(crate) fn each_has_some(server: SocketAddr, clients: &[SocketAddr]) -> Result<(), Failure> {
    let sockets = fs::read_to_string(SOCKETS)?;
    let waiting: Vec<_> = sockets
        .lines()
        .filter_map(|it| waiting(it, server.port()))
        .collect();
    let has_none = |client: &&SocketAddr| {
        let port = client.port();
        !waiting
            .iter()
            .any(|(peer, bytes)| *peer == port && *bytes > 0)
    };
    match clients.iter().find(has_none) {
        Some(client) => Err(format!("nothing waits for {client}, which does not read").into()),
        None => Ok(()),
    }
}

/// The port of a client and what waits for it, of a socket of this server's.
fn waiting(line: &str, port: u16) -> Option<(u16, u64)> {
    let mut fields = line.split_whitespace().skip(1);
    let (own, peer, _state, queues) = (
        fields.next()?,
        fields.next()?,
        fields.next()?,
        fields.next()?,
    );
    if port_of(own)? != port {
        return None;
    }
    let (sent, _) = queues.split_once(':')?;
    Some((port_of(peer)?, u64::from_str_radix(sent, 16).ok()?))
}

/// Behind an address, in hexadecimal digits.
fn port_of(address: &str) -> Option<u16> {
    let (_, port) = address.split_once(':')?;
    u16::from_str_radix(port, 16).ok()
}

#[cfg(test)]
mod tests {
    use std::{
        io::Write,
        net::{TcpListener, TcpStream},
    };

    use super::*;

    #[test]
    fn what_waits_is_found_by_the_ports() {
        let line =
            "  4: 0100007F:1F90 0200007F:C350 01 0000A000:00000001 01:00000014 00000000 0 0 1 2";
        assert_eq!(waiting(line, 8080), Some((50_000, 40_960)));
        assert_eq!(waiting(line, 8081), None);
        let heading = "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt";
        assert_eq!(waiting(heading, 8080), None);
    }

    #[test]
    fn only_what_a_client_did_not_take_waits() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let server = listener.local_addr().unwrap();
        let [frozen, other] = [(); 2].map(|()| TcpStream::connect(server).unwrap());
        let (mut accepted, _) = listener.accept().unwrap();
        accepted.set_nonblocking(true).unwrap();
        while accepted.write(&[0; 4_096]).is_ok() {}
        let [frozen, other] = [&frozen, &other].map(|client| client.local_addr().unwrap());
        each_has_some(server, &[frozen]).unwrap();
        let error = each_has_some(server, &[frozen, other]).unwrap_err();
        let expected = format!("nothing waits for {other}, which does not read");
        assert_eq!(error.to_string(), expected);
    }
}
