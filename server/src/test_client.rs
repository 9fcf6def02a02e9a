//! A client for tests: requests go straight into a router, without a socket.

use std::fmt;

use bytes::{Buf, Bytes, BytesMut};
use http::{HeaderMap, HeaderName, HeaderValue, Method, Request, StatusCode, Uri};
use peristyle_core::BoxError;

use crate::{
    Body, RequestBody, Router, Shutdown,
    activity::Activity,
    body::data,
    detached::{self, Detached},
    outgoing::Outgoing,
};

/// Runs requests through a router in process.
///
/// The walk, the errors and the framing rules are those of the server; only the connection is missing. Dropping a request's
/// future or a response is what a client that leaves does.
///
/// ```
/// # use peristyle_core::handler;
/// # use peristyle_server::{Context, Routes, TestClient};
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error + Send + Sync>> {
/// let router = Routes::new()
///     .get("/greet/{name}", handler(|cx: &mut Context| format!("hello, {}", cx.param("name").unwrap_or("?"))))
///     .build()?;
/// let response = TestClient::new(router).get("/greet/Ada").send().await;
/// assert_eq!(response.status(), 200);
/// assert_eq!(response.text().await?, "hello, Ada");
/// # Ok(())
/// # }
/// ```
#[derive(Debug, Clone)]
pub struct TestClient {
    router: Router,
    detached: Detached,
}

impl TestClient {
    /// A client of this router.
    pub fn new(router: Router) -> Self {
        Self {
            router,
            detached: Detached::new(detached::LIMIT),
        }
    }

    /// Waits until no [detached](peristyle_core::Context::detach) execution runs any more. Dropping the client and its clones
    /// cancels those that do.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future has no effect.
    pub async fn finished(&self) {
        self.detached.finished().await;
    }

    /// A GET request.
    ///
    /// # Panics
    ///
    /// When `uri` is not one.
    #[track_caller]
    pub fn get(&self, uri: &str) -> TestRequest<'_> {
        self.request(Method::GET, uri)
    }

    /// A POST request.
    ///
    /// # Panics
    ///
    /// When `uri` is not one.
    #[track_caller]
    pub fn post(&self, uri: &str, body: impl Into<Body>) -> TestRequest<'_> {
        self.request(Method::POST, uri).body(body)
    }

    /// A request.
    ///
    /// # Panics
    ///
    /// When `uri` is not one.
    #[track_caller]
    pub fn request(&self, method: Method, uri: &str) -> TestRequest<'_> {
        let uri: Uri = uri.parse().expect("a test's URI is one");
        let mut request = Request::new(RequestBody::default());
        *request.method_mut() = method;
        *request.uri_mut() = uri;
        TestRequest {
            client: self,
            request,
        }
    }
}

/// A request of a test.
#[derive(Debug)]
#[must_use = "a request is sent by `send`"]
pub struct TestRequest<'a> {
    client: &'a TestClient,
    request: Request<RequestBody>,
}

impl TestRequest<'_> {
    /// Adds a header.
    pub fn header(mut self, name: HeaderName, value: HeaderValue) -> Self {
        self.request.headers_mut().append(name, value);
        self
    }

    /// Sets the body. Default is none.
    pub fn body(mut self, body: impl Into<Body>) -> Self {
        *self.request.body_mut() = RequestBody::from(body);
        self
    }

    /// Sends the request and waits for the head of the response.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future drops the exchange, as when the client leaves.
    pub async fn send(self) -> TestResponse {
        let TestClient { router, detached } = self.client;
        let site = router.site(Shutdown::never(), None);
        let (ongoing, line) = Activity::default().begin();
        let (head, body) = self.request.into_parts();
        let answering = router.handle(head, body, site, detached.clone(), line);
        TestResponse(Outgoing::respond(answering.await.into_answered(), ongoing))
    }
}

/// A response in a test. Dropping it leaves in the middle of its body.
pub struct TestResponse(http::Response<Outgoing>);

impl TestResponse {
    /// The status.
    pub fn status(&self) -> StatusCode {
        self.0.status()
    }

    /// The headers.
    pub fn headers(&self) -> &HeaderMap {
        self.0.headers()
    }

    /// The types that the response carries beside its head.
    pub fn extensions(&self) -> &http::Extensions {
        self.0.extensions()
    }

    /// The next piece of the body; `None` at its end.
    ///
    /// # Errors
    ///
    /// When the body fails: a server would abort the connection here.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future loses no piece.
    pub async fn chunk(&mut self) -> Option<Result<Bytes, BoxError>> {
        let piece = data(self.0.body_mut()).await?;
        Some(piece.map(|mut piece| piece.copy_to_bytes(piece.remaining())))
    }

    /// The rest of the body.
    ///
    /// # Errors
    ///
    /// When the body fails.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future loses what was read, and leaves.
    pub async fn bytes(mut self) -> Result<Bytes, BoxError> {
        let mut whole = BytesMut::new();
        while let Some(piece) = self.chunk().await {
            whole.extend_from_slice(&piece?);
        }
        Ok(whole.freeze())
    }

    /// The rest of the body as text.
    ///
    /// # Errors
    ///
    /// When the body fails, or is not UTF-8.
    ///
    /// # Cancel safety
    ///
    /// As [`bytes`](Self::bytes).
    pub async fn text(self) -> Result<String, BoxError> {
        Ok(String::from_utf8(self.bytes().await?.into())?)
    }
}

impl fmt::Debug for TestResponse {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TestResponse")
            .field("status", &self.status())
            .field("headers", self.headers())
            .finish_non_exhaustive()
    }
}
