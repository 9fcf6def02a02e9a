//! What a server's chain carries: a request on its way in, a response on its way back.

use std::net::SocketAddr;

use http::{HeaderMap, Method, Request, Uri, request};
use peristyle_core::{Answer, BoxError, Outcome};

use crate::{
    IntoResponse, RequestBody, Response, Shutdown,
    lifeline::{Disconnected, Line},
    routes::{Matched, RouteInfo},
};

/// The context of a server's chain. It derefs to the [`Exchange`].
pub type Context = peristyle_core::Context<Exchange>;

/// One request and its response.
///
/// Setting a response ends the way in: what is still queued is dropped, and the walk turns back.
#[derive(Debug)]
pub struct Exchange {
    head: request::Parts,
    body: RequestBody,
    response: Option<Response>,
    matched: Matched,
    peer: Option<SocketAddr>,
    shutdown: Shutdown,
    line: Line,
}

impl Exchange {
    pub(crate) fn new(
        request: Request<RequestBody>,
        peer: Option<SocketAddr>,
        shutdown: Shutdown,
        line: Line,
    ) -> Self {
        let (head, body) = request.into_parts();
        Self {
            head,
            body,
            response: None,
            matched: Matched::default(),
            peer,
            shutdown,
            line,
        }
    }

    /// The request's head.
    pub fn request(&self) -> &request::Parts {
        &self.head
    }

    /// The request's head, to be changed for later stages.
    pub fn request_mut(&mut self) -> &mut request::Parts {
        &mut self.head
    }

    /// The request's method.
    pub fn method(&self) -> &Method {
        &self.head.method
    }

    /// The request's target.
    pub fn uri(&self) -> &Uri {
        &self.head.uri
    }

    /// The request's headers.
    pub fn headers(&self) -> &HeaderMap {
        &self.head.headers
    }

    /// The request's body.
    pub fn body(&mut self) -> &mut RequestBody {
        &mut self.body
    }

    /// The response, once there is one.
    pub fn response(&self) -> Option<&Response> {
        self.response.as_ref()
    }

    /// The response, to be changed on the way back.
    pub fn response_mut(&mut self) -> Option<&mut Response> {
        self.response.as_mut()
    }

    /// Answers the request, replacing a response that was set before.
    ///
    /// # Errors
    ///
    /// When the value gives no response: see [`IntoResponse`].
    pub fn respond(&mut self, response: impl IntoResponse) -> Outcome {
        let response = response.into_response()?;
        self.set_response(response);
        Ok(())
    }

    /// The route that the request matched; `None` when it matched none, and before the router has run.
    pub fn route(&self) -> Option<&RouteInfo> {
        self.matched.route()
    }

    /// A parameter of the matched route's pattern, percent-decoded.
    pub fn param(&self, name: &str) -> Option<&str> {
        self.matched.param(name)
    }

    /// The address of the client's end of the connection; `None` where there is no socket.
    pub fn peer(&self) -> Option<SocketAddr> {
        self.peer
    }

    /// The server's shutdown, to be watched.
    pub fn shutdown(&self) -> &Shutdown {
        &self.shutdown
    }

    /// A future that resolves when the exchange is over: the client has left, or was served. It borrows nothing, so that a
    /// task which works for this request can watch it, or an execution that was detached.
    pub fn disconnected(&self) -> Disconnected {
        self.line.watch()
    }

    pub(crate) fn set_response(&mut self, response: Response) {
        self.response = Some(response);
    }

    pub(crate) fn matched_mut(&mut self) -> &mut Matched {
        &mut self.matched
    }

    pub(crate) fn into_response(self) -> Option<Response> {
        self.response
    }
}

/// A GET of `/` without headers, from nobody: what stays behind when a stage takes the exchange away.
impl Default for Exchange {
    fn default() -> Self {
        Self::new(Request::default(), None, Shutdown::never(), Line::default())
    }
}

/// What a handler returns is the response.
impl<R: IntoResponse> Answer<R> for Exchange {
    fn answer(&mut self, answer: R) -> Result<(), BoxError> {
        self.respond(answer)
    }
}
