//! Where a server is, and what it is asked for.

use std::net::{SocketAddr, ToSocketAddrs};

use peristyle_peers::Failure;

/// The URLs of a server, taken apart.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Target {
    pub(crate) address: SocketAddr,
    host: String,
    events: String,
    publish: String,
}

impl Target {
    /// Of one of the servers here.
    pub(crate) fn at(address: SocketAddr) -> Self {
        Self {
            address,
            host: address.to_string(),
            events: "/events".to_owned(),
            publish: "/publish".to_owned(),
        }
    }

    /// Of any server. Without a URL to publish to it is `/publish` beside the other.
    ///
    /// # Errors
    ///
    /// When a URL is none of plain HTTP, when its host is not known, and when the two have not the same host.
    pub(crate) fn of(events: &str, publish: Option<&str>) -> Result<Self, Failure> {
        let (host, events) = parts(events)?;
        let publish = match publish.map(parts).transpose()? {
            None => "/publish",
            Some((other, path)) if other == host => path,
            Some((other, _)) => {
                return Err(format!("`{other}` is another host than `{host}`").into());
            }
        };
        let port = if has_port(host) { "" } else { ":80" };
        let mut addresses = format!("{host}{port}").to_socket_addrs()?;
        Ok(Self {
            address: addresses.next().ok_or("the host has no address")?,
            host: host.to_owned(),
            events: events.to_owned(),
            publish: publish.to_owned(),
        })
    }

    /// A request to follow, from after the event with this id.
    pub(crate) fn follow(&self, after: Option<&str>) -> String {
        let Self { host, events, .. } = self;
        let last = after.map_or_else(String::new, |id| format!("last-event-id: {id}\r\n"));
        format!("GET {events} HTTP/1.1\r\nhost: {host}\r\naccept: text/event-stream\r\n{last}\r\n")
    }

    /// The head of a request to publish so many bytes.
    pub(crate) fn publish(&self, length: usize) -> String {
        let Self { host, publish, .. } = self;
        // nchan names the event by a header.
        format!(
            "POST {publish} HTTP/1.1\r\nhost: {host}\r\ncontent-type: text/plain\r\nx-eventsource-event: tick\r\ncontent-length: {length}\r\n\r\n"
        )
    }
}

/// Host and path of a URL.
fn parts(url: &str) -> Result<(&str, &str), Failure> {
    let rest = url.strip_prefix("http://");
    let rest = rest.ok_or_else(|| format!("`{url}` is no URL of plain HTTP"))?;
    let path = rest.find('/').map_or("/", |slash| &rest[slash..]);
    Ok((rest.split('/').next().unwrap_or_default(), path))
}

/// Brackets are around an address of IPv6.
fn has_port(host: &str) -> bool {
    host.rsplit(']').next().is_some_and(|it| it.contains(':'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn urls_are_taken_apart() {
        let target = Target::of("http://127.0.0.1:8080/feed?x=1", None).unwrap();
        assert_eq!(target.address.to_string(), "127.0.0.1:8080");
        let follow = "GET /feed?x=1 HTTP/1.1\r\nhost: 127.0.0.1:8080\r\n";
        assert!(target.follow(None).starts_with(follow));
        assert!(
            target
                .follow(Some("e-1"))
                .ends_with("\r\nlast-event-id: e-1\r\n\r\n")
        );
        assert!(target.publish(3).starts_with("POST /publish HTTP/1.1\r\n"));
        let target = Target::of("http://[::1]", Some("http://[::1]/p")).unwrap();
        assert_eq!(target.address.to_string(), "[::1]:80");
        assert!(target.follow(None).starts_with("GET / HTTP/1.1\r\n"));
        assert!(target.publish(3).starts_with("POST /p HTTP/1.1\r\n"));
    }

    #[test]
    fn what_cannot_be_asked_is_refused() {
        assert!(Target::of("https://127.0.0.1/", None).is_err());
        assert!(Target::of("http://127.0.0.1:1/", Some("http://127.0.0.1:2/")).is_err());
    }
}
