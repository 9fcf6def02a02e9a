//! Formats by negotiation: the extractor, the method of the exchange, and the answer when nothing fits.

use http::{HeaderValue, StatusCode, Uri, header::ACCEPT};
use peristyle_core::{BoxError, Chain, Link, Outcome, before, handler as on_context};
use peristyle_server::{
    Accept, Context, Exchange, NotAcceptable, Routes, TestClient, TestResponse, handler,
};
use serde_json::{Value, json};

const EVENTS: &str = "text/event-stream";
const LINES: &str = "application/x-ndjson";
const OFFERS: [(&str, &str); 2] = [
    ("events", "text/event-stream; charset=utf-8"),
    ("lines", LINES),
];

/// The same, as an argument and of the context.
fn negotiating() -> [Link<Exchange>; 2] {
    let argument = handler(async |accept: Accept| accept.choose(OFFERS));
    let of_context = on_context(|cx: &mut Context| cx.accept(OFFERS));
    [argument, of_context]
}

async fn ask(chain: impl Into<Chain<Exchange>>, accept: &[&str]) -> TestResponse {
    let router = Routes::new().get("/", chain).build().unwrap();
    let client = TestClient::new(router);
    let mut request = client.get("/");
    for value in accept {
        let value = HeaderValue::from_bytes(value.as_bytes()).unwrap();
        request = request.header(ACCEPT, value);
    }
    request.send().await
}

fn vary(response: &TestResponse) -> Vec<&HeaderValue> {
    response.headers().get_all("vary").iter().collect()
}

#[tokio::test]
async fn the_preferred_of_the_offers_is_chosen_and_the_response_varies() {
    for (accept, expected) in [
        (&[][..], "events"),
        (&["*/*"], "events"),
        (&["text/event-stream"], "events"),
        (&["application/x-ndjson"], "lines"),
        (&["text/event-stream;q=0.5, application/x-ndjson"], "lines"),
        (&["application/x-ndjson;q=0.1", "text/*;q=0.2"], "events"),
        (&["*/*, text/event-stream;q=0"], "lines"),
    ] {
        for chain in negotiating() {
            let response = ask(chain, accept).await;
            assert_eq!(response.status(), 200);
            assert_eq!(vary(&response), ["accept"]);
            assert_eq!(response.text().await.unwrap(), expected, "{accept:?}");
        }
    }
}

#[tokio::test]
async fn where_nothing_fits_a_406_lists_the_offers_and_varies() {
    for accept in [
        "text/html",
        "",
        "text/event-stream;q=0",
        "no type",
        "caf\u{e9}/*",
    ] {
        for chain in negotiating() {
            let response = ask(chain, &[accept]).await;
            assert_eq!(response.status(), 406, "{accept}");
            assert_eq!(vary(&response), ["accept"]);
            let text = response.text().await.unwrap();
            // Who asks for a page is told by one.
            if accept == "text/html" {
                let detail = "<p>it can be had as text/event-stream, application/x-ndjson</p>";
                assert!(text.contains(detail), "{text}");
                continue;
            }
            let mut document: Value = serde_json::from_str(&text).unwrap();
            document.as_object_mut().unwrap().remove("id");
            let expected = json!({
                "status": 406,
                "title": "Not Acceptable",
                "detail": "it can be had as text/event-stream, application/x-ndjson",
                "offers": [EVENTS, LINES],
            });
            assert_eq!(document, expected);
        }
    }
}

#[tokio::test]
async fn a_response_varies_whoever_makes_it_and_however_often_it_was_asked() {
    let twice = before(|cx: &mut Context| {
        let first = cx.accept(OFFERS);
        assert_eq!(cx.accept([("lines", LINES)]), Ok("lines"));
        first.map(drop)
    });
    let own = before(|cx: &mut Context| -> Outcome {
        cx.accept(OFFERS)?;
        cx.respond((StatusCode::OK, [("vary".parse()?, "Origin, Accept")], "own"))
    });
    let fails = handler(async |_: Accept| Err::<(), _>("broken"));
    let elsewhere = handler(|| "elsewhere");
    for (chain, expected) in [
        (Chain::new([twice.clone(), elsewhere]), &["accept"][..]),
        (Chain::new([twice, own]), &["Origin, Accept"]),
        (Chain::new([fails]), &["accept"]),
    ] {
        let response = ask(chain, &["*/*"]).await;
        assert_eq!(vary(&response), expected);
    }
}

#[tokio::test]
async fn who_does_not_negotiate_does_not_vary() {
    let response = ask(handler(|| "plain"), &["text/html"]).await;
    assert_eq!(response.status(), 200);
    assert_eq!(vary(&response), [""; 0]);
}

#[tokio::test]
async fn a_handler_can_deal_with_it_itself() {
    let lenient = handler(async |accept: Accept| {
        accept
            .choose(OFFERS)
            .unwrap_or_else(|refused: NotAcceptable| {
                assert!(refused.offers().eq([EVENTS, LINES]));
                let says = "the client accepts none of text/event-stream, application/x-ndjson";
                assert_eq!(refused.to_string(), says);
                "neither"
            })
    });
    let response = ask(lenient, &["text/html"]).await;
    assert_eq!(response.text().await.unwrap(), "neither");
}

#[tokio::test]
async fn the_target_is_an_argument() -> Result<(), BoxError> {
    let show = handler(async |uri: Uri| uri.to_string());
    let client = TestClient::new(Routes::new().get("/{*path}", show).build()?);
    let response = client.get("/a%20b?c=d+e").send().await;
    assert_eq!(response.text().await?, "/a%20b?c=d+e");
    Ok(())
}
