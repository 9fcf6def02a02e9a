//! One request and its response, over a connection of their own.

use std::{
    fmt,
    future::{Future, poll_fn},
    pin::{Pin, pin},
    task::{Context, Poll, ready},
};

use bytes::Bytes;
use http::{Request, response::Parts};
use http_body::Body;
use http_body_util::Full;
use hyper::{
    body::Incoming,
    client::conn::http1::{self, Connection, SendRequest},
};
use hyper_util::rt::TokioIo;

use super::connect::Transport;

/// The longest head of a response, in bytes, and the most that is read ahead of the program.
const MAX_BUFFER: usize = 64 * 1024;

/// A response whose head has come.
///
/// The connection runs while the response is read; both end when this is dropped.
pub(super) struct Exchange {
    driver: Driver,
    body: Incoming,
    /// Without it the connection takes its request for given up.
    _sender: SendRequest<Full<Bytes>>,
}

impl Exchange {
    /// Sends `request` over `io`; gives the head of the response, and the rest of it to be read.
    pub(super) async fn start(
        io: Box<dyn Transport>,
        request: Request<Full<Bytes>>,
    ) -> hyper::Result<(Parts, Self)> {
        let (mut sender, connection) = http1::Builder::new()
            .max_buf_size(MAX_BUFFER)
            .handshake(TokioIo::new(io))
            .await?;
        let mut driver = Driver(Some(connection));
        let mut response = pin!(sender.send_request(request));
        let response = poll_fn(|cx| {
            driver.drive(cx);
            response.as_mut().poll(cx)
        });
        let (head, body) = response.await?.into_parts();
        let exchange = Self {
            driver,
            body,
            _sender: sender,
        };
        Ok((head, exchange))
    }

    /// The next piece of the body; `None` when it is complete.
    pub(super) fn poll_data(&mut self, cx: &mut Context<'_>) -> Poll<Option<hyper::Result<Bytes>>> {
        self.driver.drive(cx);
        let frame = ready!(Pin::new(&mut self.body).poll_frame(cx));
        // Trailers come last, and mean nothing to an event stream.
        Poll::Ready(frame.and_then(|frame| frame.map(|it| it.into_data().ok()).transpose()))
    }
}

impl fmt::Debug for Exchange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Exchange").finish_non_exhaustive()
    }
}

/// Whoever waits for the response polls the connection too.
///
/// `None` once it is over. Its error is left aside: hyper gives it to the response, or to its body,
/// if either is not complete.
struct Driver(Option<Connection<TokioIo<Box<dyn Transport>>, Full<Bytes>>>);

impl Driver {
    fn drive(&mut self, cx: &mut Context<'_>) {
        let polled = self.0.as_mut().map(|it| Pin::new(it).poll(cx));
        if polled.is_some_and(|polled| polled.is_ready()) {
            self.0 = None;
        }
    }
}
