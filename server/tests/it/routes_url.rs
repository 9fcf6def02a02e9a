//! Addresses of routes.

use std::fmt::Display;

use http::Method;
use peristyle_core::{before, handler};
use peristyle_server::{Context, Exchange, Redirect, Route, Router, Routes, TestClient, UrlError};
use proptest::prelude::*;

fn router() -> Router {
    let shows = || handler(|cx: &mut Context| shown(cx));
    Routes::new()
        .route(Route::get("/", shows()).named("home"))
        .route(Route::get("/p/{a}/caf\u{e9}|/{b}/", shows()).named("two"))
        .route(Route::get("/w/{a}/{*rest}", shows()).named("wild"))
        .route(Route::get("/h/{a}", shows()).host("H.org").named("host"))
        .route(Route::any("/{*rest}", shows()).named("root"))
        .build()
        .unwrap()
}

/// The route's name, and each parameter on a line of its own.
fn shown(cx: &Exchange) -> String {
    let name = cx.route().unwrap().name().unwrap().to_owned();
    let params = cx.params().map(|(name, value)| format!("{name}={value:?}"));
    let lines: Vec<_> = std::iter::once(name).chain(params).collect();
    lines.join("\n")
}

fn url(name: &str, params: &[(&str, &dyn Display)]) -> String {
    router().url_for(name, params).unwrap().to_string()
}

#[test]
fn what_means_something_in_a_path_is_escaped() {
    for (value, expected) in [
        ("plain-._~", "plain-._~"),
        ("a b", "a%20b"),
        ("a/b", "a%2Fb"),
        ("50%", "50%25"),
        ("%2F", "%252F"),
        ("a+b", "a%2Bb"),
        ("?q#f", "%3Fq%23f"),
        ("\u{e9}\u{1f600}", "%C3%A9%F0%9F%98%80"),
        ("...", "..."),
        ("..a", "..a"),
        ("/..", "%2F.."),
        ("\\..\\\u{0}\r\n", "%5C..%5C%00%0D%0A"),
    ] {
        let made = url("two", &[("b", &value), ("a", &7)]);
        assert_eq!(made, format!("/p/7/caf%C3%A9%7C/{expected}/"), "{value}");
    }
    assert_eq!(url("home", &[]), "/");
}

#[test]
fn a_wildcard_keeps_its_slashes_but_never_two_in_a_row() {
    for (value, expected) in [
        ("a/b c/", "/w/x/a/b%20c/"),
        ("a//b", "/w/x/a/%2Fb"),
        ("/etc", "/w/x/%2Fetc"),
        ("a%2Fb?", "/w/x/a%252Fb%3F"),
        ("..a/.b", "/w/x/..a/.b"),
    ] {
        assert_eq!(url("wild", &[("a", &"x"), ("rest", &value)]), expected);
    }
    // What starts with two slashes would be taken for a host.
    assert_eq!(url("root", &[("rest", &"/example.com")]), "/%2Fexample.com");
    assert_eq!(
        url("root", &[("rest", &"\\example.com")]),
        "/%5Cexample.com"
    );
}

#[test]
fn an_address_that_cannot_be_made_is_an_error_of_its_kind() {
    let router = router();
    let error = |name, params: &[(&str, &dyn Display)]| {
        let error = router.url_for(name, params).unwrap_err();
        let kind = match &error {
            UrlError::UnknownRoute { name, .. } => format!("unknown {name}"),
            UrlError::Missing { parameter, .. } => format!("missing {parameter}"),
            UrlError::Superfluous { parameter, .. } => format!("superfluous {parameter}"),
            UrlError::Unmatchable { parameter, .. } => format!("unmatchable {parameter}"),
            other => panic!("{other:?}"),
        };
        (kind, error.to_string())
    };
    let wild = "GET /w/{a}/{*rest}";
    for (name, params, kind, text) in [
        (
            "nobody",
            &[][..],
            "unknown nobody",
            "no route has the name `nobody`".to_owned(),
        ),
        (
            "wild",
            &[("a", &7 as &dyn Display)],
            "missing rest",
            format!("`{wild}` needs the parameter `rest`"),
        ),
        (
            "wild",
            &[("a", &7), ("rest", &8), ("c", &9)],
            "superfluous c",
            format!("`{wild}` takes no parameter `c`, or not twice"),
        ),
        (
            "wild",
            &[("a", &7), ("rest", &8), ("a", &7)],
            "superfluous a",
            format!("`{wild}` takes no parameter `a`, or not twice"),
        ),
        (
            "home",
            &[("", &7)],
            "superfluous ",
            "`GET /` takes no parameter ``, or not twice".to_owned(),
        ),
    ] {
        assert_eq!(error(name, params), (kind.to_owned(), text));
    }
    for value in ["", ".", ".."] {
        assert_eq!(
            error("wild", &[("a", &value), ("rest", &"a")]).0,
            "unmatchable a"
        );
    }
    for value in ["", ".", "..", "../a", "a/..", "a/./b", "a/../../b"] {
        assert_eq!(
            error("wild", &[("a", &"a"), ("rest", &value)]).0,
            "unmatchable rest"
        );
    }
}

#[test]
fn query_parameters_follow_in_order_and_are_escaped() {
    let url = router().url_for("home", &[]).unwrap();
    let url = url
        .query("a b", "c&d=e+f")
        .query("n", 7)
        .query("n", "\u{e9}")
        .query("", "");
    assert_eq!(url.as_str(), "/?a%20b=c%26d%3De%2Bf&n=7&n=%C3%A9&=");
    assert_eq!(String::from(url.clone()), url.to_string());
}

#[test]
fn the_absolute_form_has_scheme_and_host_and_keeps_to_the_host_of_its_route() {
    let router = router();
    let home = router.url_for("home", &[]).unwrap().query("q", 1);
    let absolute = |scheme, host| home.absolute(scheme, host);
    assert_eq!(
        absolute("https", "example.org").unwrap(),
        "https://example.org/?q=1"
    );
    assert_eq!(
        absolute("http", "[::1]:8080").unwrap(),
        "http://[::1]:8080/?q=1"
    );
    for (scheme, host) in [
        ("ht tp", "example.org"),
        ("", "example.org"),
        ("https", ""),
        ("https", "a/b"),
        ("https", "a@b"),
        ("https", "a\r\nb"),
    ] {
        let error = absolute(scheme, host).unwrap_err();
        let text = format!("`{scheme}://{host}` is not a scheme with a host");
        assert!(matches!(error, UrlError::BadOrigin { .. }), "{error:?}");
        assert_eq!(error.to_string(), text);
    }
    let of_host = router.url_for("host", &[("a", &"b")]).unwrap();
    assert_eq!(of_host.host(), Some("h.org"));
    assert_eq!(
        of_host.absolute("https", "H.ORG:1").unwrap(),
        "https://H.ORG:1/h/b"
    );
    let error = of_host.absolute("https", "example.org").unwrap_err();
    assert!(matches!(error, UrlError::OtherHost { .. }), "{error:?}");
}

#[tokio::test]
async fn an_address_can_be_made_in_every_interceptor_whether_or_not_a_route_matched() {
    let link = before(|cx: &mut Context| {
        let url = cx.url_for("order", &[("id", &"a b")])?;
        let url = url.query("from", cx.uri().path());
        cx.respond(Redirect::to(url))
    });
    let order = Route::new(Method::PUT, "/orders/{id}", handler(|_: &mut Context| ()));
    let routes = Routes::new().interceptors(link).route(order.named("order"));
    let client = TestClient::new(routes.build().unwrap());
    for (path, location) in [
        ("/orders/7", "/orders/a%20b?from=%2Forders%2F7"),
        ("/nowhere", "/orders/a%20b?from=%2Fnowhere"),
    ] {
        let response = client.get(path).send().await;
        assert_eq!(response.headers()["location"], location, "{path}");
    }
    let elsewhere = Exchange::default().url_for("order", &[]);
    assert_eq!(elsewhere, Err(UrlError::NotRouted));
}

/// Text in which what means something in a path is frequent.
fn text() -> impl Strategy<Value = String> {
    let special = prop::sample::select(vec![
        "/",
        "//",
        "%",
        "%2F",
        "%2e",
        "+",
        "?",
        "#",
        "&",
        "=",
        ".",
        "..",
        "/../",
        "\\",
        "{",
        "}",
        "{a}",
        "\u{e9}",
        "\u{1f600}",
        "\u{0}",
        "\r\n",
        " ",
        "*",
        ";",
        ":",
        "@",
        "~",
        "a",
        "B",
        "0",
    ]);
    let piece = prop_oneof![
        4 => special.prop_map(ToOwned::to_owned),
        1 => any::<char>().prop_map(String::from),
    ];
    prop::collection::vec(piece, 0..8).prop_map(|pieces| pieces.concat())
}

fn no_address(value: &str, wildcard: bool) -> bool {
    // Slashes that follow another are escaped, and so separate nothing.
    let mut segments = Vec::from([String::new()]);
    let mut after_slash = true;
    for char in value.chars() {
        let separates = wildcard && char == '/' && !after_slash;
        match segments.last_mut() {
            Some(last) if !separates => last.push(char),
            _ => segments.push(String::new()),
        }
        after_slash = separates;
    }
    value.is_empty()
        || segments
            .iter()
            .any(|segment| segment == "." || segment == "..")
}

proptest! {
    /// Through a request, so that what an address must not have fails to be parsed as one.
    #[test]
    fn matching_an_address_gives_back_the_parameters_it_was_made_of(a in text(), b in text()) {
        let router = router();
        for (name, second, wildcard) in [("two", "b", false), ("wild", "rest", true)] {
            let url = router.url_for(name, &[("a", &a), (second, &b)]);
            let refused = no_address(&a, false) || no_address(&b, wildcard);
            prop_assert_eq!(url.is_err(), refused, "{:?}", &url);
            let Ok(url) = url else { continue };
            prop_assert!(!url.as_str().contains("//"), "{}", &url);
            let client = TestClient::new(router.clone());
            let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
            let answer = runtime.block_on(async {
                client.get(&url.to_string()).send().await.text().await.unwrap()
            });
            prop_assert_eq!(answer, format!("{name}\na={a:?}\n{second}={b:?}"));
        }
    }

    #[test]
    fn decoding_a_query_gives_back_the_parameters_it_was_made_of(pairs in prop::collection::vec((text(), text()), 0..4)) {
        let url = router().url_for("home", &[]).unwrap();
        let url = pairs.iter().fold(url, |url, (name, value)| url.query(name, value));
        let uri: http::Uri = url.as_str().parse().unwrap();
        let decode = |text: &str| {
            let decoded = percent_encoding::percent_decode_str(text).decode_utf8();
            decoded.unwrap().into_owned()
        };
        let query = uri.query().into_iter().flat_map(|query| query.split('&'));
        let decoded: Vec<_> = query
            .map(|pair| pair.split_once('=').unwrap())
            .map(|(name, value)| (decode(name), decode(value)))
            .collect();
        prop_assert!(!url.as_str().contains('+'));
        prop_assert_eq!(decoded, pairs);
    }
}
