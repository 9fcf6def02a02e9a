//! The defaults, and the order in which all go together.

use std::time::Duration;

use http::{Method, header};
use peristyle_core::{Link, handler};
use peristyle_server::{
    Context, Interrupts, Routes, TestClient,
    interceptors::{self, ConcurrencyLimit, Cors},
};

use super::{greeter, header, value};

#[test]
fn the_order_is_that_of_the_routers_chain() {
    let router = Routes::new().interceptors(interceptors::defaults());
    let router = router.build().unwrap();
    let names: Vec<_> = router
        .chain()
        .iter()
        .map(|link| link.name().as_str())
        .collect();
    let expected = [
        "router",
        "access_log",
        "trace_context",
        "security_headers",
        "body_limit",
        "errors",
    ];
    assert_eq!(names, expected);
    let printed = format!("{router:?}");
    assert!(
        printed.contains("access_log {Leave, Error}, trace_context {Enter}"),
        "{printed}"
    );
}

#[tokio::test]
async fn the_defaults_disturb_nothing() {
    let client = greeter(interceptors::defaults());
    let response = client.get("/").send().await;
    assert_eq!(response.status(), 200);
    assert_eq!(response.text().await.unwrap(), "hello");
}

/// The trace, and the map that has it. Nobody wants the access log here.
#[test]
fn the_defaults_cost_two_allocations_a_request() {
    let allocations = |client: TestClient| {
        let once = || {
            let mut sending = tokio_test::task::spawn(client.get("/").send());
            assert!(sending.poll().is_ready());
        };
        once();
        allocation_counter::measure(once).count_total
    };
    let without = allocations(greeter([]));
    let with = allocations(greeter(interceptors::defaults()));
    assert_eq!(with - without, 2);
}

#[tokio::test(start_paused = true)]
async fn a_page_can_read_a_refusal_and_a_time_out() {
    let limit = ConcurrencyLimit::new(1);
    let patience = Interrupts::new().after(Duration::from_secs(5));
    let slow = handler(async |_: &mut Context| std::future::pending::<()>().await);
    let routes = Routes::new()
        .interceptors(interceptors::defaults())
        .interceptors([
            Link::new(Cors::origins(["https://a.example"]).unwrap()),
            Link::new(limit),
            Link::new(patience),
        ])
        .get("/", slow);
    let client = TestClient::new(routes.build().unwrap());
    let page = |method| {
        client
            .request(method, "/")
            .header(header::ORIGIN, value("https://a.example"))
    };
    let mut slow = tokio_test::task::spawn(page(Method::GET).send());
    assert!(slow.poll().is_pending());
    let refused = page(Method::GET).send().await;
    let asked = page(Method::OPTIONS);
    let preflight = asked.header(header::ACCESS_CONTROL_REQUEST_METHOD, value("GET"));
    assert_eq!(preflight.send().await.status(), 204);
    let timed_out = slow.await;
    for response in [refused, timed_out] {
        assert_eq!(response.status(), 503);
        assert_eq!(
            header(&response, "access-control-allow-origin"),
            "https://a.example"
        );
        assert_eq!(header(&response, "x-content-type-options"), "nosniff");
    }
}
