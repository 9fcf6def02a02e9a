//! Headers that tell browsers to be careful.

use std::time::Duration;

use http::{Method, StatusCode, header::REFERRER_POLICY};
use peristyle_core::{Chain, Error, Link, handler, on_error};
use peristyle_server::{
    Context, Exchange, IntoResponse, Problem, Routes, TestClient, TestResponse,
    interceptors::{Framing, SecurityHeaders},
};

use super::{greeter, header, name, refuse, value};

fn careful() -> Link<Exchange> {
    Link::new(SecurityHeaders::new())
}

fn assert_careful(response: &TestResponse) {
    assert_eq!(header(response, "x-content-type-options"), "nosniff");
    assert_eq!(
        header(response, "referrer-policy"),
        "strict-origin-when-cross-origin"
    );
    assert_eq!(header(response, "x-frame-options"), "DENY");
    assert_eq!(header(response, "content-security-policy"), "");
    assert_eq!(header(response, "strict-transport-security"), "");
}

#[tokio::test]
async fn every_response_has_them_whatever_it_is() {
    let client = greeter(careful());
    let requests = [
        (Method::GET, "/", 200),
        (Method::HEAD, "/", 200),
        (Method::GET, "/fail", 409),
        (Method::GET, "/none", 404),
        (Method::POST, "/", 405),
        (Method::OPTIONS, "/", 204),
        (Method::GET, "/%zz", 400),
    ];
    for (method, uri, status) in requests {
        let response = client.request(method, uri).send().await;
        assert_eq!(response.status(), status);
        assert_careful(&response);
    }
}

#[tokio::test]
async fn an_error_that_nobody_renders_before_the_end_has_them() {
    let response = greeter([careful(), refuse()]).get("/").send().await;
    assert_eq!(response.status(), 409);
    assert_careful(&response);
}

#[tokio::test]
async fn an_error_that_is_rendered_outside_of_them_has_them() {
    let outer = on_error(|cx: &mut Context, _: Error| cx.respond("never mind"));
    let routes = Routes::new().get("/", Chain::new([outer, careful(), refuse()]));
    let routes = routes.get("/plain", Chain::new([careful(), refuse()]));
    let client = TestClient::new(routes.build().unwrap());
    let response = client.get("/").send().await;
    assert_careful(&response);
    assert_eq!(response.text().await.unwrap(), "never mind");
    assert_careful(&client.get("/plain").send().await);
}

#[tokio::test]
async fn a_response_that_was_replaced_by_an_error_has_them_once() {
    let fails = peristyle_core::after(|_: &mut Context| Err::<(), _>("late"));
    let response = greeter([careful(), fails, careful()]).get("/").send().await;
    assert_eq!(response.status(), 500);
    assert_careful(&response);
}

#[tokio::test]
async fn what_a_handler_or_a_problem_has_set_stays() {
    let framed = handler(|_: &mut Context| {
        (
            StatusCode::OK,
            [(name("x-frame-options"), "SAMEORIGIN")],
            "hello",
        )
            .into_response()
    });
    let fails = |_: &mut Context| {
        let problem = Problem::new(StatusCode::CONFLICT);
        Err::<(), _>(problem.header(REFERRER_POLICY, value("no-referrer")))
    };
    let routes = Routes::new()
        .get("/", Chain::new([careful(), framed]))
        .get("/fail", Chain::new([careful(), handler(fails)]));
    let client = TestClient::new(routes.build().unwrap());
    let response = client.get("/").send().await;
    assert_eq!(header(&response, "x-frame-options"), "SAMEORIGIN");
    assert_eq!(header(&response, "x-content-type-options"), "nosniff");
    let response = client.get("/fail").send().await;
    assert_eq!(header(&response, "referrer-policy"), "no-referrer");
    assert_eq!(header(&response, "x-frame-options"), "DENY");
}

#[tokio::test]
async fn framing_is_in_the_policy_too_unless_the_policy_has_its_own() {
    let cases = [
        (
            Framing::Never,
            "default-src 'self'",
            "DENY",
            "default-src 'self'; frame-ancestors 'none'",
        ),
        (
            Framing::Never,
            "default-src 'self' ; ",
            "DENY",
            "default-src 'self'; frame-ancestors 'none'",
        ),
        (
            Framing::SameOrigin,
            "default-src 'self'",
            "SAMEORIGIN",
            "default-src 'self'; frame-ancestors 'self'",
        ),
        (
            Framing::Anywhere,
            "default-src 'self'",
            "",
            "default-src 'self'",
        ),
        (
            Framing::Never,
            "Frame-Ancestors a.example; img-src *",
            "DENY",
            "Frame-Ancestors a.example; img-src *",
        ),
        (
            Framing::Never,
            "report-uri /frame-ancestors",
            "DENY",
            "report-uri /frame-ancestors; frame-ancestors 'none'",
        ),
    ];
    for (framing, policy, options, whole) in cases {
        let headers = SecurityHeaders::new().content_policy(policy).unwrap();
        let client = greeter(Link::new(headers.framing(framing)));
        let response = client.get("/").send().await;
        assert_eq!(header(&response, "x-frame-options"), options);
        assert_eq!(header(&response, "content-security-policy"), whole);
    }
}

#[tokio::test]
async fn strict_transport_is_sent_when_it_is_asked_for() {
    let minute = Duration::from_millis(60_500);
    let plain = SecurityHeaders::new().strict_transport(minute);
    let response = greeter(Link::new(plain)).get("/").send().await;
    assert_eq!(header(&response, "strict-transport-security"), "max-age=60");
    let all = SecurityHeaders::new().strict_transport_with_subdomains(minute);
    let response = greeter(Link::new(all)).get("/").send().await;
    let expected = "max-age=60; includeSubDomains";
    assert_eq!(header(&response, "strict-transport-security"), expected);
}

#[test]
fn a_policy_that_is_no_header_is_an_error() {
    assert!(
        SecurityHeaders::new()
            .content_policy("default-src\n'self'")
            .is_err()
    );
}
