//! Cross-origin resource sharing.

use std::time::Duration;

use http::{Method, StatusCode, header};
use peristyle_core::{Chain, Error, Link, handler, on_error};
use peristyle_server::{
    Context, Exchange, IntoResponse, Routes, TestClient, TestResponse, interceptors::Cors,
};

use super::{greeter, header, name, refuse, value};

const APP: &str = "https://app.example.org";
const PREFLIGHT_VARY: &str =
    "origin, access-control-request-method, access-control-request-headers";

fn app() -> Cors {
    Cors::origins([APP]).unwrap()
}

async fn from(
    client: &TestClient,
    method: Method,
    uri: &str,
    origin: &'static str,
) -> TestResponse {
    let request = client.request(method, uri);
    request.header(header::ORIGIN, value(origin)).send().await
}

async fn preflight(client: &TestClient, uri: &str, origin: &'static str) -> TestResponse {
    let request = client.request(Method::OPTIONS, uri);
    let request = request.header(header::ORIGIN, value(origin));
    let asked = (header::ACCESS_CONTROL_REQUEST_METHOD, value("PUT"));
    request.header(asked.0, asked.1).send().await
}

/// The headers of the answer that a browser looks at, without those that are absent.
fn answer(response: &TestResponse) -> Vec<(&'static str, String)> {
    let names = [
        "access-control-allow-origin",
        "access-control-allow-credentials",
        "access-control-allow-methods",
        "access-control-allow-headers",
        "access-control-expose-headers",
        "access-control-max-age",
        "vary",
    ];
    let all = names.map(|name| (name, header(response, name)));
    all.into_iter()
        .filter(|(_, value)| !value.is_empty())
        .collect()
}

fn pairs(expected: &[(&'static str, &str)]) -> Vec<(&'static str, String)> {
    let expected = expected.iter();
    expected
        .map(|(name, value)| (*name, (*value).to_owned()))
        .collect()
}

#[tokio::test]
async fn an_origin_of_the_list_is_let_in_on_every_exit() {
    let client = greeter(Link::new(app()));
    let let_in = |vary| pairs(&[("access-control-allow-origin", APP), ("vary", vary)]);
    let requests = [
        (Method::GET, "/", 200, "origin"),
        (Method::GET, "/fail", 409, "accept | origin"),
        (Method::GET, "/none", 404, "accept | origin"),
        (Method::POST, "/", 405, "accept | origin"),
        (Method::OPTIONS, "/", 204, "origin"),
    ];
    for (method, uri, status, vary) in requests {
        let response = from(&client, method, uri, APP).await;
        assert_eq!(response.status(), status);
        assert_eq!(answer(&response), let_in(vary), "{uri}");
    }
    let outer = on_error(|cx: &mut Context, _: Error| cx.respond("never mind"));
    let chains: [(Chain<Exchange>, _); 2] = [
        (Chain::new([Link::new(app()), refuse()]), "accept | origin"),
        (Chain::new([outer, Link::new(app()), refuse()]), "origin"),
    ];
    for (chain, vary) in chains {
        let response = from(&greeter(chain), Method::GET, "/", APP).await;
        assert_eq!(answer(&response), let_in(vary));
    }
}

#[tokio::test]
async fn another_origin_is_served_without_the_headers() {
    let client = greeter(Link::new(app().credentials().expose([header::ETAG])));
    let others = [
        "https://app.example.org.evil.test",
        "https://evil.test",
        "http://app.example.org",
        "https://app.example.org:8443",
        "https://app.example.org/",
        "https://App.example.org",
        "null",
        "*",
        "",
    ];
    for other in others {
        let response = from(&client, Method::GET, "/", other).await;
        assert_eq!(response.status(), 200);
        assert_eq!(answer(&response), pairs(&[("vary", "origin")]), "{other}");
        let response = preflight(&client, "/", other).await;
        assert_eq!(response.status(), 204);
        assert_eq!(
            answer(&response),
            pairs(&[("vary", PREFLIGHT_VARY)]),
            "{other}"
        );
    }
}

#[tokio::test]
async fn a_request_without_an_origin_or_with_two_says_what_it_varies_with() {
    let client = greeter(Link::new(app()));
    let response = client.get("/").send().await;
    assert_eq!(answer(&response), pairs(&[("vary", "origin")]));
    let request = client.get("/").header(header::ORIGIN, value(APP));
    let response = request.header(header::ORIGIN, value(APP)).send().await;
    assert_eq!(answer(&response), pairs(&[("vary", "origin")]));
}

#[tokio::test]
async fn a_preflight_is_answered_whatever_the_path_and_reaches_no_route() {
    let cors = app().credentials().max_age(Duration::from_secs(60));
    let client = greeter([Link::new(cors), refuse()]);
    for uri in ["/", "/none"] {
        let response = preflight(&client, uri, APP).await;
        assert_eq!(response.status(), 204);
        let expected = [
            ("access-control-allow-origin", APP),
            ("access-control-allow-credentials", "true"),
            (
                "access-control-allow-methods",
                "GET, HEAD, POST, PUT, PATCH, DELETE",
            ),
            (
                "access-control-allow-headers",
                "content-type, last-event-id",
            ),
            ("access-control-max-age", "60"),
            ("vary", PREFLIGHT_VARY),
        ];
        assert_eq!(answer(&response), pairs(&expected));
        assert_eq!(response.bytes().await.unwrap(), "");
    }
}

#[tokio::test]
async fn what_is_set_replaces_the_methods_and_adds_to_the_headers() {
    let cors = app().methods([Method::GET, Method::PUT]);
    let cors = cors.headers([header::AUTHORIZATION, name("x-key")]);
    let client = greeter(Link::new(cors.expose([header::ETAG, header::LINK])));
    let response = preflight(&client, "/", APP).await;
    assert_eq!(
        header(&response, "access-control-allow-methods"),
        "GET, PUT"
    );
    let headers = "content-type, last-event-id, authorization, x-key";
    assert_eq!(header(&response, "access-control-allow-headers"), headers);
    assert_eq!(header(&response, "access-control-max-age"), "7200");
    let response = from(&client, Method::GET, "/", APP).await;
    assert_eq!(
        header(&response, "access-control-expose-headers"),
        "etag, link"
    );
    assert_eq!(header(&response, "access-control-allow-methods"), "");
}

#[tokio::test]
async fn no_method_at_all_can_be_allowed() {
    let client = greeter(Link::new(app().methods([])));
    let response = preflight(&client, "/", APP).await;
    assert_eq!(header(&response, "access-control-allow-methods"), "");
}

#[tokio::test]
async fn any_origin_is_the_same_for_all_and_varies_with_none() {
    let client = greeter(Link::new(Cors::any()));
    let any = ("access-control-allow-origin", "*");
    assert_eq!(answer(&client.get("/").send().await), pairs(&[any]));
    assert_eq!(
        answer(&from(&client, Method::GET, "/fail", APP).await),
        pairs(&[any, ("vary", "accept")])
    );
    let response = preflight(&client, "/", "null").await;
    assert_eq!(header(&response, "access-control-allow-origin"), "*");
    assert_eq!(header(&response, "access-control-allow-credentials"), "");
}

#[tokio::test]
async fn a_function_sees_the_origin_and_the_request() {
    let cors = Cors::origins_when(|origin, request| origin == APP && request.uri.path() == "/");
    let client = greeter(Link::new(cors));
    let response = from(&client, Method::GET, "/", APP).await;
    assert_eq!(header(&response, "access-control-allow-origin"), APP);
    let response = from(&client, Method::GET, "/fail", APP).await;
    assert_eq!(answer(&response), pairs(&[("vary", "accept | origin")]));
}

#[tokio::test]
async fn what_a_response_varies_with_already_stays_and_is_not_said_twice() {
    let cases = [
        ("accept", "accept | origin"),
        ("accept, Origin", "accept, Origin"),
        ("*", "*"),
        ("x-origin", "x-origin | origin"),
    ];
    for (own, whole) in cases {
        let varied = handler(move |_: &mut Context| {
            (StatusCode::OK, [(header::VARY, own)], "hello").into_response()
        });
        let routes = Routes::new()
            .interceptors(Link::new(app()))
            .get("/", varied);
        let client = TestClient::new(routes.build().unwrap());
        assert_eq!(header(&client.get("/").send().await, "vary"), whole);
    }
}

#[tokio::test]
async fn an_error_that_is_answered_outside_varies_with_both() {
    let outer = on_error(|cx: &mut Context, _: Error| {
        cx.respond((StatusCode::OK, [(header::VARY, "accept")], "never mind"))
    });
    let client = greeter([outer, Link::new(app()), refuse()]);
    let response = from(&client, Method::GET, "/", APP).await;
    assert_eq!(header(&response, "vary"), "accept | origin");
    assert_eq!(header(&response, "access-control-allow-origin"), APP);
}

#[test]
fn origins_are_taken_as_a_browser_writes_them() {
    let same = ["https://app.example.org", "HTTPS://App.Example.org:443"];
    for origin in same {
        let cors = format!("{:?}", Cors::origins([origin]).unwrap());
        assert!(cors.contains(r#"["https://app.example.org"]"#), "{cors}");
    }
    for origin in [
        "http://localhost:3000",
        "http://[::1]:80",
        "chrome-extension://abc",
    ] {
        assert!(Cors::origins([origin]).is_ok(), "{origin}");
    }
    let none = [
        "",
        "*",
        "null",
        "app.example.org",
        "https://",
        "https://a/",
        "https://a/b",
        "https://a?b",
        "https://a#b",
        "https://user@a",
        "https://*.a",
        "https://a b",
        "://a",
        "https://a:b",
    ];
    for origin in none {
        let error = Cors::origins([APP, origin]).unwrap_err();
        let text = error.to_string();
        assert!(
            text.starts_with(&format!("`{origin}` is not an origin")),
            "{text}"
        );
    }
}
