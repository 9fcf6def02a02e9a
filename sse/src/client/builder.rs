//! The settings of a source.

use std::{fmt, future::Future, sync::Arc, time::Duration};

use bytes::Bytes;
use http::{Request, StatusCode, Uri};
use peristyle_core::BoxError;
use tokio::io::{AsyncRead, AsyncWrite};

use super::{
    Backoff, Error, EventSource, attempt::Plan, connect::Connector, outgoing::Outgoing,
    policy::Policy,
};
use crate::Decoder;

/// An [`EventSource`] to be built: [`EventSource::builder`].
#[must_use = "a builder does nothing until it is built"]
pub struct EventSourceBuilder {
    request: Request<Bytes>,
    connector: Connector,
    connect_timeout: Duration,
    read_timeout: Duration,
    backoff: Backoff,
    decoder: Decoder,
    policy: Policy,
}

impl EventSourceBuilder {
    pub(super) fn new(request: Request<Bytes>) -> Self {
        Self {
            request,
            connector: Connector::Tcp,
            connect_timeout: Duration::from_secs(10),
            read_timeout: Duration::from_secs(60),
            backoff: Backoff::default(),
            decoder: Decoder::new(),
            policy: Policy::default(),
        }
    }

    /// Starts after the event with this id, which an earlier source has told with
    /// [`EventSource::last_event_id`]. Default is no id: where the server starts is its own choice.
    ///
    /// It goes before a `last-event-id` among the headers of the request.
    pub fn last_event_id(mut self, id: &str) -> Self {
        self.decoder = self.decoder.with_last_event_id(id);
        self
    }

    /// How long to wait before connecting again. Default is [`Backoff::default`].
    pub fn backoff(mut self, backoff: Backoff) -> Self {
        self.backoff = backoff;
        self
    }

    /// How long a connection may take to be made, its name looked up and TLS agreed on.
    /// [`Duration::MAX`] is for ever. Default is 10 seconds.
    ///
    /// The addresses that a name stands for share it in equal parts.
    pub fn connect_timeout(mut self, time: Duration) -> Self {
        self.connect_timeout = time;
        self
    }

    /// How long the server may be silent: to answer a request, and then between any two pieces of
    /// the stream, comments included. Beyond it the source reconnects. [`Duration::MAX`] is for
    /// ever. Default is 60 seconds.
    ///
    /// A peer that has vanished without a word is noticed by its silence only. Servers that follow
    /// §9.2.7, "Authoring notes", send a comment about every 15 seconds, those of this crate after
    /// [12 to 18](crate::KeepAlive): three in a row have to be lost. For a server that sends none it
    /// must be longer than its longest pause, above all if it cannot replay what is missed between
    /// two connections.
    pub fn read_timeout(mut self, time: Duration) -> Self {
        self.read_timeout = time;
        self
    }

    /// The longest line, in bytes; see [`Decoder::max_line`], also for the default.
    pub fn max_line(mut self, bytes: usize) -> Self {
        self.decoder = self.decoder.max_line(bytes);
        self
    }

    /// The longest event, in bytes; see [`Decoder::max_event`], also for the default.
    pub fn max_event(mut self, bytes: usize) -> Self {
        self.decoder = self.decoder.max_event(bytes);
        self
    }

    /// Reconnects after a response with a status for which `again` says so, where the standard has
    /// the source end. Default is none.
    ///
    /// Of use behind a proxy that answers for a server that restarts. `Retry-After` in seconds
    /// delays the next try, [clamped](Backoff::max_retry) as `retry:` is. 200, 204 and redirects are
    /// not asked about.
    ///
    /// ```
    /// use peristyle_sse::client::{Error, EventSource};
    /// # use http::Request;
    ///
    /// let request = Request::get("http://127.0.0.1/prices").body("").expect("a valid request");
    /// let source = EventSource::builder(request)
    ///     .reconnect_on(|status| matches!(status.as_u16(), 429 | 502 | 503 | 504))
    ///     .build()?;
    /// # Ok::<(), Error>(())
    /// ```
    pub fn reconnect_on(
        mut self,
        again: impl Fn(StatusCode) -> bool + Send + Sync + 'static,
    ) -> Self {
        self.policy.again = Some(Arc::new(again));
        self
    }

    /// Reads one stream and never reconnects: its end is the end of the source, any failure an
    /// [`Error`]. Redirects are followed. Default is to reconnect, as browsers do.
    ///
    /// For a request that must not be sent twice, such as a `POST` that starts something.
    pub fn once(mut self) -> Self {
        self.policy.once = true;
        self
    }

    /// Makes connections with `connect` instead of plain TCP: over TLS, a Unix socket, a proxy, or in
    /// memory.
    ///
    /// It is given the URL that is asked, also that of a redirect, and its future is dropped after
    /// the [time-out](Self::connect_timeout). Whether a URL with `https` gets TLS is its business.
    ///
    /// Over a Unix socket:
    ///
    /// ```
    /// use peristyle_sse::client::{Error, EventSource};
    /// # use http::{Request, Uri};
    /// use tokio::net::UnixStream;
    ///
    /// let request = Request::get("http://localhost/prices").body("").expect("a valid request");
    /// let source = EventSource::builder(request)
    ///     .connect_with(|_: Uri| UnixStream::connect("/run/prices.sock"))
    ///     .build()?;
    /// # Ok::<(), Error>(())
    /// ```
    ///
    /// Over TLS by `tokio-rustls`, also where a redirect leads to `http`:
    ///
    /// ```
    /// use std::{io, sync::Arc};
    ///
    /// use http::{Request, Uri};
    /// use peristyle_sse::client::{Error, EventSource};
    /// use tokio::net::TcpStream;
    /// use tokio_rustls::{
    ///     TlsConnector,
    ///     rustls::{ClientConfig, pki_types::ServerName},
    /// };
    ///
    /// fn source(config: Arc<ClientConfig>) -> Result<EventSource, Error> {
    ///     let tls = TlsConnector::from(config);
    ///     let connect = move |uri: Uri| {
    ///         let tls = tls.clone();
    ///         async move {
    ///             let host = uri.host().unwrap_or_default().to_owned();
    ///             let port = uri.port_u16().unwrap_or(443);
    ///             let tcp = TcpStream::connect((&*host, port)).await?;
    ///             let name = ServerName::try_from(host).map_err(io::Error::other)?;
    ///             tls.connect(name, tcp).await
    ///         }
    ///     };
    ///     let request = Request::get("https://feed.example/prices").body("");
    ///     EventSource::builder(request.expect("a valid request"))
    ///         .connect_with(connect)
    ///         .build()
    /// }
    /// ```
    pub fn connect_with<F, O, T, E>(mut self, connect: F) -> Self
    where
        F: Fn(Uri) -> O + Send + Sync + 'static,
        O: Future<Output = Result<T, E>> + Send + 'static,
        T: AsyncRead + AsyncWrite + Send + Unpin + 'static,
        E: Into<BoxError>,
    {
        self.connector = Connector::custom(connect);
        self
    }

    /// A source that connects when it is first polled.
    ///
    /// # Errors
    ///
    /// - The URL is not absolute, neither `http` nor `https`, or holds a user name.
    /// - The URL is `https`, without [`connect_with`](Self::connect_with).
    /// - The method is `CONNECT`.
    pub fn build(self) -> Result<EventSource, Error> {
        let (parts, body) = self.request.into_parts();
        let outgoing = Outgoing::new(parts, body)?;
        self.connector.check(&outgoing.uri)?;
        let plan = Plan {
            outgoing,
            connector: self.connector,
            connect_timeout: self.connect_timeout,
            read_timeout: self.read_timeout,
        };
        let delays = self.backoff.delays();
        Ok(EventSource::start(plan, self.policy, self.decoder, delays))
    }
}

impl fmt::Debug for EventSourceBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("EventSourceBuilder")
            .field("method", self.request.method())
            .field("uri", self.request.uri())
            .field("connector", &self.connector)
            .field("connect_timeout", &self.connect_timeout)
            .field("read_timeout", &self.read_timeout)
            .field("backoff", &self.backoff)
            .finish_non_exhaustive()
    }
}
