//! Each way in which an argument can fail to be extracted, and all that its error says.

use std::sync::{Arc, Mutex};

use bytes::Bytes;
use http::{HeaderMap, HeaderValue, StatusCode, header::CONTENT_TYPE};
use peristyle_core::{BoxError, Chain, Error, Link, on_error};
use peristyle_server::{
    Body, Context, Exchange, Form, Headers, Json, Multipart, Part, Path, Query, Rejection,
    RequestBody, Routes, State, TestClient, handler,
};
use serde::Deserialize;
use serde_json::{Value, json};

use crate::support::Fed;

#[derive(Deserialize)]
#[expect(dead_code, reason = "only its extraction matters")]
struct Item {
    price: u8,
}

/// What a rejection says of itself: its status, part, field and argument.
type Said = (u16, Part, Option<String>, Option<usize>);

struct Refused {
    said: Said,
    causes: Vec<String>,
    headers: HeaderMap,
    document: Value,
}

const JSON: Option<&str> = Some("application/json");
const FORM: Option<&str> = Some("application/x-www-form-urlencoded");
const PARTS: Option<&str> = Some("multipart/form-data; boundary=b");

/// What comes of a request whose body may be 200 bytes long, at `/{id}/{other}`.
async fn refused(
    handler: Link<Exchange>,
    uri: &str,
    content_type: Option<&'static str>,
    body: impl Into<Body>,
) -> Refused {
    let seen = Arc::new(Mutex::new(None));
    let note = Arc::clone(&seen);
    let note = on_error(move |_: &mut Context, error: Error| {
        let rejection = error
            .downcast_ref::<Rejection>()
            .expect("it is a rejection");
        let field = rejection.field().map(str::to_owned);
        let status = rejection.status().as_u16();
        let said = (status, rejection.part(), field, rejection.argument());
        *note.lock().unwrap() = Some((said, causes(rejection)));
        Err::<(), _>(error)
    });
    let limit = peristyle_core::before(|cx: &mut Context| cx.body().set_limit(200));
    let chain = Chain::new([note, limit, handler]);
    let router = Routes::new().post("/{id}/{other}", chain).build().unwrap();
    let client = TestClient::new(router);
    let mut request = client.post(uri, body);
    if let Some(content_type) = content_type {
        request = request.header(CONTENT_TYPE, HeaderValue::from_static(content_type));
    }
    let response = request.send().await;
    let (said, causes): (Said, _) = seen.lock().unwrap().take().expect("it is refused");
    assert_eq!(response.status().as_u16(), said.0);
    let headers = response.headers().clone();
    let mut document: Value = serde_json::from_str(&response.text().await.unwrap()).unwrap();
    let id = document.as_object_mut().unwrap().remove("id");
    assert!(id.is_some_and(|id| id.is_string()));
    Refused {
        said,
        causes,
        headers,
        document,
    }
}

/// The texts of an error and of its sources.
fn causes(error: &dyn std::error::Error) -> Vec<String> {
    let mut texts = vec![error.to_string()];
    texts.extend(error.source().into_iter().flat_map(causes));
    texts
}

/// A handler whose second argument is `A`.
macro_rules! second {
    ($argument:ty) => {
        handler(async |_: Headers, _: $argument| ())
    };
}

/// A handler that reads its second argument, the form, to its end.
fn reads_parts() -> Link<Exchange> {
    handler(
        async |_: Headers, mut form: Multipart| -> Result<(), Rejection> {
            while let Some(field) = form.next_field().await {
                field?.bytes().await?;
            }
            Ok(())
        },
    )
}

fn cut() -> Body {
    let (values, body) = Fed::new();
    values.try_send(Ok(Bytes::from_static(b"{"))).unwrap();
    values.try_send(Err("the wire is cut".into())).unwrap();
    Body::new(body)
}

const CUT: &str = "the request body broke off";
const LARGE: &str = "the request body is larger than the limit";

#[tokio::test]
async fn a_failed_argument_says_its_status_its_part_its_field_and_its_position() {
    let long = || "x".repeat(201);
    let many = || format!("/7/b?{}", "a&".repeat(1001));
    let here = "/7/b";
    let rows: Vec<(&str, Refused, u16, Part, Option<&str>, &str)> = vec![
        (
            "a path's parameter",
            refused(second!(Path<(u8, u8)>), here, None, "").await,
            400,
            Part::Path,
            Some("other"),
            "`b` is no `u8`",
        ),
        (
            "a query that lacks a field",
            refused(second!(Query<Item>), here, None, "").await,
            400,
            Part::Query,
            Some("price"),
            "it is missing",
        ),
        (
            "a query's field",
            refused(second!(Query<Item>), "/7/b?price=256", None, "").await,
            400,
            Part::Query,
            Some("price"),
            "`256` is no `u8`",
        ),
        (
            "a query of too many pairs",
            refused(second!(Query<Vec<(String, String)>>), &many(), None, "").await,
            400,
            Part::Query,
            None,
            "there are more than 1000 pairs",
        ),
        (
            "json that is none",
            refused(second!(Json<Item>), here, JSON, "{").await,
            400,
            Part::Body,
            None,
            "EOF while parsing an object at line 1 column 1",
        ),
        (
            "json whose field is wrong",
            refused(second!(Json<Item>), here, JSON, "{\"price\":\n256}").await,
            422,
            Part::Body,
            Some("price"),
            "invalid value: integer `256`, expected u8 at line 2 column 3",
        ),
        (
            "json of another content type",
            refused(second!(Json<Item>), here, FORM, "{}").await,
            415,
            Part::Body,
            None,
            "its content type is `application/x-www-form-urlencoded`",
        ),
        (
            "json that is too large",
            refused(second!(Json<Item>), here, JSON, long()).await,
            413,
            Part::Body,
            None,
            LARGE,
        ),
        (
            "json that broke off",
            refused(second!(Json<Item>), here, JSON, cut()).await,
            400,
            Part::Body,
            None,
            CUT,
        ),
        (
            "a form that is none",
            refused(second!(Form<Item>), here, FORM, Bytes::from_static(b"\xff")).await,
            400,
            Part::Body,
            None,
            "invalid utf-8 sequence of 1 bytes from index 0",
        ),
        (
            "a form whose field is wrong",
            refused(second!(Form<Item>), here, FORM, "price=x").await,
            422,
            Part::Body,
            Some("price"),
            "`x` is no `u8`",
        ),
        (
            "a form of another content type",
            refused(second!(Form<Item>), here, None, "price=1").await,
            415,
            Part::Body,
            None,
            "it has no content type",
        ),
        (
            "a form that is too large",
            refused(second!(Form<Item>), here, FORM, long()).await,
            413,
            Part::Body,
            None,
            LARGE,
        ),
        (
            "a form that broke off",
            refused(second!(Form<Item>), here, FORM, cut()).await,
            400,
            Part::Body,
            None,
            CUT,
        ),
        (
            "parts without a boundary",
            refused(second!(Multipart), here, Some("multipart/form-data"), "").await,
            400,
            Part::Body,
            None,
            "its content type has no boundary",
        ),
        (
            "parts of another content type",
            refused(
                second!(Multipart),
                here,
                Some("multipart/mixed; boundary=b"),
                "",
            )
            .await,
            415,
            Part::Body,
            None,
            "its content type is `multipart/mixed`",
        ),
        (
            "bytes that are too many",
            refused(second!(Bytes), here, None, long()).await,
            413,
            Part::Body,
            None,
            LARGE,
        ),
        (
            "bytes that broke off",
            refused(second!(Bytes), here, None, cut()).await,
            400,
            Part::Body,
            None,
            CUT,
        ),
        (
            "a text that is none",
            refused(second!(String), here, None, Bytes::from_static(b"a\xff")).await,
            400,
            Part::Body,
            None,
            "invalid utf-8 sequence of 1 bytes from index 1",
        ),
        (
            "a text that is too large",
            refused(second!(String), here, None, long()).await,
            413,
            Part::Body,
            None,
            LARGE,
        ),
        (
            "a text that broke off",
            refused(second!(String), here, None, cut()).await,
            400,
            Part::Body,
            None,
            CUT,
        ),
    ];
    for (what, refused, status, part, field, detail) in rows {
        let said = (status, part, field.map(str::to_owned), Some(2));
        assert_eq!(refused.said, said, "{what}");
        assert_eq!(
            refused.document,
            document(status, part, field, detail),
            "{what}"
        );
        let place = match field {
            Some(field) => format!("field `{field}` of the {part}"),
            None => format!("the {part}"),
        };
        let texts = [format!("argument 2: {place} is refused"), detail.to_owned()];
        assert_eq!(refused.causes[..2], texts, "{what}");
        assert_eq!(
            refused.headers.contains_key("accept"),
            status == 415,
            "{what}"
        );
    }
}

fn document(status: u16, part: Part, field: Option<&str>, what: &str) -> Value {
    let title = StatusCode::from_u16(status).unwrap();
    let title = title.canonical_reason().unwrap();
    let part = part.to_string();
    let mut document = json!({ "status": status, "title": title, "part": part });
    document["detail"] = match field {
        Some(field) => format!("field `{field}` of the {part}: {what}").into(),
        None => format!("the {part}: {what}").into(),
    };
    if let Some(field) = field {
        document["field"] = field.into();
    }
    document
}

/// By then the handler runs: it is the part of the form that has a position, and no argument.
#[tokio::test]
async fn a_form_that_fails_while_it_is_read_says_which_field_in_which_part() {
    let cut = |body: &'static str| {
        let (values, fed) = Fed::new();
        values
            .try_send(Ok(Bytes::from_static(body.as_bytes())))
            .unwrap();
        values.try_send(Err("the wire is cut".into())).unwrap();
        Body::new(fed)
    };
    let field = "--b\r\ncontent-disposition: form-data; name=a\r\n\r\n1";
    let rows: Vec<(Body, u16, Option<&str>, &str)> = vec![
        (
            cut(field),
            400,
            Some("a"),
            "part 1: the request body broke off",
        ),
        (
            "--b\r\nx\r\n\r\n".into(),
            400,
            None,
            "part 1: its head cannot be read",
        ),
        (
            "--b".into(),
            400,
            None,
            "part 1: the form ends before the boundary that closes it",
        ),
        ("x".repeat(201).into(), 413, None, LARGE),
    ];
    for (body, status, field, detail) in rows {
        let refused = refused(reads_parts(), "/7/b", PARTS, body).await;
        let said = (status, Part::Body, field.map(str::to_owned), None);
        assert_eq!(refused.said, said, "{detail}");
        assert_eq!(
            refused.document,
            document(status, Part::Body, field, detail)
        );
        assert_eq!(refused.causes[1], detail);
    }
}

#[tokio::test]
async fn what_is_the_servers_own_fault_is_a_500_that_only_its_error_explains() {
    let taken = handler(async |_: RequestBody, _: Bytes| ());
    let rows = [
        (
            refused(second!(Path<u8>), "/7/b", None, "").await,
            (Part::Path, None),
            "2 parameters cannot be one value",
        ),
        (
            refused(second!(State<Item>), "/7/b", None, "").await,
            (Part::State, None),
            "`Routes::state` was given no `it::extract_failures::Item`",
        ),
        (
            refused(taken, "/7/b", None, "").await,
            (Part::Body, None),
            "an earlier stage has taken the request body",
        ),
    ];
    for (refused, (part, field), cause) in rows {
        assert_eq!(refused.said, (500, part, field, Some(2)));
        assert_eq!(refused.causes[1], cause);
        let expected = json!({ "status": 500, "title": "Internal Server Error" });
        assert_eq!(refused.document, expected);
    }
}

#[tokio::test]
async fn a_failure_that_the_handler_takes_is_not_of_an_argument() {
    let taken = handler(async |id: Result<Path<(u8, u8)>, BoxError>| id.map(drop));
    let refused = refused(taken, "/7/b", None, "").await;
    let said = (400, Part::Path, Some("other".to_owned()), None);
    assert_eq!(refused.said, said);
}
