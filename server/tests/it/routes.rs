//! Which route a request finds.

use http::{HeaderValue, Method, header};
use peristyle_core::{Link, after, handler};
use peristyle_server::{Context, Exchange, Route, RouteError, RouteInfo, Routes, TestClient};

use crate::support::{Running, get, request};

/// Answers with the pattern and the parameters.
fn shows(parameters: &'static [&'static str]) -> Link<Exchange> {
    handler(move |cx: &mut Context| {
        let mut shown = cx.route().unwrap().to_string();
        for name in parameters {
            shown.extend([" ", name, "=", cx.param(name).unwrap()]);
        }
        shown
    })
}

/// Status and body of what comes back for a GET of this path.
async fn got(client: &TestClient, path: &str) -> (u16, String) {
    let response = client.get(path).send().await;
    (response.status().as_u16(), response.text().await.unwrap())
}

fn ok(text: &str) -> (u16, String) {
    (200, text.to_owned())
}

#[test]
fn all_errors_are_reported_at_once_each_with_its_places() {
    let line = line!();
    let routes = Routes::new()
        .route(Route::get("/a/{x}", shows(&[])).named("one"))
        .route(Route::get("/a/{y}", shows(&[])))
        .route(Route::get("/b", shows(&[])).named("one"))
        .get("no-slash", shows(&[]))
        .get("/{*rest}/more", shows(&[]))
        .get("/v{n}", shows(&[]))
        .route(Route::any("/c", shows(&[])))
        .route(Route::any("/c", shows(&[])));
    let errors = routes.build().unwrap_err();
    let at = |offset: u32| format!("{}:{}", file!(), line + offset);
    let seen: Vec<_> = errors
        .iter()
        .map(|error| {
            let place =
                |info: &RouteInfo| format!("{}:{}", info.place().file(), info.place().line());
            (
                place(error.route()),
                error.earlier().map(place),
                error.is_conflict(),
                error.is_same_name(),
                error.is_bad_pattern(),
            )
        })
        .collect();
    assert_eq!(
        seen,
        [
            (at(3), Some(at(2)), true, false, false),
            (at(4), Some(at(2)), false, true, false),
            (at(5), None, false, false, true),
            (at(6), None, false, false, true),
            (at(7), None, false, false, true),
            (at(9), Some(at(8)), true, false, false),
        ]
    );
    let text = errors.to_string();
    assert!(text.starts_with("the route table has 6 errors\n"), "{text}");
    let first = text.lines().nth(1).unwrap();
    assert!(first.contains(&at(3)) && first.contains(&at(2)), "{first}");
}

#[test]
fn routes_that_differ_in_method_or_host_are_no_conflict() {
    let routes = Routes::new()
        .get("/a", shows(&[]))
        .post("/a", shows(&[]))
        .route(Route::any("/a", shows(&[])))
        .route(Route::get("/a", shows(&[])).host("example.org"));
    assert!(routes.build().is_ok());
}

#[test]
fn hosts_that_differ_in_case_are_the_same() {
    let routes = Routes::new()
        .route(Route::get("/a", shows(&[])).host("Example.org"))
        .route(Route::get("/a", shows(&[])).host("example.ORG"));
    assert!(
        routes
            .build()
            .unwrap_err()
            .iter()
            .all(RouteError::is_conflict)
    );
}

#[test]
fn what_can_be_no_host_is_a_bad_pattern() {
    for (host, valid) in [
        ("example.org", true),
        ("127.0.0.1", true),
        ("[::1]", true),
        ("example.org:80", false),
        ("http://example.org", false),
        ("a@example.org", false),
        ("example.org/a", false),
        ("", false),
    ] {
        let route = Route::get("/a", shows(&[])).host(host);
        let built = Routes::new().route(route).build();
        assert_eq!(built.is_ok(), valid, "{host}");
        let errors = built.err();
        let errors = errors.iter().flatten();
        assert!(errors.into_iter().all(RouteError::is_bad_pattern));
    }
}

/// Every order of the items.
fn orders(count: usize) -> Vec<Vec<usize>> {
    if count == 0 {
        return vec![Vec::new()];
    }
    let mut all = Vec::new();
    for shorter in orders(count - 1) {
        for at in 0..count {
            let mut order = shorter.clone();
            order.insert(at, count - 1);
            all.push(order);
        }
    }
    all
}

#[tokio::test]
async fn the_more_specific_path_wins_in_any_order_of_listing() {
    let listed = [
        "/a/b",
        "/a/{x}",
        "/a/{*rest}",
        "/{y}/b",
        "/{y}/z/{*rest}",
        "/{*all}",
    ];
    for order in orders(listed.len()) {
        let routes = order.iter().fold(Routes::new(), |routes, at| {
            routes.get(listed[*at], shows(&[]))
        });
        let client = TestClient::new(routes.build().unwrap());
        for (path, pattern) in [
            ("/a/b", "GET /a/b"),
            ("/a/c", "GET /a/{x}"),
            ("/a/b/c", "GET /a/{*rest}"),
            ("/a/c/d", "GET /a/{*rest}"),
            ("/c/b", "GET /{y}/b"),
            ("/c/d", "GET /{*all}"),
            ("/c/z/e", "GET /{y}/z/{*rest}"),
            ("/a/z/e", "GET /a/{*rest}"),
            ("/c", "GET /{*all}"),
        ] {
            assert_eq!(got(&client, path).await, ok(pattern), "{path} in {order:?}");
        }
    }
}

#[tokio::test]
async fn a_literal_that_leads_nowhere_gives_way_to_a_parameter() {
    let routes = Routes::new()
        .get("/a/b/c", shows(&[]))
        .get("/{x}/b/d", shows(&["x"]))
        .get("/ab/{x}", shows(&["x"]));
    let client = TestClient::new(routes.build().unwrap());
    assert_eq!(got(&client, "/a/b/d").await, ok("GET /{x}/b/d x=a"));
    assert_eq!(got(&client, "/abc/b/d").await, ok("GET /{x}/b/d x=abc"));
}

#[tokio::test]
async fn a_host_goes_before_any_host_and_a_method_before_any_in_any_order() {
    let listed = [
        || Route::get("/a", shows(&[])),
        || Route::any("/a", shows(&[])),
        || Route::get("/{x}", shows(&[])).host("example.org"),
        || Route::any("/{x}", shows(&[])).host("Example.ORG"),
    ];
    for order in orders(listed.len()) {
        let routes = order
            .iter()
            .fold(Routes::new(), |routes, at| routes.route(listed[*at]()));
        let client = TestClient::new(routes.build().unwrap());
        for (host, method, route) in [
            ("example.org", Method::GET, "GET example.org/{x}"),
            ("EXAMPLE.org:8080", Method::GET, "GET example.org/{x}"),
            ("example.org", Method::PUT, "any example.org/{x}"),
            ("example.com", Method::GET, "GET /a"),
            ("example.com", Method::PUT, "any /a"),
        ] {
            let request = client.request(method, "/a");
            let request = request.header(header::HOST, HeaderValue::from_static(host));
            assert_eq!(request.send().await.text().await.unwrap(), route);
        }
        // RFC 9112, section 3.2.2: `Host` is then ignored.
        let absolute = client.get("http://example.org/a");
        let absolute = absolute.header(header::HOST, HeaderValue::from_static("example.com"));
        let absolute = absolute.send().await;
        assert_eq!(absolute.text().await.unwrap(), "GET example.org/{x}");
    }
}

#[tokio::test]
async fn a_path_that_its_host_does_not_have_is_looked_for_under_any_host() {
    let routes = Routes::new()
        .get("/a", shows(&[]))
        .route(Route::get("/b", shows(&[])).host("example.org"));
    let client = TestClient::new(routes.build().unwrap());
    let at = |path: &str| client.get(&format!("http://example.org{path}")).send();
    assert_eq!(at("/a").await.status(), 200);
    assert_eq!(at("/b").await.status(), 200);
    assert_eq!(got(&client, "/b").await.0, 404);
}

#[tokio::test]
async fn parameters_are_decoded_once() {
    let routes = Routes::new()
        .get("/p/{x}", shows(&["x"]))
        .get("/w/{*x}", shows(&["x"]))
        .get("/caf\u{e9}", shows(&[]));
    let server = Running::start(routes.build().unwrap()).await;
    for (path, body) in [
        ("/p/a%20b", "GET /p/{x} x=a b"),
        ("/p/%2541", "GET /p/{x} x=%41"),
        ("/p/a+b", "GET /p/{x} x=a+b"),
        ("/p/a%2Bb", "GET /p/{x} x=a+b"),
        ("/p/a%2fb", "GET /p/{x} x=a/b"),
        ("/p/gr%C3%BC%c3%9f", "GET /p/{x} x=gr\u{fc}\u{df}"),
        ("/w/a/b%2Fc/", "GET /w/{*x} x=a/b/c/"),
        ("/%70/a?x=b", "GET /p/{x} x=a"),
        ("/caf%c3%a9", "GET /caf\u{e9}"),
    ] {
        let answer = server.answer(get(path)).await;
        assert!(
            answer.starts_with("HTTP/1.1 200 OK\r\n"),
            "{path}: {answer}"
        );
        assert_eq!(answer.split_once("\r\n\r\n").unwrap().1, body, "{path}");
    }
    server.ended().await;
}

/// Browsers send `|` as it is, and other clients escape it.
#[tokio::test]
async fn a_literal_matches_whether_or_not_its_characters_are_escaped() {
    let routes = Routes::new()
        .get("/a|b/{x}", shows(&["x"]))
        .get("/gr\u{fc}n/{x}", shows(&["x"]));
    let server = Running::start(routes.build().unwrap()).await;
    for path in ["/a|b/c|", "/a%7Cb/c%7c", "/%61%7cb/c|"] {
        let answer = server.answer(get(path)).await;
        assert!(answer.ends_with("GET /a|b/{x} x=c|"), "{path}: {answer}");
    }
    for path in ["/gr\u{fc}n/\u{fc}", "/gr%C3%BCn/%c3%bc"] {
        let answer = server.answer(get(path)).await;
        assert!(
            answer.ends_with("GET /gr\u{fc}n/{x} x=\u{fc}"),
            "{path}: {answer}"
        );
    }
    server.ended().await;
}

#[tokio::test]
async fn a_path_that_cannot_be_decoded_is_a_400() {
    let routes = Routes::new().get("/p/{x}", shows(&["x"]));
    let server = Running::start(routes.build().unwrap()).await;
    for path in [
        "/p/%",
        "/p/%4",
        "/p/%zz",
        "/p/a%",
        "/elsewhere/%zz",
        "/p/%ff",
        "/p/%C3",
    ] {
        let answer = server.answer(get(path)).await;
        assert!(
            answer.starts_with("HTTP/1.1 400 Bad Request\r\n"),
            "{path}: {answer}"
        );
        assert!(answer.contains("the path is not well encoded"), "{answer}");
    }
    server.ended().await;
}

#[tokio::test]
async fn missing_and_extra_segments_are_a_404() {
    let routes = Routes::new()
        .get("/a/{x}", shows(&["x"]))
        .get("/w/{*x}", shows(&["x"]));
    let client = TestClient::new(routes.build().unwrap());
    for path in [
        "/", "/a", "/a/", "/a/b/", "/a/b/c", "//a/b", "/a//b", "/w", "/w/", "/A/b",
    ] {
        assert_eq!(got(&client, path).await.0, 404, "{path}");
    }
}

fn table() -> Routes {
    let mark = after(|cx: &mut Context| {
        let headers = cx.response_mut().unwrap().headers_mut();
        headers.insert("x-mark", HeaderValue::from_static("set"));
    });
    Routes::new()
        .interceptors(mark)
        .get("/a", shows(&[]))
        .route(Route::put("/a", shows(&[])))
        .post("/b", shows(&[]))
}

#[tokio::test]
async fn what_matches_no_route_is_answered_exactly_and_walks_the_chain() {
    let server = Running::start(table().build().unwrap()).await;
    for (method, path, status, allow) in [
        (
            "POST",
            "/a",
            "405 Method Not Allowed",
            Some("GET, HEAD, OPTIONS, PUT"),
        ),
        ("GET", "/b", "405 Method Not Allowed", Some("OPTIONS, POST")),
        (
            "HEAD",
            "/b",
            "405 Method Not Allowed",
            Some("OPTIONS, POST"),
        ),
        (
            "BREW",
            "/b",
            "405 Method Not Allowed",
            Some("OPTIONS, POST"),
        ),
        (
            "OPTIONS",
            "/a",
            "204 No Content",
            Some("GET, HEAD, OPTIONS, PUT"),
        ),
        ("OPTIONS", "*", "204 No Content", None),
        ("OPTIONS", "/c", "404 Not Found", None),
        ("GET", "/c", "404 Not Found", None),
        ("GET", "/%", "400 Bad Request", None),
    ] {
        let answer = server.answer(request(method, path)).await;
        let mut lines = answer.lines();
        assert_eq!(
            lines.next(),
            Some(&*format!("HTTP/1.1 {status}")),
            "{method} {path}"
        );
        let allowed = answer.lines().find_map(|line| line.strip_prefix("allow: "));
        assert_eq!(allowed, allow, "{method} {path}");
        assert!(
            answer.contains("x-mark: set\r\n"),
            "{method} {path}: {answer}"
        );
    }
    server.ended().await;

    // Not over a socket, where the server refuses it by itself: a target without a path.
    let client = TestClient::new(table().build().unwrap());
    let connect = client.request(Method::CONNECT, "a:1").send().await;
    assert_eq!(connect.status(), 404);
    assert_eq!(connect.headers()["x-mark"], "set");
}

#[tokio::test]
async fn a_route_of_its_own_answers_options_and_head() {
    let routes = Routes::new()
        .get("/a", shows(&[]))
        .route(Route::new(
            Method::HEAD,
            "/a",
            handler(|_: &mut Context| "four"),
        ))
        .route(Route::new(Method::OPTIONS, "/a", shows(&[])));
    let client = TestClient::new(routes.build().unwrap());
    let options = client.request(Method::OPTIONS, "/a").send().await;
    assert_eq!(options.text().await.unwrap(), "OPTIONS /a");
    let head = client.request(Method::HEAD, "/a").send().await;
    assert_eq!(head.headers()["content-length"], "4");
}
