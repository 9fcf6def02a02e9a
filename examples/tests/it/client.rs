//! A client with a connection of its own for each request, and a reader of event streams.

use std::net::SocketAddr;

use http_body_util::{BodyExt, Full};
use hyper::{
    Response,
    body::{Bytes, Incoming},
    client::conn::http1,
    http::request::Builder,
};
use hyper_util::rt::TokioIo;
use peristyle::{
    BoxError,
    sse::{EventReader, MessageEvent},
};
use tokio::{net::TcpStream, task::JoinSet};
use tokio_stream::StreamExt;

use crate::wire::soon;

/// A response, and the connection over which it comes. Dropped, the client has left.
pub(crate) struct Answer {
    pub(crate) response: Response<Incoming>,
    connection: JoinSet<()>,
}

impl Answer {
    pub(crate) async fn to(
        address: SocketAddr,
        request: Builder,
        body: &str,
    ) -> Result<Self, BoxError> {
        Self::over(TcpStream::connect(address).await?, request, body).await
    }

    pub(crate) async fn over(
        socket: TcpStream,
        request: Builder,
        body: &str,
    ) -> Result<Self, BoxError> {
        let (mut requests, open) = soon(http1::handshake(TokioIo::new(socket))).await?;
        let mut connection = JoinSet::new();
        connection.spawn(async { drop(open.await) });
        let body = Full::<Bytes>::from(body.to_owned());
        let request = request.header("host", "test").body(body)?;
        let response = soon(requests.send_request(request)).await?;
        Ok(Self {
            response,
            connection,
        })
    }

    pub(crate) fn status(&self) -> u16 {
        self.response.status().as_u16()
    }

    pub(crate) async fn text(self) -> Result<String, BoxError> {
        let bytes = soon(self.response.into_body().collect()).await?.to_bytes();
        Ok(String::from_utf8(bytes.into())?)
    }

    #[track_caller]
    pub(crate) fn events(self) -> Events {
        assert_eq!(self.status(), 200);
        Events {
            reader: EventReader::new(self.response.into_body()),
            _connection: self.connection,
        }
    }
}

/// The events that a client gets. Dropped, it has left.
pub(crate) struct Events {
    reader: EventReader<Incoming>,
    _connection: JoinSet<()>,
}

impl Events {
    pub(crate) async fn next(&mut self) -> Result<MessageEvent, BoxError> {
        let event = soon(self.reader.next()).await;
        Ok(event.ok_or("the stream has ended")??)
    }

    /// The name, the id and the data of the next event.
    pub(crate) async fn gives(&mut self, expected: [&str; 3]) -> Result<(), BoxError> {
        let event = self.next().await?;
        assert_eq!([event.event(), event.id(), event.data()], expected);
        Ok(())
    }

    /// It ends cleanly, without another event.
    pub(crate) async fn end(mut self) -> Result<(), BoxError> {
        match soon(self.reader.next()).await {
            None => Ok(()),
            Some(event) => Err(format!("{:?}", event?).into()),
        }
    }
}
