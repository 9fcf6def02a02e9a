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

/// Each address of the host gets its share of the time: one that does not answer must not keep the
/// others from being tried.
async fn tcp(uri: &Uri, within: Duration) -> io::Result<TcpStream> {
    let host = uri.host().unwrap_or_default();
    let host = host.trim_start_matches('[').trim_end_matches(']');
    let addresses: Vec<SocketAddr> = lookup_host((host, port(uri).unwrap_or_default()))
        .await?
        .collect();
    let share = within / u32::try_from(addresses.len()).unwrap_or(u32::MAX).max(1);
    let mut refused = io::Error::new(io::ErrorKind::NotFound, "the host has no address");
    for address in addresses {
        match timeout(share, TcpStream::connect(address)).await {
            Ok(Ok(stream)) => {
                stream.set_nodelay(true)?;
                return Ok(stream);
            }
            Ok(Err(error)) => refused = error,
            Err(elapsed) => refused = elapsed.into(),
        }
    }
    Err(refused)
}
