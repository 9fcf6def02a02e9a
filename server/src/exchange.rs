//! What a server's chain carries: a request on its way in, a response on its way back.

use std::{fmt::Display, net::SocketAddr, sync::Arc};

use http::{HeaderMap, Method, Request, Uri, request};
use peristyle_core::{Answer, BoxError, Outcome};
use tracing::Span;

use crate::{
    Ended, IntoResponse, Rejection, RequestBody, Response, RouteUrl, Shutdown, State, UrlError,
    extract::States,
    lifeline::{Disconnected, Line},
    routes::{Matched, MatchedRoute, Place, RouteInfo, Table},
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
    /// For the response in the end.
    late: Option<Box<HeaderMap>>,
    matched: Matched,
    site: Arc<Site>,
    line: Line,
    span: Span,
}

/// What the exchanges of a connection have in common.
#[derive(Debug)]
pub(crate) struct Site {
    pub(crate) states: States,
    pub(crate) shutdown: Shutdown,
    pub(crate) peer: Option<SocketAddr>,
    /// The router's.
    pub(crate) table: Option<Arc<Table>>,
}

impl Exchange {
    pub(crate) fn new(
        head: request::Parts,
        body: RequestBody,
        site: Arc<Site>,
        line: Line,
        span: Span,
    ) -> Self {
        Self {
            head,
            body,
            response: None,
            late: None,
            matched: Matched::default(),
            site,
            line,
            span,
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

    /// Headers that are added to the response in the end, whatever it will be and whoever makes it: a handler, or the answer to an
    /// error that nobody has raised yet. Any stage can add some, also one that handles or declines an error.
    ///
    /// A header that the response has itself stays as it is; to `Vary` and `Set-Cookie` they are added. Interceptors do not see
    /// them on the [`response`](Self::response). What describes the body, such as `Content-Length`, has no place here, since
    /// nobody knows the body yet. They are lost with an exchange that a stage takes away and never gives back.
    ///
    /// ```
    /// use http::{HeaderName, HeaderValue};
    /// use peristyle_core::{before, handler};
    /// use peristyle_server::{Context, Routes, TestClient};
    ///
    /// fn region(cx: &mut Context) {
    ///     let (name, value) = (HeaderName::from_static("x-region"), HeaderValue::from_static("north"));
    ///     cx.late_headers().insert(name, value);
    /// }
    ///
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error + Send + Sync>> {
    /// let routes = Routes::new().interceptors(before(region));
    /// let router = routes.get("/", handler(|_: &mut Context| "hello")).build()?;
    /// let client = TestClient::new(router);
    /// for (uri, status) in [("/", 200), ("/none", 404)] {
    ///     let response = client.get(uri).send().await;
    ///     assert_eq!(response.status(), status);
    ///     assert_eq!(response.headers()["x-region"], "north");
    /// }
    /// # Ok(())
    /// # }
    /// ```
    pub fn late_headers(&mut self) -> &mut HeaderMap {
        self.late.get_or_insert_default()
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
        self.matched().info()
    }

    /// A parameter of the matched route's pattern, percent-decoded.
    pub fn param(&self, name: &str) -> Option<&str> {
        self.matched().param(name)
    }

    /// The address of the route of this name: [`Router::url_for`](crate::Router::url_for) of the router that the request passed.
    ///
    /// # Errors
    ///
    /// As [`Router::url_for`](crate::Router::url_for); [`UrlError::NotRouted`] before the router has run.
    pub fn url_for(
        &self,
        name: &str,
        params: &[(&str, &dyn Display)],
    ) -> Result<RouteUrl, UrlError> {
        self.matched().url_for(name, params)
    }

    /// The parameters of the matched route's pattern with their values, percent-decoded, in the order of the pattern.
    pub fn params(&self) -> impl Iterator<Item = (&str, &str)> {
        self.matched().params()
    }

    /// What [`Routes::state`](crate::Routes::state) was given of this type.
    ///
    /// # Errors
    ///
    /// When it was given none, which is answered with 500.
    pub fn state<T: Send + Sync + 'static>(&self) -> Result<State<T>, Rejection> {
        self.site.states.get()
    }

    /// The address of the client's end of the connection; `None` where there is no socket.
    pub fn peer(&self) -> Option<SocketAddr> {
        self.site.peer
    }

    /// The server's shutdown, to be watched.
    pub fn shutdown(&self) -> &Shutdown {
        &self.site.shutdown
    }

    /// A future that resolves when the exchange is over: the client has left, or was served. It borrows nothing, so that a
    /// task which works for this request can watch it, or an execution that was detached.
    pub fn disconnected(&self) -> Disconnected {
        self.line.watch()
    }

    /// Calls `f` once with what became of this exchange: when the last of the response's body has been sent, or when it is
    /// certain that it will not be, and at once when that was so before. Functions are called in the order in which they were
    /// given, on a thread that serves connections: they should not block. A panic is logged, and ends nothing else.
    ///
    /// ```
    /// use peristyle_core::{before, handler};
    /// use peristyle_server::{Context, Ended, Routes, TestClient};
    ///
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error + Send + Sync>> {
    /// let (tell, told) = std::sync::mpsc::channel();
    /// let count = before(move |cx: &mut Context| {
    ///     let tell = tell.clone();
    ///     cx.on_ended(move |ended: &Ended| tell.send((ended.exit().as_str(), ended.bytes())).unwrap());
    /// });
    /// let router = Routes::new().get("/", [count, handler(async |_: &mut Context| "hello")]).build()?;
    /// TestClient::new(router).get("/").send().await.text().await?;
    /// assert_eq!(told.recv()?, ("served", 5));
    /// # Ok(())
    /// # }
    /// ```
    pub fn on_ended(&self, f: impl FnOnce(&Ended) + Send + 'static) {
        self.line.on_ended(Box::new(f));
    }

    /// The span that all of this request is in: that of [`Router::request_span`](crate::Router::request_span), else one that is
    /// disabled. Give it to a task that works for this request, or record in it.
    pub fn span(&self) -> &Span {
        &self.span
    }

    pub(crate) fn set_response(&mut self, response: Response) {
        self.response = Some(response);
    }

    fn matched(&self) -> MatchedRoute<'_> {
        self.matched.with(self.site.table.as_ref())
    }

    /// The request was looked up in this table.
    pub(crate) fn set_matched(&mut self, table: &Arc<Table>, place: Option<Place>) {
        self.matched = Matched::new(table, self.site.table.as_ref(), place);
    }

    /// The headers of the response on the way back, when nothing has failed.
    pub(crate) fn headers_out(&mut self) -> &mut HeaderMap {
        match &mut self.response {
            Some(response) => response.headers_mut(),
            None => self.late.get_or_insert_default(),
        }
    }

    pub(crate) fn line(&self) -> &Line {
        &self.line
    }

    pub(crate) fn take_response(&mut self) -> Option<Response> {
        self.response.take()
    }

    pub(crate) fn take_late(&mut self) -> Option<Box<HeaderMap>> {
        self.late.take()
    }
}

/// A GET of `/` without headers, from nobody: what stays behind when a stage takes the exchange away.
impl Default for Exchange {
    fn default() -> Self {
        let nowhere = Site {
            states: States::default(),
            shutdown: Shutdown::never(),
            peer: None,
            table: None,
        };
        let (site, line) = (Arc::new(nowhere), Line::default());
        let (head, body) = Request::default().into_parts();
        Self::new(head, body, site, line, Span::none())
    }
}

/// What a handler returns is the response.
impl<R: IntoResponse> Answer<R> for Exchange {
    fn answer(&mut self, answer: R) -> Result<(), BoxError> {
        self.respond(answer)
    }
}
