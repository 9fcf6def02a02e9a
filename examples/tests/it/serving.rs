//! A server on a loopback socket.

use std::{io, net::SocketAddr, sync::Mutex, time::Duration};

use peristyle::{
    BoxError,
    server::{Context, IntoResponse, Response, Routes, Server},
};
use tokio::{
    sync::oneshot,
    task::JoinSet,
    time::{error::Elapsed, timeout},
};

/// Only a hang takes this long, however busy the machine.
const TOO_LONG: Duration = Duration::from_secs(180);

/// What happens soon, or the test fails.
pub(crate) async fn soon<F: Future>(future: F) -> Result<F::Output, Elapsed> {
    timeout(TOO_LONG, future).await
}

/// A server that is told to end when this is dropped, and with it cut off.
pub(crate) struct Serving {
    pub(crate) address: SocketAddr,
    drain: oneshot::Sender<()>,
    server: JoinSet<io::Result<()>>,
}

impl Serving {
    pub(crate) async fn start(routes: Routes) -> Result<Self, BoxError> {
        Self::start_with(routes, |server| server).await
    }

    pub(crate) async fn start_with(
        routes: Routes,
        set: impl FnOnce(Server) -> Server,
    ) -> Result<Self, BoxError> {
        let bound = Server::bind("127.0.0.1:0").await?;
        let address = bound.local_addr()?;
        let (drain, drained) = oneshot::channel();
        let mut server = JoinSet::new();
        server.spawn(set(bound).serve_until(routes.build()?, async { drop(drained.await) }));
        Ok(Self {
            address,
            drain,
            server,
        })
    }

    pub(crate) fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    /// Tells it to end, and waits until it has.
    pub(crate) async fn end(mut self) -> Result<(), BoxError> {
        drop(self.drain);
        let ended = soon(self.server.join_next()).await?;
        Ok(ended.ok_or("the server was not there")???)
    }
}

/// The response for the first who asks.
pub(crate) fn once(
    response: impl IntoResponse,
) -> Result<impl Fn(&mut Context) -> Result<Response, &'static str>, BoxError> {
    let response = Mutex::new(Some(response.into_response()?));
    Ok(move |_: &mut Context| {
        let mut response = response.lock().map_err(|_| "poisoned")?;
        response.take().ok_or("was asked for twice")
    })
}
