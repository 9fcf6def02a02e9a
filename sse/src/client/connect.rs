//! The way to a server.

use std::{fmt, future::Future, io, net::SocketAddr, pin::Pin, sync::Arc, time::Duration};

use http::Uri;
use peristyle_core::BoxError;
use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::{TcpStream, lookup_host},
    time::timeout,
};

use super::{
    error::{Error, Kind, Phase},
    outgoing::port,
};

/// What a connection runs over.
pub(super) trait Transport: AsyncRead + AsyncWrite + Send + Unpin {}

impl<T: AsyncRead + AsyncWrite + Send + Unpin> Transport for T {}

type Connecting = Pin<Box<dyn Future<Output = Result<Box<dyn Transport>, BoxError>> + Send>>;

/// How to connect to where a URL leads.
#[derive(Clone)]
pub(super) enum Connector {
    Tcp,
    Custom(Arc<dyn Fn(Uri) -> Connecting + Send + Sync>),
}

impl Connector {
    pub(super) fn custom<F, O, T, E>(connect: F) -> Self
    where
        F: Fn(Uri) -> O + Send + Sync + 'static,
        O: Future<Output = Result<T, E>> + Send + 'static,
        T: AsyncRead + AsyncWrite + Send + Unpin + 'static,
        E: Into<BoxError>,
    {
        Self::Custom(Arc::new(move |uri| {
            let connected = connect(uri);
            Box::pin(async move {
                match connected.await {
                    Ok(io) => Ok(Box::new(io) as Box<dyn Transport>),
                    Err(error) => Err(error.into()),
                }
            })
        }))
    }

    /// # Errors
    ///
    /// `https` over plain TCP.
    pub(super) fn check(&self, uri: &Uri) -> Result<(), Error> {
        match self {
            Self::Tcp if uri.scheme_str() == Some("https") => Err(Kind::Tls.into()),
            _ => Ok(()),
        }
    }

    pub(super) async fn connect(
        &self,
        uri: &Uri,
        within: Duration,
    ) -> Result<Box<dyn Transport>, Error> {
        self.check(uri)?;
        let connected = async {
            match self {
                Self::Tcp => match tcp(uri, within).await {
                    Ok(stream) => Ok(Box::new(stream) as Box<dyn Transport>),
                    Err(error) => Err(error.into()),
                },
                Self::Custom(connect) => connect(uri.clone()).await,
            }
        };
        match timeout(within, connected).await {
            Ok(connected) => connected.map_err(|error| Kind::Connect(error).into()),
            Err(_) => Err(Kind::Timeout(Phase::Connect, within).into()),
        }
    }
}

impl fmt::Debug for Connector {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Tcp => "Tcp",
            Self::Custom(_) => "Custom",
        })
    }
}

async fn tcp(uri: &Uri, within: Duration) -> io::Result<TcpStream> {
    let addresses = lookup_host((host(uri), port(uri).unwrap_or_default())).await?;
    let stream = first(addresses.collect(), within, TcpStream::connect).await?;
    stream.set_nodelay(true)?;
    Ok(stream)
}

/// An IPv6 address without its brackets.
fn host(uri: &Uri) -> &str {
    let host = uri.host().unwrap_or_default();
    host.trim_start_matches('[').trim_end_matches(']')
}

/// Each address gets its share of the time: one that does not answer must not keep the others from
/// being tried.
async fn first<T, F: Future<Output = io::Result<T>>>(
    addresses: Vec<SocketAddr>,
    within: Duration,
    connect: impl Fn(SocketAddr) -> F,
) -> io::Result<T> {
    let count = u32::try_from(addresses.len()).unwrap_or(u32::MAX).max(1);
    let mut last = io::Error::new(io::ErrorKind::NotFound, "the host has no address");
    for address in addresses {
        match timeout(within / count, connect(address)).await {
            Ok(Ok(stream)) => return Ok(stream),
            Ok(Err(error)) => last = error,
            Err(elapsed) => last = elapsed.into(),
        }
    }
    Err(last)
}

#[cfg(test)]
mod tests {
    use std::future::pending;

    use tokio::time::Instant;

    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    async fn first_of(ports: &[u16]) -> Result<u16, io::ErrorKind> {
        let addresses = ports.iter().map(|&port| ([127, 0, 0, 1], port).into());
        let connect = |address: SocketAddr| async move {
            match address.port() {
                1 => pending().await,
                2 => Err(io::ErrorKind::ConnectionRefused.into()),
                port => Ok(port),
            }
        };
        let connected = first(addresses.collect(), SECOND * 12, connect).await;
        connected.map_err(|error| error.kind())
    }

    #[tokio::test(start_paused = true)]
    async fn addresses_are_tried_in_turn_each_within_its_share() {
        let start = Instant::now();
        assert_eq!(first_of(&[3, 4]).await, Ok(3));
        assert_eq!(first_of(&[2, 4]).await, Ok(4));
        assert_eq!(start.elapsed(), Duration::ZERO);
        assert_eq!(first_of(&[1, 2, 5]).await, Ok(5));
        assert_eq!(start.elapsed().as_secs(), 4);
        assert_eq!(
            first_of(&[1, 2]).await,
            Err(io::ErrorKind::ConnectionRefused)
        );
        assert_eq!(first_of(&[2, 1]).await, Err(io::ErrorKind::TimedOut));
        assert_eq!(first_of(&[]).await, Err(io::ErrorKind::NotFound));
    }

    #[test]
    fn an_ipv6_address_is_looked_up_without_its_brackets() {
        for (url, expected) in [
            ("http://[::1]:80/", "::1"),
            ("http://127.0.0.1/", "127.0.0.1"),
            ("http://feed.test:80/", "feed.test"),
        ] {
            assert_eq!(host(&url.parse().unwrap()), expected);
        }
    }
}
