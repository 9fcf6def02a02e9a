//! Errors as responses.

use std::{error, fmt, io};

use http::{
    HeaderName, HeaderValue, Method, StatusCode,
    header::{self, ACCEPT, CONTENT_LENGTH, CONTENT_TYPE, SET_COOKIE},
};
use peristyle_core::{BoxError, Chain, Error, after, always, before, handler, on_error};
use peristyle_server::{
    Context, Problem, Routes, State, TestClient, TestResponse, interceptors::RequestId,
};
use serde_json::{Value, json};

use crate::support::{Running, get};

const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

const JSON: &str = "application/problem+json";
const HTML: &str = "text/html";
const TEXT: &str = "text/plain";

/// A client of a server that takes the ids of its requests.
fn client(routes: Routes) -> TestClient {
    let ids = RequestId::new().accept_incoming();
    TestClient::new(routes.build().unwrap().request_id(ids))
}

/// The answer to the request `req-7`.
async fn ask(client: &TestClient, method: Method, uri: &str, accept: &str) -> TestResponse {
    let request = client.request(method, uri);
    let request = request.header(REQUEST_ID, HeaderValue::from_static("req-7"));
    let accept = HeaderValue::from_str(accept).unwrap();
    request.header(ACCEPT, accept).send().await
}

async fn text(client: &TestClient, uri: &str, accept: &str) -> String {
    let response = ask(client, Method::GET, uri, accept).await;
    response.text().await.unwrap()
}

#[tokio::test]
async fn a_problem_is_sent_exactly_with_the_id_of_the_execution() {
    async fn fail(cx: &mut Context) -> Result<(), Problem> {
        let id = HeaderValue::try_from(cx.id().to_string()).unwrap();
        Err(Problem::new(StatusCode::CONFLICT)
            .kind("https://example.org/taken")
            .title("Taken")
            .detail("it is \"taken\"")
            .header(header::ETAG, id))
    }
    let router = Routes::new().get("/", handler(fail)).build().unwrap();
    let server = Running::start(router).await;
    let answer = server.answer(get("/")).await;
    let id = answer
        .lines()
        .find_map(|line| line.strip_prefix("etag: "))
        .unwrap();
    let body = format!(
        r#"{{"detail":"it is \"taken\"","id":"{id}","status":409,"title":"Taken","type":"https://example.org/taken"}}"#
    );
    let length = body.len();
    assert_eq!(
        answer,
        format!(
            "HTTP/1.1 409 Conflict\r\ncontent-type: application/problem+json\r\n\
             x-content-type-options: nosniff\r\netag: {id}\r\nvary: accept\r\nconnection: close\r\ncontent-length: {length}\r\n\r\n{body}"
        )
    );
    server.ended().await;
}

#[tokio::test]
async fn an_error_of_another_type_shows_nothing_of_the_inside() {
    fn fail(_: &mut Context) -> Result<(), BoxError> {
        Err("the password is 1234".into())
    }
    let router = Routes::new().get("/", handler(fail)).build().unwrap();
    let server = Running::start(router).await;
    let answer = server.answer(get("/")).await;
    assert!(answer.starts_with("HTTP/1.1 500 "), "{answer}");
    assert!(!answer.contains("1234"), "{answer}");
    let (_, body) = answer.split_once("\r\n\r\n").unwrap();
    let start = r#"{"id":""#;
    let end = r#"","status":500,"title":"Internal Server Error"}"#;
    assert!(body.starts_with(start) && body.ends_with(end), "{body}");
    server.ended().await;
}

#[tokio::test]
async fn a_panic_is_a_500_and_the_connection_goes_on() {
    let router = Routes::new()
        .get(
            "/panic",
            handler(|_: &mut Context| -> () { panic!("the password is 1234") }),
        )
        .get("/", handler(|_: &mut Context| "hello"))
        .build();
    let server = Running::start(router.unwrap()).await;
    let first = "GET /panic HTTP/1.1\r\nhost: a\r\n\r\n";
    let answer = server.answer(format!("{first}{}", get("/"))).await;
    let start = "HTTP/1.1 500 Internal Server Error\r\ncontent-type: application/problem+json\r\n";
    assert!(answer.starts_with(start), "{answer}");
    assert!(!answer.contains("1234"), "{answer}");
    assert!(answer.ends_with("\r\n\r\nhello"), "{answer}");
    server.ended().await;
}

#[tokio::test]
async fn a_chain_that_answers_nothing_is_a_500() {
    let router = Routes::new().get("/", before(|_: &mut Context| ()));
    let server = Running::start(router.build().unwrap()).await;
    let answer = server.answer(get("/")).await;
    assert!(answer.starts_with("HTTP/1.1 500 "), "{answer}");
    server.ended().await;
}

fn taken(_: &mut Context) -> Result<(), Problem> {
    let problem = Problem::new(StatusCode::CONFLICT).title("Taken & gone");
    Err(problem.detail("<b title='x'>\"seven\"</b>\u{1b}[2J\nis taken"))
}

const PAGE: &str = "<!doctype html>
<meta charset=\"utf-8\">
<meta name=\"viewport\" content=\"width=device-width\">
<meta name=\"color-scheme\" content=\"light dark\">
<title>409 Taken &amp; gone</title>
<h1>409 Taken &amp; gone</h1>
<p>&lt;b title=&#39;x&#39;&gt;&quot;seven&quot;&lt;/b&gt;\u{1b}[2J
is taken</p>
<p>id: <code>req-7</code></p>
";

const LINES: &str = "409 Taken & gone
<b title='x'>\"seven\"</b>\u{fffd}[2J
is taken
id: req-7
";

const DOCUMENT: &str = r#"{"detail":"<b title='x'>\"seven\"</b>\u001b[2J\nis taken","id":"req-7","status":409,"title":"Taken & gone"}"#;

/// What a browser sends when a person follows a link.
const BROWSER: &str =
    "text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,image/webp,*/*;q=0.8";

#[tokio::test]
async fn a_problem_is_written_exactly_in_the_format_that_the_request_accepts() {
    let client = client(Routes::new().get("/", handler(taken)));
    for (accept, content_type, expected) in [
        (JSON, JSON, DOCUMENT),
        ("application/json", JSON, DOCUMENT),
        ("*/*", JSON, DOCUMENT),
        ("text/event-stream", JSON, DOCUMENT),
        ("no type", JSON, DOCUMENT),
        ("text/html, application/json", JSON, DOCUMENT),
        (HTML, "text/html; charset=utf-8", PAGE),
        (BROWSER, "text/html; charset=utf-8", PAGE),
        ("text/html, */*", "text/html; charset=utf-8", PAGE),
        (TEXT, "text/plain; charset=utf-8", LINES),
        (
            "text/html;q=0.1, text/plain",
            "text/plain; charset=utf-8",
            LINES,
        ),
    ] {
        let response = ask(&client, Method::GET, "/", accept).await;
        assert_eq!(response.status(), 409, "{accept}");
        let headers = response.headers();
        assert_eq!(headers[CONTENT_TYPE], content_type, "{accept}");
        assert_eq!(headers["vary"], "accept", "{accept}");
        assert_eq!(headers["x-content-type-options"], "nosniff", "{accept}");
        assert_eq!(response.text().await.unwrap(), expected, "{accept}");
    }
}

#[tokio::test]
async fn without_an_accept_a_problem_is_json() {
    let client = client(Routes::new());
    let response = client.get("/none").send().await;
    assert_eq!(response.headers()[CONTENT_TYPE], JSON);
}

#[tokio::test]
async fn what_a_later_stage_says_is_accepted_counts() {
    let plain = before(|cx: &mut Context| {
        let headers = &mut cx.request_mut().headers;
        headers.insert(ACCEPT, HeaderValue::from_static(TEXT));
    });
    let client = client(Routes::new().interceptors(plain).get("/", handler(taken)));
    assert_eq!(text(&client, "/", HTML).await, LINES);
}

/// A client may choose the id.
#[tokio::test]
async fn an_id_that_came_means_nothing_in_html() {
    let client = client(Routes::new());
    let id = HeaderValue::from_static("</code><script>alert(1)</script>");
    let request = client.get("/none").header(REQUEST_ID, id);
    let request = request.header(ACCEPT, HeaderValue::from_static(HTML));
    let page = request.send().await.text().await.unwrap();
    let expected = "<code>&lt;/code&gt;&lt;script&gt;alert(1)&lt;/script&gt;</code>";
    assert!(page.contains(expected), "{page}");
}

#[tokio::test]
async fn head_has_the_length_of_get_in_each_format() {
    let client = client(Routes::new().get("/", handler(taken)));
    for (accept, whole) in [(JSON, DOCUMENT), (HTML, PAGE), (TEXT, LINES)] {
        let response = ask(&client, Method::HEAD, "/", accept).await;
        let length = whole.len().to_string();
        assert_eq!(response.headers()[CONTENT_LENGTH], &*length, "{accept}");
        assert_eq!(response.text().await.unwrap(), "", "{accept}");
    }
}

#[tokio::test]
async fn a_problem_that_is_the_response_itself_is_json() {
    let problem = Problem::new(StatusCode::GONE).detail("since May");
    let client = client(Routes::new().get("/", handler(move |_: &mut Context| problem.clone())));
    let document = r#"{"detail":"since May","status":410,"title":"Gone"}"#;
    assert_eq!(text(&client, "/", HTML).await, document);
}

#[tokio::test]
async fn members_are_in_the_document_and_never_over_the_standard_ones() {
    let problem = Problem::new(StatusCode::FORBIDDEN)
        .member("balance", 30)
        .member("accounts", ["/account/1", "/account/2"])
        .member("instance", "/account/1/msgs/abc")
        .member("balance", 31)
        .member("status", 200)
        .member("title", "Fine")
        .member("id", "none");
    let fails = handler(move |_: &mut Context| Err::<(), _>(problem.clone()));
    let client = client(Routes::new().get("/", fails));
    let document: Value = serde_json::from_str(&text(&client, "/", JSON).await).unwrap();
    let expected = json!({
        "accounts": ["/account/1", "/account/2"],
        "balance": 31,
        "id": "req-7",
        "instance": "/account/1/msgs/abc",
        "status": 403,
        "title": "Forbidden",
    });
    assert_eq!(document, expected);
}

const SECRET: &str = "hunter2";

#[derive(Debug)]
struct Hunter2(io::Error);

impl Hunter2 {
    fn new() -> Self {
        Self(io::Error::other("hunter2 at 10.0.0.7"))
    }
}

impl fmt::Display for Hunter2 {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("<hunter2>")
    }
}

impl error::Error for Hunter2 {
    fn source(&self) -> Option<&(dyn error::Error + 'static)> {
        Some(&self.0)
    }
}

fn fail(_: &mut Context) -> Result<(), Hunter2> {
    Err(Hunter2::new())
}

/// Routes that fail in each way that has something to hide, and their paths.
fn secretive() -> (Routes, [&'static str; 7]) {
    let late = before(|cx: &mut Context| cx.late_headers().clear());
    let answers = handler(|_: &mut Context| "hello");
    let replace = on_error(|_: &mut Context, _: Error| Err::<(), _>("hunter2 too"));
    let because = || Problem::new(StatusCode::BAD_GATEWAY).because(Hunter2::new());
    let routes = Routes::new()
        .interceptors(late)
        .get("/raised", handler(fail).named("hunter2"))
        .get(
            "/panics",
            handler(|_: &mut Context| -> () { panic!("hunter2") }),
        )
        .get("/leaves", Chain::new([after(fail), answers]))
        .get("/replaced", Chain::new([replace, handler(fail)]))
        .get(
            "/because",
            handler(move |_: &mut Context| Err::<(), _>(because())),
        )
        .get(
            "/state",
            peristyle_server::handler(async |_: State<Hunter2>| ()),
        )
        .get("/nothing", before(|_: &mut Context| ()).named("hunter2"));
    let paths = [
        "/raised",
        "/panics",
        "/leaves",
        "/replaced",
        "/because",
        "/state",
        "/nothing",
    ];
    (routes, paths)
}

#[tokio::test]
async fn an_error_of_the_server_shows_nothing_of_the_inside_in_any_format() {
    let (routes, paths) = secretive();
    let inner = client(routes);
    let outer = client(Routes::new().interceptors(always(fail).named("hunter2")));
    let requests = paths.iter().map(|path| (&inner, *path));
    for (client, path) in requests.chain([(&outer, "/none")]) {
        for accept in [JSON, HTML, TEXT, "*/*"] {
            let response = ask(client, Method::GET, path, accept).await;
            assert!(response.status().is_server_error(), "{path}");
            let headers = format!("{:?}", response.headers());
            let all = headers + &response.text().await.unwrap();
            assert!(!all.to_lowercase().contains(SECRET), "{path}: {all}");
            assert!(!all.contains("10.0.0.7"), "{path}: {all}");
            assert!(!all.contains("internals"), "{path}: {all}");
            assert!(all.contains("req-7"), "{path}: {all}");
        }
    }
}

fn developing(routes: Routes) -> TestClient {
    let ids = RequestId::new().accept_incoming();
    let developed = routes.build().unwrap().development();
    TestClient::new(developed.request_id(ids))
}

fn refunds() -> Routes {
    let refund = on_error(|_: &mut Context, _: Error| Err::<(), _>(Hunter2::new()));
    let charge = before(|_: &mut Context| Err::<(), _>("card refused"));
    let chain = Chain::new([refund.named("refund"), charge.named("charge")]);
    Routes::new().get("/orders/{id}", chain)
}

#[tokio::test]
async fn in_development_an_error_of_the_server_shows_where_it_comes_from() {
    let client = developing(refunds());
    let lines = "500 Internal Server Error
id: req-7
error: error of `refund` failed: <hunter2>: hunter2 at 10.0.0.7
stage: error
interceptor: refund
route: /orders/{id}
suppressed: enter of `charge` failed: card refused
";
    assert_eq!(text(&client, "/orders/7", TEXT).await, lines);
    let document: Value = serde_json::from_str(&text(&client, "/orders/7", JSON).await).unwrap();
    let expected = json!({
        "id": "req-7",
        "internals": {
            "error": "error of `refund` failed: <hunter2>: hunter2 at 10.0.0.7",
            "interceptor": "refund",
            "route": "/orders/{id}",
            "stage": "error",
            "suppressed": "enter of `charge` failed: card refused",
        },
        "status": 500,
        "title": "Internal Server Error",
    });
    assert_eq!(document, expected);
    let page = text(&client, "/orders/7", HTML).await;
    let rows = "<dl>
<dt>error</dt><dd><code>error of `refund` failed: &lt;hunter2&gt;: hunter2 at 10.0.0.7</code></dd>
<dt>stage</dt><dd><code>error</code></dd>
<dt>interceptor</dt><dd><code>refund</code></dd>
<dt>route</dt><dd><code>/orders/{id}</code></dd>
<dt>suppressed</dt><dd><code>enter of `charge` failed: card refused</code></dd>
</dl>
";
    assert!(page.ends_with(rows), "{page}");
}

#[tokio::test]
async fn in_development_the_rest_is_as_ever() {
    let routes = || Routes::new().get("/", handler(taken));
    let (developed, other) = (developing(routes()), client(routes()));
    for path in ["/", "/none"] {
        for accept in [JSON, HTML, TEXT] {
            let expected = text(&other, path, accept).await;
            assert_eq!(text(&developed, path, accept).await, expected);
        }
    }
}

#[test]
fn in_development_the_chain_has_the_same_interceptors() {
    let mark = before(fail).named("mark");
    let router = Routes::new().interceptors(mark).build().unwrap();
    for router in [router.clone(), router.development()] {
        let names = router.chain().names().map(ToString::to_string);
        assert_eq!(names.collect::<Vec<_>>(), ["router", "mark", "errors"]);
    }
}

#[tokio::test]
async fn in_development_what_no_stage_has_raised_is_told_too() {
    let outer = developing(Routes::new().interceptors(always(fail).named("outer")));
    let lines = text(&outer, "/none", TEXT).await;
    let error = "\nerror: leave of `outer` failed: <hunter2>: hunter2 at 10.0.0.7\n";
    assert!(lines.contains(error), "{lines}");
    let nothing = before(|_: &mut Context| ());
    let silent = developing(Routes::new().get("/", nothing));
    let lines = "500 Internal Server Error
id: req-7
error: no interceptor answered
route: /
";
    assert_eq!(text(&silent, "/", TEXT).await, lines);
}

#[tokio::test]
async fn late_headers_are_on_every_response_and_leave_its_own_alone() {
    let mark = before(|cx: &mut Context| {
        let late = cx.late_headers();
        late.insert("x-mark", HeaderValue::from_static("set"));
        late.insert("etag", HeaderValue::from_static("late"));
        late.append("x-list", HeaderValue::from_static("a"));
        late.append("x-list", HeaderValue::from_static("b"));
        late.append(SET_COOKIE, HeaderValue::from_static("late=1"));
        late.append("vary", HeaderValue::from_static("Accept"));
        late.append("vary", HeaderValue::from_static("x-mark"));
    });
    let own = [(header::ETAG, "own"), (SET_COOKIE, "own=1")];
    let routes = Routes::new()
        .interceptors(mark)
        .get(
            "/own",
            handler(move |_: &mut Context| (StatusCode::OK, own.clone(), "own")),
        )
        .get("/raised", handler(fail))
        .get("/silent", before(|_: &mut Context| ()))
        .get("/103", handler(|_: &mut Context| StatusCode::EARLY_HINTS));
    let outer = Routes::new().interceptors([
        after(fail),
        always(|cx: &mut Context| {
            let late = cx.late_headers();
            late.insert("x-mark", HeaderValue::from_static("set"));
        }),
    ]);
    let (inner, outer) = (client(routes), client(outer));
    let all = |response: &TestResponse, name: &str| -> Vec<_> {
        let values = response.headers().get_all(name).iter();
        values
            .map(|value| value.to_str().unwrap().to_owned())
            .collect()
    };
    for (uri, status, etag, cookies, vary) in [
        (
            "/own",
            200,
            "own",
            &["own=1", "late=1"][..],
            &["Accept", "x-mark"][..],
        ),
        ("/none", 404, "late", &["late=1"], &["accept", "x-mark"]),
        ("/raised", 500, "late", &["late=1"], &["accept", "x-mark"]),
        ("/silent", 500, "late", &["late=1"], &["accept", "x-mark"]),
        ("/103", 500, "late", &["late=1"], &["accept", "x-mark"]),
    ] {
        let response = ask(&inner, Method::GET, uri, "*/*").await;
        assert_eq!(response.status(), status, "{uri}");
        assert_eq!(all(&response, "x-mark"), ["set"], "{uri}");
        assert_eq!(all(&response, "x-list"), ["a", "b"], "{uri}");
        assert_eq!(all(&response, "etag"), [etag], "{uri}");
        assert_eq!(all(&response, "set-cookie"), cookies, "{uri}");
        assert_eq!(all(&response, "vary"), vary, "{uri}");
    }
    let response = ask(&outer, Method::GET, "/none", "*/*").await;
    assert_eq!(response.status(), 500);
    assert_eq!(all(&response, "x-mark"), ["set"]);
}
