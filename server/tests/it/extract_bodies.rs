//! Bodies as arguments.

use std::fmt::Debug;

use bytes::Bytes;
use http::{HeaderValue, header::CONTENT_TYPE};
use peristyle_core::{BoxError, Chain, Link, before};
use peristyle_server::{
    Body, Context, Exchange, Json, RequestBody, Routes, TestClient, TestResponse, handler,
};
use serde::{Deserialize, Serialize, de::DeserializeOwned};
use serde_json::{Value, json};

use crate::support::Fed;

const JSON: &str = "application/json";

async fn post(
    chain: impl Into<Chain<Exchange>>,
    content_type: Option<&'static str>,
    body: impl Into<Body>,
) -> TestResponse {
    let router = Routes::new().post("/", chain).build().unwrap();
    let client = TestClient::new(router);
    let mut request = client.post("/", body);
    if let Some(content_type) = content_type {
        request = request.header(CONTENT_TYPE, HeaderValue::from_static(content_type));
    }
    request.send().await
}

/// The status, and the text or the problem document without its id.
async fn read(response: TestResponse) -> (u16, Value) {
    let status = response.status().as_u16();
    let text = response.text().await.unwrap();
    if status == 200 {
        return (status, text.into());
    }
    let mut document: Value = serde_json::from_str(&text).unwrap();
    let id = document.as_object_mut().unwrap().remove("id");
    assert!(id.is_some_and(|id| id.is_string()));
    (status, document)
}

fn refused(status: u16, title: &str, field: Option<&str>, what: &str) -> (u16, Value) {
    let mut document = json!({ "status": status, "title": title, "part": "body" });
    document["detail"] = match field {
        Some(field) => format!("field `{field}` of the body: {what}").into(),
        None => format!("the body: {what}").into(),
    };
    if let Some(field) = field {
        document["field"] = field.into();
    }
    (status, document)
}

fn ok(text: &str) -> (u16, Value) {
    (200, text.into())
}

#[derive(Debug, Serialize, Deserialize)]
struct Order {
    name: String,
    items: Vec<Item>,
}

#[derive(Debug, Serialize, Deserialize)]
struct Item {
    price: u32,
}

async fn json<T: DeserializeOwned + Debug + Send + 'static>(body: impl Into<Body>) -> (u16, Value) {
    let show = handler(async |Json(value): Json<T>| format!("{value:?}"));
    read(post(show, Some(JSON), body).await).await
}

#[tokio::test]
async fn json_goes_both_ways() {
    let echo = handler(async |Json(order): Json<Order>| Json(order));
    let text = r#"{"name":"a\u0000ä","items":[{"price":4294967295}]}"#;
    for content_type in [
        JSON,
        "APPLICATION/JSON",
        "application/json; charset=utf-8",
        "application/merge-patch+json",
        " application/json ;a=b",
    ] {
        let response = post(echo.clone(), Some(content_type), format!(" {text}\n")).await;
        assert_eq!(response.headers()["content-type"], "application/json");
        assert_eq!(response.text().await.unwrap(), text, "{content_type}");
    }
}

#[tokio::test]
async fn a_body_of_another_content_type_is_a_415_that_says_which_is_accepted() {
    let echo = handler(async |Json(order): Json<Order>| Json(order));
    for (content_type, what) in [
        (None, "it has no content type"),
        (Some("text/plain"), "its content type is `text/plain`"),
        (
            Some("application/jsonp"),
            "its content type is `application/jsonp`",
        ),
        (Some("text/json"), "its content type is `text/json`"),
        (
            Some("application/json+xml"),
            "its content type is `application/json+xml`",
        ),
        (Some("json"), "its content type is `json`"),
        (Some(""), "its content type is ``"),
    ] {
        let response = post(echo.clone(), content_type, "{}").await;
        assert_eq!(response.headers()["accept"], "application/json");
        let expected = refused(415, "Unsupported Media Type", None, what);
        assert_eq!(read(response).await, expected, "{content_type:?}");
    }
    let router = Routes::new().post("/", echo).build().unwrap();
    let client = TestClient::new(router);
    let json = HeaderValue::from_static(JSON);
    let twice = client.post("/", "{}").header(CONTENT_TYPE, json.clone());
    let what = "its content type cannot be read";
    let expected = refused(415, "Unsupported Media Type", None, what);
    let answer = read(twice.header(CONTENT_TYPE, json).send().await).await;
    assert_eq!(answer, expected);
    let bytes = HeaderValue::from_bytes(b"\xff").unwrap();
    let bytes = client.post("/", "{}").header(CONTENT_TYPE, bytes);
    assert_eq!(read(bytes.send().await).await, expected);
}

#[tokio::test]
async fn what_is_not_json_is_a_400_that_says_where() {
    let bad = |field, what| refused(400, "Bad Request", field, what);
    let empty = json::<Order>("").await;
    let what = "EOF while parsing a value at line 1 column 0";
    assert_eq!(empty, bad(None, what));
    let cut = json::<Order>(r#"{"name": "a", "items": [{"price": 1}, "#).await;
    let what = "EOF while parsing a value at line 1 column 38";
    assert_eq!(cut, bad(Some("items"), what));
    let before_a_key = json::<Order>("{").await;
    let what = "EOF while parsing an object at line 1 column 1";
    assert_eq!(before_a_key, bad(None, what));
    let before_a_key = json::<Order>(r#"{"items": [{"#).await;
    let what = "EOF while parsing an object at line 1 column 12";
    assert_eq!(before_a_key, bad(Some("items[0]"), what));
    let more = json::<u8>("1 2").await;
    let what = "trailing characters at line 1 column 3";
    assert_eq!(more, bad(None, what));
    let huge = json::<Value>("1e999").await;
    let what = "number out of range at line 1 column 5";
    assert_eq!(huge, bad(None, what));
    let not_utf8 = json::<String>(Bytes::from_static(b"\"\xff\"")).await;
    let what = "invalid unicode code point at line 1 column 2";
    assert_eq!(not_utf8, bad(None, what));
    let nul = json::<String>("\"\0\"").await;
    assert_eq!(nul.0, 400);
}

#[tokio::test]
async fn json_that_nests_too_deep_is_a_400_however_deep() {
    for levels in [128, 100_000] {
        let (status, document) = json::<Value>("[".repeat(levels)).await;
        assert_eq!(status, 400);
        let detail = document["detail"].as_str().unwrap();
        let what = "recursion limit exceeded at line 1 column 128";
        assert!(detail.ends_with(what), "{detail}");
        let field = document["field"].as_str().unwrap();
        assert!(field.len() <= 200, "{field}");
    }
    let fits = "[".repeat(127) + &"]".repeat(127);
    assert_eq!(json::<Value>(fits).await.0, 200);
}

#[tokio::test]
async fn json_that_is_not_what_is_wanted_is_a_422_that_names_the_field_and_the_place() {
    let wrong = |field, what| refused(422, "Unprocessable Entity", field, what);
    let price =
        json::<Order>("{\"name\": \"a\",\n\"items\": [{\"price\": 1}, {\"price\": -1}]}").await;
    let what = "invalid value: integer `-1`, expected u32 at line 2 column 36";
    assert_eq!(price, wrong(Some("items[1].price"), what));
    let missing = json::<Order>(r#"{"name": "a"}"#).await;
    let what = "missing field `items` at line 1 column 13";
    assert_eq!(missing, wrong(None, what));
    let huge = json::<Item>(r#"{"price": 99999999999999999999}"#).await;
    let what = "invalid type: floating point `1e+20`, expected u32 at line 1 column 30";
    assert_eq!(huge, wrong(Some("price"), what));
    let kind = json::<Order>("[]").await;
    let what = "invalid length 0, expected struct Order with 2 elements at line 1 column 2";
    assert_eq!(kind, wrong(None, what));
    let long = "a".repeat(1 << 20);
    let (status, document) = json::<u8>(format!("\"{long}\"")).await;
    assert_eq!(status, 422);
    let detail = document["detail"].as_str().unwrap();
    let start = "the body: invalid type: string \"aaaa";
    let end = "aaaa… at line 1 column 1048578";
    assert!(
        detail.starts_with(start) && detail.ends_with(end),
        "{detail}"
    );
    assert!(detail.len() < 300, "{detail}");
}

#[tokio::test]
async fn bytes_and_text_are_the_body_whatever_its_content_type() {
    let bytes = handler(async |body: Bytes| format!("{body:?}"));
    let text = handler(|body: String| body);
    let raw = post(bytes.clone(), None, Bytes::from_static(b"a\0\xff")).await;
    assert_eq!(read(raw).await, ok(r#"b"a\0\xff""#));
    let none = post(bytes, Some(JSON), "").await;
    assert_eq!(read(none).await, ok(r#"b"""#));
    let raw = post(text.clone(), Some(JSON), "a\0ä").await;
    assert_eq!(read(raw).await, ok("a\0ä"));
    let raw = post(text, None, Bytes::from_static(b"ab\xff")).await;
    let what = "invalid utf-8 sequence of 1 bytes from index 2";
    assert_eq!(read(raw).await, refused(400, "Bad Request", None, what));
}

#[tokio::test]
async fn several_arguments_and_stages_read_the_same_body() {
    let signed = handler(|raw: Bytes, Json(item): Json<Item>, text: String| {
        format!("{} {} {text}", raw.len(), item.price)
    });
    let peek = before(async |cx: &mut Context| -> Result<(), BoxError> {
        use peristyle_server::FromExchange;
        cx.body().set_limit(16);
        let text = String::from_exchange(cx).await?;
        assert_eq!(text, r#"{"price": 12345}"#);
        Ok(())
    });
    let chain = Chain::new([peek, signed]);
    let answer = post(chain, Some(JSON), r#"{"price": 12345}"#).await;
    assert_eq!(read(answer).await, ok(r#"16 12345 {"price": 12345}"#));
}

/// Sets the limit of the body to 8 bytes, for a handler.
fn limited(handler: Link<Exchange>) -> Chain<Exchange> {
    let limit = before(|cx: &mut Context| cx.body().set_limit(8));
    Chain::new([limit, handler])
}

#[tokio::test]
async fn a_body_beyond_its_limit_is_a_413_for_each_argument_that_reads_it() {
    let large = refused(
        413,
        "Payload Too Large",
        None,
        "the request body is larger than the limit",
    );
    let handlers = [
        handler(|_: Bytes| ()),
        handler(|_: String| ()),
        handler(|_: Json<Value>| ()),
    ];
    for handler in handlers {
        let fits = post(limited(handler.clone()), Some(JSON), "12345678").await;
        assert_eq!(fits.status(), 200);
        let announced = post(limited(handler.clone()), Some(JSON), "123456789").await;
        assert_eq!(read(announced).await, large);
        let (values, body) = Fed::new();
        for piece in ["12345", "67890"] {
            let piece = Bytes::from_static(piece.as_bytes());
            values.try_send(Ok(piece)).unwrap();
        }
        drop(values);
        let came = post(limited(handler), Some(JSON), Body::new(body)).await;
        assert_eq!(read(came).await, large);
    }
    let default = handler(|body: Bytes| body.len().to_string());
    let fits = post(default.clone(), None, vec![0; 2 << 20]).await;
    assert_eq!(fits.text().await.unwrap(), "2097152");
    let large = post(default, None, vec![0; (2 << 20) + 1]).await;
    assert_eq!(large.status(), 413);
}

#[tokio::test]
async fn a_body_that_broke_off_is_a_400() {
    let (values, body) = Fed::new();
    values.try_send(Ok(Bytes::from_static(b"12"))).unwrap();
    values.try_send(Err("the wire is cut".into())).unwrap();
    let answer = post(handler(|_: Bytes| ()), None, Body::new(body)).await;
    let what = "the request body broke off";
    assert_eq!(read(answer).await, refused(400, "Bad Request", None, what));
}

#[tokio::test]
async fn a_body_that_is_taken_keeps_its_limit_and_leaves_an_error() {
    async fn count(mut body: RequestBody) -> Result<String, BoxError> {
        let mut length = 0;
        while let Some(piece) = body.chunk().await {
            length += piece?.len();
        }
        Ok(length.to_string())
    }
    let fits = post(limited(handler(count)), None, "12345678").await;
    assert_eq!(read(fits).await, ok("8"));
    let large = post(limited(handler(count)), None, "123456789").await;
    assert_eq!(large.status(), 413);

    let twice = handler(|_: RequestBody, again: Result<Bytes, BoxError>| {
        let error = again.unwrap_err();
        format!("{error}: {}", error.source().unwrap())
    });
    let answer = post(twice, None, "a").await;
    let text = "the body is refused: an earlier stage has taken the request body";
    assert_eq!(read(answer).await, ok(text));
    let twice = post(handler(|_: RequestBody, _: String| ()), None, "a").await;
    let expected = json!({ "status": 500, "title": "Internal Server Error" });
    assert_eq!(read(twice).await, (500, expected));
}
