//! Groups, what is said of routes, their listing, and slashes at the end of a path.

use std::fmt::Debug;

use http::{HeaderValue, Method};
use peristyle_core::{Link, after, before, handler};
use peristyle_server::{
    Context, Exchange, Group, Route, RouteError, Routes, TestClient, TrailingSlash,
};

use crate::support::{Running, get, request};

/// Adds its name to the trace of the exchange.
fn marks(name: &'static str) -> Link<Exchange> {
    before(move |cx: &mut Context| {
        let mut trace: String = cx.remove().unwrap_or_default();
        trace.extend([name, " "]);
        cx.insert(trace);
    })
    .named(name)
}

/// Answers with the trace and the route.
fn shows() -> Link<Exchange> {
    let show = |cx: &mut Context| {
        let trace: String = cx.remove().unwrap_or_default();
        format!("{trace}{}", cx.route().unwrap())
    };
    handler(show).named("shows")
}

async fn text(client: &TestClient, method: Method, path: &str) -> String {
    let response = client.request(method, path).send().await;
    response.text().await.unwrap()
}

#[tokio::test]
async fn interceptors_run_in_the_order_listed_outer_groups_first() {
    let inner = Group::new("/{inner}")
        .get("/a", [marks("route"), shows()])
        .interceptors([marks("inner 1"), marks("inner 2")]);
    let outer = Group::new("/outer")
        .interceptors(marks("outer 1"))
        .get("", shows())
        .group(inner)
        .put("/b", shows())
        .interceptors(marks("outer 2"));
    let router = Routes::new()
        .group(outer)
        .delete("/c", shows())
        .interceptors(marks("all"));
    let client = TestClient::new(router.build().unwrap());
    let got = async |method, path| text(&client, method, path).await;
    assert_eq!(
        got(Method::GET, "/outer/x/a").await,
        "all outer 1 outer 2 inner 1 inner 2 route GET /outer/{inner}/a"
    );
    assert_eq!(
        got(Method::GET, "/outer").await,
        "all outer 1 outer 2 GET /outer"
    );
    assert_eq!(
        got(Method::PUT, "/outer/b").await,
        "all outer 1 outer 2 PUT /outer/b"
    );
    assert_eq!(got(Method::DELETE, "/c").await, "all DELETE /c");
}

#[tokio::test]
async fn what_matches_no_route_of_a_group_does_not_pass_its_interceptors() {
    let refuse = before(|_: &mut Context| Err::<(), _>("nobody passes")).named("refuse");
    let group = Group::new("/a").interceptors(refuse).get("/b", shows());
    let client = TestClient::new(Routes::new().group(group).build().unwrap());
    for (path, status) in [("/a/b", 500), ("/a/c", 404), ("/a", 404)] {
        assert_eq!(client.get(path).send().await.status(), status, "{path}");
    }
    assert_eq!(client.post("/a/b", "").send().await.status(), 405);
}

#[tokio::test]
async fn a_host_is_that_of_the_route_else_of_the_innermost_group() {
    let inner = Group::new("").host("inner.org").get("/inner", shows());
    let outer = Group::new("")
        .host("Outer.org")
        .get("/outer", shows())
        .route(Route::get("/own", shows()).host("own.org"))
        .group(inner);
    let router = Routes::new().group(outer).get("/any", shows()).build();
    let router = router.unwrap();
    let listed: Vec<_> = router
        .routes()
        .iter()
        .map(|listed| listed.route().to_string())
        .collect();
    assert_eq!(
        listed,
        [
            "GET outer.org/outer",
            "GET own.org/own",
            "GET inner.org/inner",
            "GET /any"
        ]
    );
    let client = TestClient::new(router);
    let at = |address: &str| client.get(address).send();
    assert_eq!(at("http://outer.org/outer").await.status(), 200);
    assert_eq!(at("http://outer.org/inner").await.status(), 404);
    assert_eq!(at("http://inner.org/inner").await.status(), 200);
}

#[derive(Debug, PartialEq)]
struct Needs(&'static str);

#[derive(Debug, PartialEq)]
struct Weight(u32);

/// Not `Clone`, and read by an interceptor that stands before all of the group's.
#[tokio::test]
async fn what_is_said_of_a_route_is_read_by_type_by_every_interceptor() {
    fn said<V: Debug + 'static>(cx: &Context) -> String {
        let said = cx.route().and_then(|route| route.get::<V>());
        said.map_or_else(String::new, |said| format!("{said:?}"))
    }
    let tell = after(|cx: &mut Context| {
        let told = format!("{} {}", said::<Needs>(cx), said::<Weight>(cx));
        let headers = cx.response_mut().unwrap().headers_mut();
        headers.insert("said", HeaderValue::try_from(told).unwrap());
    });
    let inner = Group::new("/inner")
        .with(Needs("inner"))
        .get("/group", shows())
        .route(
            Route::get("/own", shows())
                .with(Needs("first"))
                .with(Needs("own")),
        );
    let outer = Group::new("/outer")
        .group(inner)
        .get("/group", shows())
        .with(Needs("outer"))
        .with(Weight(7));
    let routes = Routes::new()
        .interceptors(tell)
        .group(outer)
        .get("/", shows());
    let client = TestClient::new(routes.build().unwrap());
    for (path, said) in [
        ("/outer/inner/own", r#"Needs("own") Weight(7)"#),
        ("/outer/inner/group", r#"Needs("inner") Weight(7)"#),
        ("/outer/group", r#"Needs("outer") Weight(7)"#),
        ("/", " "),
        ("/nowhere", " "),
    ] {
        let response = client.get(path).send().await;
        assert_eq!(response.headers()["said"], said, "{path}");
    }
}

#[tokio::test]
async fn a_route_answers_each_of_its_methods_and_no_other() {
    let several = Route::methods([Method::PUT, Method::PATCH, Method::PUT], "/a", shows());
    let routes = Routes::new().route(several).get("/a", shows());
    let server = Running::start(routes.build().unwrap()).await;
    for (method, last) in [
        ("PUT", "PUT|PATCH /a"),
        ("PATCH", "PUT|PATCH /a"),
        ("GET", "GET /a"),
    ] {
        let answer = server.answer(request(method, "/a")).await;
        assert_eq!(answer.lines().last(), Some(last), "{method}");
    }
    let refused = server.answer(request("POST", "/a")).await;
    assert!(refused.starts_with("HTTP/1.1 405 "), "{refused}");
    let allow = "\r\nallow: GET, HEAD, OPTIONS, PATCH, PUT\r\n";
    assert!(refused.contains(allow), "{refused}");
    server.ended().await;
}

#[test]
fn the_listing_has_each_route_with_its_resolved_chain() {
    let orders = Group::new("/orders")
        .interceptors(marks("count"))
        .route(Route::get("/{id}", shows()).named("order"))
        .route(Route::methods([Method::PUT, Method::PATCH], "", shows()).host("eu.example.org"));
    let router = Routes::new()
        .interceptors(marks("log"))
        .route(Route::any("/caf\u{e9}/{*rest}", shows()).named("caf\u{e9}"))
        .group(
            Group::new("/api")
                .interceptors(marks("authorise"))
                .group(orders),
        )
        .build()
        .unwrap();
    let chains: Vec<_> = router
        .routes()
        .iter()
        .map(|listed| {
            let chain = listed.chain();
            let names: Vec<_> = chain.names().map(|name| name.as_str().to_owned()).collect();
            (
                listed.route().name().map(ToOwned::to_owned),
                names.join(" "),
            )
        })
        .collect();
    let api = "router log errors authorise count shows";
    assert_eq!(
        chains,
        [
            (
                Some("caf\u{e9}".to_owned()),
                "router log errors shows".to_owned()
            ),
            (Some("order".to_owned()), api.to_owned()),
            (None, api.to_owned()),
        ]
    );
    assert_eq!(
        router.routes().to_string(),
        "\
every request: router, log, errors
NAME   METHOD     HOST            PATTERN           CHAIN
caf\u{e9}   any        any             /caf\u{e9}/{*rest}     shows
order  GET        any             /api/orders/{id}  authorise, count, shows
-      PUT|PATCH  eu.example.org  /api/orders       authorise, count, shows
"
    );
}

/// The text of each error, with its places as lines after `line`.
fn errors(routes: Routes, line: u32) -> Vec<String> {
    let relative = |error: &RouteError| {
        let text = error.to_string();
        let mut pieces = text.split(concat!(file!(), ":"));
        let mut relative = pieces.next().unwrap().to_owned();
        for piece in pieces {
            let (at, rest) = piece.split_once(':').unwrap();
            let offset = at.parse::<u32>().unwrap() - line;
            let rest = rest.trim_start_matches(|digit: char| digit.is_ascii_digit());
            relative.extend(["+", &offset.to_string(), rest]);
        }
        relative
    };
    let errors = routes.build().unwrap_err();
    errors.iter().map(relative).collect()
}

#[test]
fn groups_and_methods_are_checked_with_the_rest_and_every_fault_is_named() {
    let line = line!();
    let group = Group::new("/api/");
    let group = group.get("/a", shows()).get("b", shows());
    let inner = Group::new("/{id}").get("c", shows()).get("/{id}", shows());
    let outer = Group::new("/o")
        .group(inner)
        .route(Route::get("/d", shows()).named("d"));
    let routes = Routes::new()
        .group(group)
        .group(outer)
        .route(Route::methods([], "/e{x}", shows()).host("a:1").named("d"))
        .put("/f", shows())
        .patch("/f", shows())
        .route(Route::methods(
            [Method::PUT, Method::PATCH, Method::GET],
            "/f",
            shows(),
        ));
    assert_eq!(
        errors(routes, line),
        [
            "`GET /api//a` at +2 cannot be matched: the prefix `/api/` of its group at +1 does not start with `/`, or ends \
             with it",
            "`GET /api/b` at +2 cannot be matched: the prefix `/api/` of its group at +1 does not start with `/`, or ends \
             with it",
            "`GET /o/{id}c` at +3 cannot be matched: `c` does not start with `/`",
            "`GET /o/{id}/{id}` at +3 cannot be matched: it has the parameter `id` twice",
            "`none a:1/e{x}` at +10 cannot be matched: it lists no method",
            "`none a:1/e{x}` at +10 cannot be matched: `a:1` is not a host without a port",
            "`none a:1/e{x}` at +10 cannot be matched: a parameter takes a whole segment, unlike in `e{x}`",
            "`none a:1/e{x}` at +10 has the name `d` of `GET /o/d` at +6",
            "`PUT|PATCH|GET /f` at +13 matches the same requests as `PUT /f` at +11",
            "`PUT|PATCH|GET /f` at +13 matches the same requests as `PATCH /f` at +12",
        ]
    );
}

fn with_and_without() -> Routes {
    Routes::new()
        .get("/a", shows())
        .get("/b/", shows())
        .get("/c", shows())
        .get("/c/", shows())
        .get("/p/{x}", shows())
        .get("/w/{*x}", shows())
        .get("/only/{x}/", shows())
        .get("//{host}", shows())
        .route(Route::get("/h", shows()).host("h.org"))
}

#[tokio::test]
async fn a_trailing_slash_matters_unless_said_otherwise() {
    let client = TestClient::new(with_and_without().build().unwrap());
    for (path, status) in [
        ("/a", 200),
        ("/a/", 404),
        ("/b", 404),
        ("/b/", 200),
        ("/p/x/", 404),
        ("/only/x", 404),
        ("/w/x/", 200),
    ] {
        assert_eq!(client.get(path).send().await.status(), status, "{path}");
    }
}

#[tokio::test]
async fn a_redirect_leads_to_the_path_that_matches_with_the_query_kept() {
    let mark = after(|cx: &mut Context| {
        let headers = cx.response_mut().unwrap().headers_mut();
        headers.insert("x-mark", HeaderValue::from_static("set"));
    });
    let routes = with_and_without().interceptors(mark);
    let routes = routes.trailing_slash(TrailingSlash::Redirect);
    let server = Running::start(routes.build().unwrap()).await;
    for (path, status, location) in [
        ("/a/", "308 Permanent Redirect", Some("/a")),
        ("/b", "308 Permanent Redirect", Some("/b/")),
        ("/b?", "308 Permanent Redirect", Some("/b/?")),
        (
            "/a/?q=a%20b+c&/=?",
            "308 Permanent Redirect",
            Some("/a?q=a%20b+c&/=?"),
        ),
        ("/p/%2F%5c/", "308 Permanent Redirect", Some("/p/%2F%5C")),
        ("/only/x", "308 Permanent Redirect", Some("/only/x/")),
        ("/a", "200 OK", None),
        ("/c", "200 OK", None),
        ("/c/", "200 OK", None),
        ("/w/x/", "200 OK", None),
        ("/a//", "404 Not Found", None),
        ("/w/", "404 Not Found", None),
        ("/", "404 Not Found", None),
        ("/h/", "404 Not Found", None),
        ("http://h.org/h/", "308 Permanent Redirect", Some("/h")),
        // A browser would take the location for another host.
        ("//example.com/", "404 Not Found", None),
        ("/%zz/", "400 Bad Request", None),
    ] {
        let answer = server.answer(get(path)).await;
        let head = answer.lines().next();
        assert_eq!(head, Some(&*format!("HTTP/1.1 {status}")), "{path}");
        let mut lines = answer.lines();
        let led = lines.find_map(|line| line.strip_prefix("location: "));
        assert_eq!(led, location, "{path}");
        assert!(answer.contains("x-mark: set\r\n"), "{path}: {answer}");
    }
    // The client learns there which methods there are.
    let post = server.answer(request("POST", "/a/")).await;
    assert!(post.contains("\r\nlocation: /a\r\n"), "{post}");
    server.ended().await;
}
