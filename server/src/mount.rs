//! Tower services as handlers.

use std::future::poll_fn;

use bytes::Buf;
use http::{
    Method, Request, Uri,
    header::CONTENT_LENGTH,
    uri::{Parts, PathAndQuery},
};
use peristyle_core::{BoxError, Interceptor, Link, Name, Stages, Step};
use tower_service::Service;

use crate::{Body, Context, Exchange, Group, Peer, RequestBody, Response};

/// All paths under a prefix, with every method, for a tower service to answer. It sees each path without the prefix: mounted
/// under `/assets` it is asked for `/logo.svg` when the client asked for `/assets/logo.svg`, and for `/` when the client asked
/// for `/assets` or `/assets/`. The query is kept. With [`from_tower`] a service sees the whole path.
///
/// ```
/// use std::convert::Infallible;
///
/// use peristyle_core::before;
/// use peristyle_server::{
///     Context, OriginalUri, RequestBody, Routes, TestClient,
///     http::{Request, Response}, mount,
/// };
/// use tower::service_fn;
///
/// async fn show(request: Request<RequestBody>) -> Result<Response<String>, Infallible> {
///     let Some(OriginalUri(whole)) = request.extensions().get() else {
///         unreachable!("a mounted service has it");
///     };
///     Ok(Response::new(format!("{} of {whole}", request.uri())))
/// }
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), peristyle_core::BoxError> {
/// let count = before(|_: &mut Context| ());
/// let assets = mount("/assets", service_fn(show)).interceptors(count);
/// let client = TestClient::new(Routes::new().group(assets).build()?);
///
/// let response = client.get("/assets/logo.svg?v=2").send().await;
/// assert_eq!(response.text().await?, "/logo.svg?v=2 of /assets/logo.svg?v=2");
/// # Ok(())
/// # }
/// ```
///
/// What is given back is a [`Group`], to be added to [`Routes`](crate::Routes) or to another group, whose prefix is stripped as
/// well. Interceptors, a host and metadata can be added to it. Prefixes are as [`Group::new`] has them; the prefix `""` stands
/// for all paths. Segments are compared in the form that routes are, so that an escaped prefix is stripped as well, and a
/// parameter in it, `/tenants/{id}`, takes its segment away. A route that is more specific goes before; a path with escapes
/// that are none, or are not UTF-8, is a 400.
///
/// All else is as in [`from_tower`].
#[track_caller]
pub fn mount<S, B>(prefix: &str, service: S) -> Group
where
    S: Service<Request<RequestBody>, Response = http::Response<B>> + Clone + Send + Sync + 'static,
    S::Error: Into<BoxError>,
    S::Future: Send,
    B: http_body::Body<Data: Buf> + Send + 'static,
    B::Error: Into<BoxError>,
{
    let target = Target::BelowPrefix;
    let link = Link::new(Tower { service, target });
    let group = Group::new(prefix)
        .any("/", link.clone())
        .any(BELOW, link.clone());
    if prefix.is_empty() {
        group
    } else {
        group.any("", link)
    }
}

/// The pattern of the paths below a prefix.
const BELOW: &str = "/{*mounted}";

/// A handler that a tower service is: an axum application, a service of tower-http, or anything in layers of tower. It sees
/// the target as the client sent it; see [`mount`] for a service that answers all paths under a prefix.
///
/// ```
/// use std::convert::Infallible;
///
/// use peristyle_server::{
///     RequestBody, Routes, TestClient, from_tower, handler,
///     http::{Request, Response},
/// };
/// use tower::service_fn;
///
/// async fn old(request: Request<RequestBody>) -> Result<Response<String>, Infallible> {
///     Ok(Response::new(format!("the old answer to {}", request.uri())))
/// }
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), peristyle_core::BoxError> {
/// let router = Routes::new()
///     .get("/new", handler(|| "the new answer"))
///     .any("/{*path}", from_tower(service_fn(old)))
///     .build()?;
/// let client = TestClient::new(router);
/// assert_eq!(client.get("/new").send().await.text().await?, "the new answer");
/// assert_eq!(client.get("/a/b").send().await.text().await?, "the old answer to /a/b");
/// # Ok(())
/// # }
/// ```
///
/// # The service
///
/// Each request has a clone, which is asked whether it is ready and then called; so limits and load shedding hold if clones share
/// them, as those of tower do. An error of the service is raised in the chain, where unhandled it is a 500; a response is one,
/// whatever its status. A service that is not `Sync` is made so by tower's `BoxCloneSyncService`, one that cannot be cloned by
/// its `Buffer`.
///
/// # The request
///
/// The body is moved to the service, with its limit: [`RequestBody`]. The head is copied, since interceptors may need it on the
/// way back. Among its extensions are [`Peer`], where there is one, and the server's [`Shutdown`](crate::Shutdown).
///
/// # The response
///
/// Its body may be any `http_body::Body` of bytes. A status of 1xx cannot end an exchange, so that a service cannot
/// take the connection for another protocol.
///
/// # Cancel safety
///
/// When the client leaves, the future of the service is dropped, or the body of its response.
pub fn from_tower<S, B>(service: S) -> Link<Exchange>
where
    S: Service<Request<RequestBody>, Response = http::Response<B>> + Clone + Send + Sync + 'static,
    S::Error: Into<BoxError>,
    S::Future: Send,
    B: http_body::Body<Data: Buf> + Send + 'static,
    B::Error: Into<BoxError>,
{
    let target = Target::Whole;
    Link::new(Tower { service, target })
}

/// A service as an interceptor.
struct Tower<S> {
    service: S,
    target: Target,
}

/// What a service sees of a request's target.
#[derive(Clone, Copy)]
enum Target {
    Whole,
    BelowPrefix,
}

impl<S, B> Interceptor<Exchange> for Tower<S>
where
    S: Service<Request<RequestBody>, Response = http::Response<B>> + Clone + Send + Sync + 'static,
    S::Error: Into<BoxError>,
    S::Future: Send,
    B: http_body::Body<Data: Buf> + Send + 'static,
    B::Error: Into<BoxError>,
{
    fn stages(&self) -> Stages {
        Stages::ENTER
    }

    fn name(&self) -> Name {
        Name::of::<S>()
    }

    fn enter<'a>(&'a self, cx: &'a mut Context) -> Step<'a, Exchange> {
        let mut service = self.service.clone();
        Step::later(async move {
            let ready = poll_fn(|cx| service.poll_ready(cx)).await;
            ready.map_err(Into::into)?;
            let request = self.target.request(cx)?;
            let response = service.call(request).await;
            let response = response.map_err(Into::into)?.map(Body::new);
            let response = headed(response, cx.method());
            cx.set_response(response);
            Ok(())
        })
    }
}

impl Target {
    fn request(self, cx: &mut Context) -> Result<Request<RequestBody>, http::Error> {
        let mut head = cx.request().clone();
        if let Some(peer) = cx.peer() {
            head.extensions.insert(Peer(peer));
        }
        head.extensions.insert(cx.shutdown().clone());
        match self {
            Self::Whole => {}
            Self::BelowPrefix => {
                let pattern = cx.route().map_or("", |route| route.pattern());
                let whole = head.uri;
                head.uri = below(&whole, depth(pattern))?;
                head.extensions.get_or_insert(OriginalUri(whole));
            }
        }
        Ok(Request::from_parts(head, cx.body().take()))
    }
}

/// A service may answer `HEAD` without the body that it would send to `GET`, and without its length. The length is then unknown,
/// not nothing (RFC 9110, section 8.6).
fn headed(response: Response, method: &Method) -> Response {
    let unknown = *method == Method::HEAD
        && !response.headers().contains_key(CONTENT_LENGTH)
        && http_body::Body::size_hint(response.body()).exact() == Some(0);
    if unknown {
        return response.map(|_| Body::withheld());
    }
    response
}

/// How many segments the prefix has under which a service is mounted with this pattern.
fn depth(pattern: &str) -> usize {
    let below = pattern.strip_suffix(BELOW);
    let prefix = below.or_else(|| pattern.strip_suffix('/'));
    prefix.unwrap_or(pattern).matches('/').count()
}

/// The target without the first segments of its path. It is one, unless an interceptor has put something else in its place.
fn below(whole: &Uri, segments: usize) -> Result<Uri, http::Error> {
    let path = whole.path();
    let mut slashes = path.match_indices('/').map(|(at, _)| at);
    let rest = slashes.nth(segments).map_or("/", |at| &path[at..]);
    let mut parts = Parts::from(whole.clone());
    parts.path_and_query = Some(match whole.query() {
        Some(query) => PathAndQuery::try_from(format!("{rest}?{query}"))?,
        None => PathAndQuery::try_from(rest)?,
    });
    Ok(Uri::from_parts(parts)?)
}

/// The target as the client sent it, among the extensions of a request to a [mounted](mount) service. Of a service that is mounted
/// in a mounted one it is that of the outermost.
#[derive(Debug, Clone, PartialEq, Eq)]
#[expect(
    clippy::exhaustive_structs,
    reason = "a wrapper that is built and taken apart by its field"
)]
pub struct OriginalUri(pub Uri);
