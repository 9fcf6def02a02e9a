//! Routers in axum and in layers of tower, and tower services in routers.

use std::{
    convert::Infallible,
    fs,
    future::{Ready, pending, ready},
    net::SocketAddr,
    path::PathBuf,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    task::{Context as TaskContext, Poll},
    time::Duration,
};

use bytes::{Buf, Bytes};
use http::{Method, Request, StatusCode, header};
use http_body::Body as _;
use http_body_util::{BodyExt, Empty, Full, combinators::UnsyncBoxBody};
use peristyle_core::{Caught, Chain, End, after, before, catch, handler};
use peristyle_server::{
    Body, BodyError, Context, Exit, Group, OriginalUri, Peer, RequestBody, Response, RouteError,
    Routes, Shutdown, TestClient, from_tower, mount,
};
use tokio::{
    net::TcpListener,
    sync::{mpsc, oneshot},
    task::JoinSet,
};
use tokio_test::{assert_pending, task};
use tower::{
    Service, ServiceBuilder, ServiceExt, limit::ConcurrencyLimit, load_shed::error::Overloaded,
    service_fn,
};
use tower_http::{services::ServeDir, timeout::TimeoutLayer};

use crate::support::{
    Client, Dropped, Fed, GET, Running, Waits, finished, get, once, request, soon, tells,
};

const TEXT: &str = "content-type: text/plain; charset=utf-8\r\n";

/// An axum application on a loopback socket.
struct Axum {
    address: SocketAddr,
    _serving: JoinSet<()>,
}

impl Axum {
    async fn start(app: axum::Router) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let mut serving = JoinSet::new();
        serving.spawn(async { axum::serve(listener, app).await.unwrap() });
        Self {
            address,
            _serving: serving,
        }
    }

    async fn connect(&self) -> Client {
        Client::connect(self.address).await
    }

    async fn answer(&self, bytes: impl AsRef<[u8]>) -> String {
        self.connect().await.answer(bytes).await
    }
}

fn whole(text: String) -> http::Response<Full<Bytes>> {
    http::Response::new(Full::new(text.into()))
}

/// Answers with the method and the target that it sees.
async fn sees(request: Request<RequestBody>) -> Result<http::Response<Full<Bytes>>, Infallible> {
    Ok(whole(format!("{} {}", request.method(), request.uri())))
}

fn client(routes: Routes) -> TestClient {
    TestClient::new(routes.build().unwrap())
}

async fn get_text(client: &TestClient, uri: &str) -> String {
    client.get(uri).send().await.text().await.unwrap()
}

#[tokio::test]
async fn axum_sends_what_the_router_answers() {
    let (_values, stream) = Fed::new();
    let router = Routes::new()
        .get("/", handler(|_: &mut Context| "hello"))
        .get("/stream", handler(once(stream.response())))
        .post(
            "/api",
            handler(async |cx: &mut Context| cx.body().bytes().await),
        )
        .build();
    let service = router.unwrap().into_service();
    let app = axum::Router::new()
        .route("/axum", axum::routing::get(|| async { "axum's" }))
        .nest_service("/under", service.clone())
        .fallback_service(service);
    let server = Axum::start(app).await;
    let close = "connection: close\r\n";
    let text = format!("200 OK\r\n{TEXT}");
    let binary = "content-type: application/octet-stream\r\n";
    for (sent, expected) in [
        (
            get("/"),
            format!("{text}{close}content-length: 5\r\n\r\nhello"),
        ),
        (
            request("HEAD", "/"),
            format!("{text}content-length: 5\r\n{close}\r\n"),
        ),
        (request("HEAD", "/stream"), format!("200 OK\r\n{close}\r\n")),
        (
            request("POST", "/under/api").replace("\r\n\r\n", "\r\ncontent-length: 3\r\n\r\nabc"),
            format!("200 OK\r\n{binary}{close}content-length: 3\r\n\r\nabc"),
        ),
        (
            get("/axum"),
            format!("{text}content-length: 6\r\n{close}\r\naxum's"),
        ),
    ] {
        let answer = server.answer(&sent).await;
        assert_eq!(answer, format!("HTTP/1.1 {expected}"), "{sent}");
    }
    let missing = server.answer(get("/missing")).await;
    assert!(missing.starts_with("HTTP/1.1 404 "), "{missing}");
    assert!(
        missing.contains("\r\ncontent-type: application/problem+json\r\n"),
        "{missing}"
    );
}

#[tokio::test]
async fn a_client_of_axum_that_leaves_drops_the_stage_and_the_body() {
    let (values, mut body) = Fed::new();
    let (dropped, mut drops) = mpsc::channel(2);
    body.dropped = Some(Dropped(dropped.clone()));
    let (entered, mut entering) = mpsc::channel(1);
    let (tell, mut watched) = tells();
    let router = Routes::new()
        .get("/", peristyle_core::Link::new(Waits { entered, dropped }))
        .get(
            "/stream",
            Chain::new([tell, handler(once(body.response()))]),
        )
        .build();
    let service = router.unwrap().into_service();
    let server = Axum::start(axum::Router::new().fallback_service(service)).await;

    let mut client = server.connect().await;
    client.send(GET).await;
    let disconnected = soon(entering.recv()).await.unwrap();
    assert!(drops.try_recv().is_err());
    drop(client);
    soon(drops.recv()).await.unwrap();
    assert_eq!(soon(disconnected).await, Exit::Left);

    let mut client = server.connect().await;
    client.send(get("/stream")).await;
    values.send(Ok("hello".into())).await.unwrap();
    client.until("5\r\nhello\r\n").await;
    drop(client);
    soon(drops.recv()).await.unwrap();
    assert_eq!(soon(watched.recv().await.unwrap()).await, Exit::Left);
}

#[tokio::test(start_paused = true)]
async fn a_router_goes_into_layers_of_tower() {
    let routes = Routes::new()
        .get("/", handler(|_: &mut Context| "hello"))
        .get(
            "/slow",
            handler(async |_: &mut Context| pending::<()>().await),
        );
    let layers = ServiceBuilder::new()
        .layer(TimeoutLayer::with_status_code(
            StatusCode::GATEWAY_TIMEOUT,
            Duration::from_secs(5),
        ))
        .concurrency_limit(1);
    let mut service = layers.service(routes.build().unwrap().into_service());
    for (path, status, body) in [("/", 200, "hello"), ("/slow", 504, ""), ("/", 200, "hello")] {
        let request = Request::get(path).body(Empty::<Bytes>::new()).unwrap();
        let response = (&mut service).oneshot(request).await.unwrap();
        assert_eq!(response.status(), status, "{path}");
        let read = response.into_body().collect().await.unwrap().to_bytes();
        assert_eq!(read, body, "{path}");
    }
}

#[tokio::test]
async fn a_mounted_service_sees_the_path_without_the_prefix() {
    let sees = || service_fn(sees);
    let client = client(
        Routes::new()
            .group(mount("/assets", sees()))
            .group(Group::new("/tenants/{id}").group(mount("/caf\u{e9}", sees())))
            .get("/assets/own", handler(|_: &mut Context| "own"))
            .any("/whole/{*path}", from_tower(sees())),
    );
    for (target, seen) in [
        ("/assets", "/"),
        ("/assets/", "/"),
        ("/assets?a=b", "/?a=b"),
        ("/assets/?", "/?"),
        ("/assets/x.svg?v=1&w=%20?", "/x.svg?v=1&w=%20?"),
        ("/assets/a/b/", "/a/b/"),
        ("/assets//a", "//a"),
        ("/assets/assets/a", "/assets/a"),
        ("/%61ssets/%61%2fb", "/%61%2fb"),
        ("/assets/a%2f..%2fb/../c", "/a%2f..%2fb/../c"),
        ("/tenants/a%2Fb/caf%c3%a9/c?d", "/c?d"),
        ("/tenants/7/caf%C3%A9", "/"),
        ("/whole/%61//b?c", "/whole/%61//b?c"),
    ] {
        assert_eq!(
            get_text(&client, target).await,
            format!("GET {seen}"),
            "{target}"
        );
    }
    let absolute = "http://example.org:81/assets/a?b";
    assert_eq!(
        get_text(&client, absolute).await,
        "GET http://example.org:81/a?b"
    );
    assert_eq!(get_text(&client, "/assets/own").await, "own");
    for missing in ["/assetsx", "/asset", "/tenants/caf%C3%A9/x", "/whole"] {
        assert_eq!(client.get(missing).send().await.status(), 404, "{missing}");
    }
}

#[tokio::test]
async fn every_byte_that_a_path_may_have_passes_through() {
    let client = client(Routes::new().group(mount("/a", service_fn(sees))));
    let mut passed = 0;
    for byte in 0..=u8::MAX {
        let target = [b"/a/x".as_slice(), &[byte], b"?", &[byte]].concat();
        let uri = std::str::from_utf8(&target).ok();
        let Some(uri) = uri.filter(|uri| uri.parse::<http::Uri>().is_ok()) else {
            continue;
        };
        let response = client.get(uri).send().await;
        if byte != b'%' {
            let expected = uri.parse::<http::Uri>().unwrap().to_string().split_off(2);
            assert_eq!(response.text().await.unwrap(), format!("GET {expected}"));
            passed += 1;
        }
    }
    assert!(passed > 80, "{passed}");
}

#[tokio::test]
async fn every_method_is_the_services_own_and_so_is_its_404() {
    let all = service_fn(async |request: Request<RequestBody>| {
        let status = match request.uri().path() {
            "/missing" => StatusCode::NOT_FOUND,
            _ => StatusCode::OK,
        };
        let mut response = whole(request.method().to_string());
        *response.status_mut() = status;
        Ok::<_, Infallible>(response)
    });
    let client = client(Routes::new().group(mount("", all)));
    for method in ["GET", "POST", "OPTIONS", "TRACE", "PROPFIND"] {
        let method: Method = method.parse().unwrap();
        let response = client.request(method.clone(), "/").send().await;
        assert_eq!(response.text().await.unwrap(), method.as_str());
    }
    let missing = client.get("/missing").send().await;
    assert_eq!(missing.status(), 404);
    assert_eq!(missing.text().await.unwrap(), "GET");
    let server = client.request(Method::OPTIONS, "*").send().await;
    assert_eq!(server.status(), 204, "the server as a whole is not mounted");
}

#[tokio::test]
async fn a_prefix_is_checked_as_that_of_a_group_and_its_routes_are_listed() {
    for prefix in ["assets", "/assets/", "/"] {
        let routes = Routes::new().group(mount(prefix, service_fn(sees)));
        let errors = routes.build().unwrap_err();
        assert!(errors.iter().all(RouteError::is_bad_pattern), "{errors}");
        let place = errors.iter().next().unwrap().route().place();
        assert_eq!(place.file(), file!());
    }
    let own = before(|_: &mut Context| ());
    let assets = mount("/assets", service_fn(sees)).interceptors(own.named("own"));
    let router = Routes::new().group(assets).build().unwrap();
    let listed: Vec<_> = router
        .routes()
        .iter()
        .map(|listed| {
            let names: Vec<_> = listed.chain().names().map(ToString::to_string).collect();
            assert_eq!(names[2], "own");
            listed.route().to_string()
        })
        .collect();
    assert_eq!(
        listed,
        ["any /assets/", "any /assets/{*mounted}", "any /assets"]
    );
}

#[tokio::test]
async fn the_request_carries_what_is_known_beside_its_head() {
    async fn extensions(
        request: Request<RequestBody>,
    ) -> Result<http::Response<Full<Bytes>>, Infallible> {
        let extensions = request.extensions();
        let peer = extensions.get::<Peer>().map(|peer| peer.0.ip());
        let whole_uri = extensions
            .get::<OriginalUri>()
            .map(|whole| whole.0.to_string());
        let shutdown = extensions.get::<Shutdown>().map(Shutdown::is_requested);
        let own = extensions.get::<&str>();
        let key = request.headers().get("x-key");
        Ok(whole(format!(
            "{peer:?} {whole_uri:?} {shutdown:?} {own:?} {key:?}"
        )))
    }
    let tag = before(|cx: &mut Context| {
        cx.request_mut().extensions.insert("own");
    });
    let inner = Routes::new()
        .group(mount("/in", service_fn(extensions)))
        .build()
        .unwrap();
    let router = Routes::new()
        .interceptors(tag)
        .any("/whole", from_tower(service_fn(extensions)))
        .group(mount("/out", inner.into_service()))
        .build();
    let server = Running::start(router.unwrap()).await;
    let keyed = |path| get(path).replacen("\r\n", "\r\nx-key: k\r\n", 1);
    for (path, uri) in [("/whole", None), ("/out/in/a?b", Some("/out/in/a?b"))] {
        let answer = server.answer(keyed(path)).await;
        let expected =
            format!("\r\n\r\nSome(127.0.0.1) {uri:?} Some(false) Some(\"own\") Some(\"k\")");
        assert!(answer.ends_with(&expected), "{answer}");
    }
    server.ended().await;
}

#[tokio::test]
async fn the_body_is_moved_to_the_service_and_keeps_its_limit() {
    async fn echo(mut request: Request<RequestBody>) -> Result<http::Response<Body>, BodyError> {
        let first = request.body_mut().frame().await.unwrap()?;
        assert_eq!(first.into_data().unwrap(), "ab");
        let hint = request.body().size_hint();
        assert_eq!((hint.lower(), hint.exact()), (0, None));
        let rest = request.into_body().collect().await?.to_bytes();
        Ok(http::Response::new(rest.into()))
    }
    let taken = after(async move |cx: &mut Context| cx.body().bytes().await.map(drop));
    let limit = before(|cx: &mut Context| cx.body().set_limit(5));
    let chain = Chain::new([limit, from_tower(service_fn(echo))]);
    let routes = Routes::new().post("/", chain.clone());
    let client = client(routes.post("/again", Chain::new([taken]).then(&chain)));
    for (path, pieces, status) in [
        ("/", ["ab", "c", "de"], 200),
        ("/", ["ab", "c", "def"], 413),
        ("/again", ["ab", "c", "de"], 500),
    ] {
        let (values, body) = Fed::new();
        for piece in pieces {
            values.try_send(Ok(piece.into())).unwrap();
        }
        drop(values);
        let response = client.post(path, Body::new(body)).send().await;
        assert_eq!(response.status(), status, "{path} {pieces:?}");
        if status == 200 {
            assert_eq!(response.text().await.unwrap(), "cde");
        }
    }
}

#[derive(Debug)]
struct Refused;

impl std::fmt::Display for Refused {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("refused")
    }
}

impl std::error::Error for Refused {}

#[tokio::test]
async fn an_error_of_the_service_is_raised_in_the_chain() {
    let refuse = || service_fn(async |_: Request<RequestBody>| Err::<Response, _>(Refused));
    let caught = catch(|cx: &mut Context, _: Caught<Refused>| cx.respond("caught"));
    let routes = Routes::new()
        .get("/", from_tower(refuse()))
        .get("/caught", Chain::new([caught, from_tower(refuse())]));
    let client = client(routes);
    assert_eq!(client.get("/").send().await.status(), 500);
    assert_eq!(get_text(&client, "/caught").await, "caught");
}

#[tokio::test]
async fn a_target_that_an_interceptor_has_replaced_is_taken_as_far_as_it_goes() {
    let caught = catch(|cx: &mut Context, _: Caught<http::Error>| cx.respond("no target"));
    let replace = |with: &'static str| {
        before(move |cx: &mut Context| cx.request_mut().uri = http::Uri::from_static(with))
    };
    let group = |prefix: &str, with| {
        let chain = Chain::new([caught.clone(), replace(with)]);
        mount(prefix, service_fn(sees)).interceptors(chain)
    };
    let routes = Routes::new()
        .group(group("/a/b/shorter", "/x?y"))
        .group(group("/longer", "/a/b/c"))
        .group(group("/host", "example.org:80"));
    let client = client(routes);
    assert_eq!(get_text(&client, "/a/b/shorter/c").await, "GET /?y");
    assert_eq!(get_text(&client, "/longer").await, "GET /b/c");
    assert_eq!(get_text(&client, "/host/a").await, "no target");
}

/// Has to be made ready, each clone for itself, before it is called; counts on both.
struct Strict {
    ready: bool,
    polls: u32,
    calls: Arc<AtomicUsize>,
}

impl Clone for Strict {
    fn clone(&self) -> Self {
        Self {
            ready: false,
            polls: 0,
            calls: Arc::clone(&self.calls),
        }
    }
}

impl Service<Request<RequestBody>> for Strict {
    type Response = Response;
    type Error = Infallible;
    type Future = Ready<Result<Response, Infallible>>;

    fn poll_ready(&mut self, cx: &mut TaskContext<'_>) -> Poll<Result<(), Infallible>> {
        self.polls += 1;
        self.ready = self.polls == 3;
        if !self.ready {
            cx.waker().wake_by_ref();
            return Poll::Pending;
        }
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, _: Request<RequestBody>) -> Self::Future {
        assert!(self.ready, "it is called when it is ready");
        self.ready = false;
        let number = self.calls.fetch_add(1, Ordering::Relaxed);
        ready(Ok(Response::new(format!("call {number}").into())))
    }
}

#[tokio::test]
async fn a_service_is_called_when_it_is_ready_and_not_before() {
    let strict = Strict {
        ready: false,
        polls: 0,
        calls: Arc::default(),
    };
    let client = client(Routes::new().group(mount("/a", strict)));
    assert_eq!(get_text(&client, "/a").await, "call 0");
    assert_eq!(get_text(&client, "/a").await, "call 1");
}

#[tokio::test]
async fn what_a_service_sheds_is_an_error_and_what_it_limits_waits() {
    let (go_on, waits) = oneshot::channel::<()>();
    let waits = Arc::new(std::sync::Mutex::new(Some(waits)));
    let held = service_fn(move |_: Request<RequestBody>| {
        let waits = waits.lock().unwrap().take();
        async move {
            if let Some(waits) = waits {
                waits.await.unwrap();
            }
            Ok::<_, Infallible>(whole("done".to_owned()))
        }
    });
    let limited = ConcurrencyLimit::new(held, 1);
    let shedding = ServiceBuilder::new().load_shed().service(limited.clone());
    let overloaded = catch(|cx: &mut Context, _: Caught<Overloaded>| {
        cx.respond(StatusCode::SERVICE_UNAVAILABLE)
    });
    let routes = Routes::new()
        .get("/waits", from_tower(limited))
        .get("/sheds", Chain::new([overloaded, from_tower(shedding)]));
    let client = client(routes);
    let mut first = task::spawn(client.get("/waits").send());
    assert_pending!(first.poll());
    let mut second = task::spawn(client.get("/waits").send());
    assert_pending!(second.poll());
    assert_eq!(client.get("/sheds").send().await.status(), 503);
    go_on.send(()).unwrap();
    assert_eq!(first.await.text().await.unwrap(), "done");
    assert_eq!(second.await.text().await.unwrap(), "done");
    assert_eq!(client.get("/sheds").send().await.status(), 200);
}

#[tokio::test]
async fn a_client_that_leaves_drops_the_future_of_the_service_or_the_body_of_its_response() {
    let (dropped, mut drops) = mpsc::channel(1);
    let (values, body) = Fed::new();
    let body = std::sync::Mutex::new(Some(body));
    let body = Arc::new(body);
    let waits = service_fn(move |request: Request<RequestBody>| {
        let dropped = Dropped(dropped.clone());
        let body = body.lock().unwrap().take();
        async move {
            let Some(mut body) = body.filter(|_| request.uri().path() == "/stream") else {
                let _dropped = dropped;
                return pending().await;
            };
            body.dropped = Some(dropped);
            Ok::<_, Infallible>(body.response())
        }
    });
    let client = client(Routes::new().group(mount("/a", waits)));
    let mut streamed = client.get("/a/stream").send().await;
    values.try_send(Ok("b".into())).unwrap();
    assert_eq!(streamed.chunk().await.unwrap().unwrap(), "b");
    assert!(drops.try_recv().is_err());
    drop(streamed);
    drops.try_recv().unwrap();

    let mut sending = task::spawn(client.get("/a").send());
    assert_pending!(sending.poll());
    assert!(drops.try_recv().is_err());
    drop(sending);
    drops.try_recv().unwrap();
}

#[tokio::test]
async fn a_head_without_body_and_length_is_not_said_to_be_of_length_zero() {
    let answer = |response: fn() -> http::Response<UnsyncBoxBody<Bytes, Infallible>>| {
        from_tower(service_fn(move |_: Request<RequestBody>| {
            ready(Ok::<_, Infallible>(response()))
        }))
    };
    let empty = || http::Response::new(Empty::new().boxed_unsync());
    let full = || http::Response::new(Full::from("hello").boxed_unsync());
    let sized = || {
        let mut response = http::Response::new(Empty::new().boxed_unsync());
        let length = header::HeaderValue::from_static("7");
        response
            .headers_mut()
            .insert(header::CONTENT_LENGTH, length);
        response
    };
    let routes = Routes::new()
        .any("/empty", answer(empty))
        .any("/full", answer(full))
        .any("/sized", answer(sized));
    let client = client(routes);
    for (path, length) in [
        ("/empty", None),
        ("/full", Some("5")),
        ("/sized", Some("7")),
    ] {
        let response = client.request(Method::HEAD, path).send().await;
        let declared = response.headers().get("content-length");
        assert_eq!(
            declared.map(|length| length.to_str().unwrap()),
            length,
            "{path}"
        );
        assert_eq!(response.bytes().await.unwrap(), "");
    }
}

#[tokio::test]
async fn a_response_may_have_any_body_of_bytes() {
    type Parts = bytes::buf::Chain<Bytes, Bytes>;
    async fn parts(_: Request<RequestBody>) -> Result<http::Response<Full<Parts>>, Infallible> {
        let parts = Bytes::from("ab").chain(Bytes::from("cd"));
        Ok(http::Response::new(Full::new(parts)))
    }
    let response = client(Routes::new().get("/", from_tower(service_fn(parts))));
    let response = response.get("/").send().await;
    assert_eq!(response.text().await.unwrap(), "abcd");
}

#[tokio::test]
async fn a_stream_of_a_mounted_router_is_told_to_drain_by_the_outer_server() {
    let (values, control, response) = Fed::controlled();
    let inner = Routes::new().get("/", handler(once(response))).build();
    let service = inner.unwrap().into_service();
    let router = Routes::new().group(mount("/in", service)).build();
    let server = Running::start(router.unwrap()).await;
    let mut client = server.connect().await;
    client.send("GET /in HTTP/1.1\r\nhost: a\r\n\r\n").await;
    values.send(Ok("a".into())).await.unwrap();
    client.until("1\r\na\r\n").await;
    let serving = server.end();
    assert_eq!(client.rest().await, "0\r\n\r\n");
    assert_eq!(control.end(), Some(End::Drained));
    finished(serving).await;
}

/// A folder with one file, of this test only.
fn folder(name: &str) -> PathBuf {
    let folder = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(name);
    fs::create_dir_all(&folder).unwrap();
    fs::write(folder.join("a b.txt"), "0123456789").unwrap();
    folder
}

#[tokio::test]
async fn files_are_served_by_a_mounted_service_of_tower_http() {
    let folder = folder("files_are_served");
    let router = Routes::new().group(mount("/files", ServeDir::new(folder)));
    let server = Running::start(router.build().unwrap()).await;
    let whole = server.answer(get("/files/a%20b.txt")).await;
    assert!(
        whole.starts_with("HTTP/1.1 200 OK\r\ncontent-type: text/plain\r\n"),
        "{whole}"
    );
    assert!(whole.contains("\r\ncontent-length: 10\r\n"), "{whole}");
    assert!(whole.ends_with("\r\n\r\n0123456789"), "{whole}");
    let head = server.answer(request("HEAD", "/files/a%20b.txt")).await;
    assert_eq!(head, whole.strip_suffix("0123456789").unwrap());
    let ranged = get("/files/a%20b.txt").replacen("\r\n", "\r\nrange: bytes=2-4\r\n", 1);
    let ranged = server.answer(ranged).await;
    assert!(ranged.starts_with("HTTP/1.1 206 "), "{ranged}");
    assert!(ranged.ends_with("\r\n\r\n234"), "{ranged}");
    for escaping in [
        "/files/../Cargo.toml",
        "/files/%2e%2e/%2e%2e/Cargo.toml",
        "/files/x",
    ] {
        let answer = server.answer(get(escaping)).await;
        assert!(answer.starts_with("HTTP/1.1 404 "), "{escaping}: {answer}");
    }
    let post = server.answer(request("POST", "/files/a%20b.txt")).await;
    assert!(post.starts_with("HTTP/1.1 405 "), "{post}");
    server.ended().await;
}

#[tokio::test(start_paused = true)]
async fn layers_of_tower_http_hold_around_a_mounted_service() {
    let (dropped, mut drops) = mpsc::channel(1);
    let slow = service_fn(move |_: Request<RequestBody>| {
        let dropped = Dropped(dropped.clone());
        async move {
            let _dropped = dropped;
            pending::<Result<http::Response<Full<Bytes>>, Infallible>>().await
        }
    });
    let limit = Duration::from_secs(5);
    let layer = TimeoutLayer::with_status_code(StatusCode::GATEWAY_TIMEOUT, limit);
    let service = ServiceBuilder::new().layer(layer).service(slow);
    let client = client(Routes::new().group(mount("/a", service)));
    let began = tokio::time::Instant::now();
    let response = client.get("/a").send().await;
    assert_eq!(
        (response.status(), began.elapsed()),
        (StatusCode::GATEWAY_TIMEOUT, limit)
    );
    drops.try_recv().unwrap();
}

#[tokio::test]
async fn an_axum_application_is_mounted_in_a_router() {
    let app = axum::Router::new()
        .route(
            "/hello/{name}",
            axum::routing::get(|path: axum::extract::Path<String>| async move {
                format!("hello, {}", path.0)
            }),
        )
        .route(
            "/echo",
            axum::routing::post(|body: String| async move { body }),
        );
    let server = Running::start(Routes::new().group(mount("/old", app)).build().unwrap()).await;
    let answer = server.answer(get("/old/hello/Ada%20L")).await;
    let close = "connection: close\r\n";
    let expected =
        format!("HTTP/1.1 200 OK\r\n{TEXT}content-length: 12\r\n{close}\r\nhello, Ada L");
    assert_eq!(answer, expected);
    let post = request("POST", "/old/echo").replace("\r\n\r\n", "\r\ncontent-length: 3\r\n\r\nabc");
    let answer = server.answer(post).await;
    assert!(answer.ends_with("\r\n\r\nabc"), "{answer}");
    let answer = server.answer(get("/old/none")).await;
    let expected = format!("HTTP/1.1 404 Not Found\r\n{close}content-length: 0\r\n\r\n");
    assert_eq!(answer, expected);
    server.ended().await;
}
