//! Paths, queries and forms as arguments.

use std::collections::{BTreeMap, HashMap};

use bytes::Bytes;
use http::{HeaderValue, header::CONTENT_TYPE};
use peristyle_core::Link;
use peristyle_server::{Exchange, Form, Path, Query, Routes, TestClient, handler};
use serde::{Deserialize, de::DeserializeOwned};
use serde_json::{Value, json};

#[derive(Debug, PartialEq, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Colour {
    Red,
    Green,
}

fn show_path<T: DeserializeOwned + Send + std::fmt::Debug + 'static>() -> Link<Exchange> {
    handler(async |Path(value): Path<T>| format!("{value:?}"))
}

/// The status, and the text or the problem document without its id.
async fn got(pattern: &str, chain: Link<Exchange>, uri: &str) -> (u16, Value) {
    let router = Routes::new().get(pattern, chain).build().unwrap();
    let response = TestClient::new(router).get(uri).send().await;
    let status = response.status().as_u16();
    read(status, &response.text().await.unwrap())
}

fn read(status: u16, text: &str) -> (u16, Value) {
    if status == 200 {
        return (status, text.into());
    }
    let mut document: Value = serde_json::from_str(text).unwrap();
    let id = document.as_object_mut().unwrap().remove("id");
    assert!(id.is_some_and(|id| id.is_string()));
    (status, document)
}

fn refused(status: u16, title: &str, part: &str, field: Option<&str>, what: &str) -> (u16, Value) {
    let mut document = json!({ "status": status, "title": title, "part": part });
    document["detail"] = match field {
        Some(field) => format!("field `{field}` of the {part}: {what}").into(),
        None => format!("the {part}: {what}").into(),
    };
    if let Some(field) = field {
        document["field"] = field.into();
    }
    (status, document)
}

fn internal() -> (u16, Value) {
    let document = json!({ "status": 500, "title": "Internal Server Error" });
    (500, document)
}

fn ok(text: &str) -> (u16, Value) {
    (200, text.into())
}

#[derive(Debug, Deserialize)]
#[expect(dead_code, reason = "shown for debugging")]
struct Item {
    order: u64,
    item: String,
}

#[derive(Debug, Deserialize)]
#[expect(dead_code, reason = "shown for debugging")]
struct Id(u8);

#[tokio::test]
async fn a_path_is_taken_by_name_by_position_or_as_one_value() {
    let two = "/{order}/{item}";
    let named = got(two, show_path::<Item>(), "/7/a%20b").await;
    assert_eq!(named, ok(r#"Item { order: 7, item: "a b" }"#));
    let map = show_path::<BTreeMap<String, String>>();
    let map = got(two, map, "/7/a%2Fb").await;
    assert_eq!(map, ok(r#"{"item": "a/b", "order": "7"}"#));
    let positions = got(two, show_path::<(u64, char)>(), "/7/%C3%A4").await;
    assert_eq!(positions, ok("(7, 'ä')"));
    let list = got(two, show_path::<Vec<i8>>(), "/7/-8").await;
    assert_eq!(list, ok("[7, -8]"));
    let one = got(
        "/{id}",
        show_path::<u128>(),
        "/340282366920938463463374607431768211455",
    )
    .await;
    assert_eq!(one, ok("340282366920938463463374607431768211455"));
    let wrapped = got("/{id}", show_path::<Id>(), "/7").await;
    assert_eq!(wrapped, ok("Id(7)"));
    let variant = got("/{colour}", show_path::<Colour>(), "/green").await;
    assert_eq!(variant, ok("Green"));
    let optional = got("/{id}", show_path::<Option<bool>>(), "/true").await;
    assert_eq!(optional, ok("Some(true)"));
    let rest = got("/{*rest}", show_path::<String>(), "/a/b%00c").await;
    assert_eq!(rest, ok(r#""a/b\0c""#));
    assert_eq!(got("/a", show_path::<()>(), "/a").await, ok("()"));
}

#[tokio::test]
async fn a_path_that_is_not_what_is_wanted_is_a_400_that_names_the_parameter() {
    let bad = |field, what| refused(400, "Bad Request", "path", Some(field), what);
    let two = "/{order}/{item}";
    let named = got(two, show_path::<Item>(), "/x/y").await;
    assert_eq!(named, bad("order", "`x` is no `u64`"));
    let position = got(two, show_path::<(u64, u8)>(), "/1/256").await;
    assert_eq!(position, bad("item", "`256` is no `u8`"));
    let one = got("/{id}", show_path::<u64>(), "/99999999999999999999999").await;
    assert_eq!(one, bad("id", "`99999999999999999999999` is no `u64`"));
    let nul = got("/{id}", show_path::<u64>(), "/1%00").await;
    assert_eq!(nul, bad("id", "`1\0` is no `u64`"));
    let text = got("/{id}", show_path::<char>(), "/ab").await;
    let what = r#"invalid value: string "ab", expected a character"#;
    assert_eq!(text, bad("id", what));
    let variant = got("/{colour}", show_path::<Colour>(), "/blue").await;
    let what = "unknown variant `blue`, expected `red` or `green`";
    assert_eq!(variant, bad("colour", what));
    let long = got(
        "/{id}",
        show_path::<u64>(),
        &format!("/{}", "9".repeat(5000)),
    )
    .await;
    let what = format!("`{}…` is no `u64`", "9".repeat(197));
    assert_eq!(long, bad("id", &what));
}

#[tokio::test]
async fn a_path_type_that_its_pattern_can_never_give_is_a_500() {
    let two = "/{order}/{other}";
    assert_eq!(got(two, show_path::<Item>(), "/1/2").await, internal());
    assert_eq!(got(two, show_path::<u8>(), "/1/2").await, internal());
    assert_eq!(got(two, show_path::<(u8,)>(), "/1/2").await, internal());
    assert_eq!(got("/a", show_path::<u8>(), "/a").await, internal());
}

#[derive(Debug, Deserialize)]
#[expect(dead_code, reason = "shown for debugging")]
struct Search {
    at: u32,
    #[serde(default)]
    tag: Vec<String>,
    colour: Option<Colour>,
    exact: Option<bool>,
}

fn show_query<T: DeserializeOwned + Send + std::fmt::Debug + 'static>() -> Link<Exchange> {
    handler(async |Query(value): Query<T>| format!("{value:?}"))
}

async fn query<T: DeserializeOwned + Send + std::fmt::Debug + 'static>(
    query: &str,
) -> (u16, Value) {
    got("/", show_query::<T>(), &format!("/{query}")).await
}

#[tokio::test]
async fn a_query_is_a_struct_a_map_or_a_list_of_pairs() {
    assert_eq!(
        query::<Search>("?tag=a+b&at=1&tag=%26&colour=red&other&exact=true&&other").await,
        ok(r#"Search { at: 1, tag: ["a b", "&"], colour: Some(Red), exact: Some(true) }"#)
    );
    assert_eq!(
        query::<Search>("?at=1").await,
        ok("Search { at: 1, tag: [], colour: None, exact: None }")
    );
    assert_eq!(
        query::<BTreeMap<String, String>>("?b=2&a=%2B=1&%3D=").await,
        ok(r#"{"=": "", "a": "+=1", "b": "2"}"#)
    );
    assert_eq!(
        query::<Vec<(String, String)>>("?b=2&a=1&b=3").await,
        ok(r#"[("b", "2"), ("a", "1"), ("b", "3")]"#)
    );
    assert_eq!(query::<BTreeMap<String, String>>("").await, ok("{}"));
    assert_eq!(query::<BTreeMap<String, String>>("?").await, ok("{}"));
    assert_eq!(query::<Option<Search>>("").await, ok("None"));
    let escapes = query::<BTreeMap<String, String>>("?a=100%&b=%zz").await;
    assert_eq!(escapes, ok(r#"{"a": "100%", "b": "%zz"}"#));
}

#[tokio::test]
async fn a_flattened_struct_takes_what_is_left_as_text() {
    #[derive(Debug, Deserialize)]
    #[expect(dead_code, reason = "shown for debugging")]
    struct Outer {
        at: u32,
        #[serde(flatten)]
        rest: BTreeMap<String, Value>,
    }
    assert_eq!(
        query::<Outer>("?b=1&at=2&c=3&c=4").await,
        ok(r#"Outer { at: 2, rest: {"b": String("1"), "c": Array [String("3"), String("4")]} }"#)
    );
}

#[tokio::test]
async fn a_query_that_is_not_what_is_wanted_is_a_400_that_names_the_field() {
    let bad = |field, what| refused(400, "Bad Request", "query", field, what);
    let missing = query::<Search>("").await;
    assert_eq!(missing, bad(Some("at"), "it is missing"));
    let wrong = query::<Search>("?at=-1").await;
    assert_eq!(wrong, bad(Some("at"), "`-1` is no `u32`"));
    let twice = query::<Search>("?at=1&at=2").await;
    assert_eq!(twice, bad(Some("at"), "given 2 times"));
    let not_utf8 = query::<Search>("?at=1&tag=%FF").await;
    assert_eq!(not_utf8, bad(None, "an escape is not UTF-8"));
    let not_utf8 = query::<Search>("?%FF+=1").await;
    assert_eq!(not_utf8, bad(None, "an escape is not UTF-8"));
    let key = query::<HashMap<u8, String>>("?300=a").await;
    let what = r#"invalid type: string "300", expected u8"#;
    assert_eq!(key, bad(Some("300"), what));
    let nested = query::<HashMap<String, Search>>("?a=1").await;
    let what = r#"invalid type: string "1", expected struct Search"#;
    assert_eq!(nested, bad(Some("a"), what));
    let many = query::<Search>(&format!("?at=1{}", "&a".repeat(999))).await;
    assert_eq!(many.0, 200);
    let many = query::<Search>(&format!("?at=1{}", "&a".repeat(1000))).await;
    assert_eq!(many, bad(None, "there are more than 1000 pairs"));
    let long = "k".repeat(1000);
    let long = query::<HashMap<String, u8>>(&format!("?{long}={long}")).await;
    let cut = format!("{}…", "k".repeat(197));
    assert_eq!(long, bad(Some(&cut), &format!("`{cut}` is no `u8`")));
}

#[tokio::test]
async fn a_query_type_that_pairs_can_never_be_is_a_500() {
    assert_eq!(query::<u8>("?a=1").await, internal());
    assert_eq!(query::<(u8, u8)>("?a=1&b=2").await, internal());
    assert_eq!(query::<Colour>("?red").await, internal());
}

async fn form(content_type: Option<&'static str>, body: &'static [u8]) -> (u16, Value) {
    let show = handler(|Form(form): Form<Search>| format!("{form:?}"));
    let router = Routes::new().post("/", show).build().unwrap();
    let client = TestClient::new(router);
    let mut request = client.post("/", Bytes::from_static(body));
    if let Some(content_type) = content_type {
        request = request.header(CONTENT_TYPE, HeaderValue::from_static(content_type));
    }
    let response = request.send().await;
    let accept = response.headers().get("accept").cloned();
    let status = response.status().as_u16();
    let expected = (status == 415).then_some("application/x-www-form-urlencoded");
    assert_eq!(accept.as_ref().map(|it| it.to_str().unwrap()), expected);
    read(status, &response.text().await.unwrap())
}

#[tokio::test]
async fn a_form_is_read_as_a_query_is() {
    const FORM: &str = "application/x-www-form-urlencoded";
    let search = ok(r#"Search { at: 1, tag: ["a b"], colour: None, exact: None }"#);
    assert_eq!(form(Some(FORM), b"at=1&tag=a+b").await, search);
    let parameters = "Application/X-WWW-Form-Urlencoded; charset=utf-8";
    assert_eq!(form(Some(parameters), b"at=1&tag=a%20b").await, search);

    let type_refused = |what| refused(415, "Unsupported Media Type", "body", None, what);
    let none = form(None, b"at=1").await;
    assert_eq!(none, type_refused("it has no content type"));
    let json = form(Some("application/json"), b"at=1").await;
    let what = "its content type is `application/json`";
    assert_eq!(json, type_refused(what));
    let multipart = form(Some("multipart/form-data; boundary=a"), b"at=1").await;
    let what = "its content type is `multipart/form-data`";
    assert_eq!(multipart, type_refused(what));

    let raw = form(Some(FORM), b"at=\xff").await;
    let what = "invalid utf-8 sequence of 1 bytes from index 3";
    assert_eq!(raw, refused(400, "Bad Request", "body", None, what));
    let escaped = form(Some(FORM), b"at=%ff").await;
    let what = "an escape is not UTF-8";
    assert_eq!(escaped, refused(400, "Bad Request", "body", None, what));

    let wrong = |what| refused(422, "Unprocessable Entity", "body", Some("at"), what);
    let text = form(Some(FORM), b"at=x").await;
    assert_eq!(text, wrong("`x` is no `u32`"));
    assert_eq!(form(Some(FORM), b"").await, wrong("it is missing"));
}

#[tokio::test]
async fn hostile_bytes_are_refused_and_never_panic() {
    const PIECES: [&[u8]; 16] = [
        b"at",
        b"tag",
        b"colour",
        b"exact",
        b"=",
        b"=",
        b"&",
        b"&",
        b"%",
        b"%ff",
        b"%00",
        b"+",
        b"\0",
        b"\xc3",
        b"1",
        b"99999999999999999999",
    ];
    let router = Routes::new()
        .post("/search", handler(|_: Form<Search>| ()))
        .post("/list", handler(|_: Form<Vec<(u8, String)>>| ()))
        .post("/map", handler(|_: Form<HashMap<Option<char>, f64>>| ()));
    let client = TestClient::new(router.build().unwrap());
    let form = HeaderValue::from_static("application/x-www-form-urlencoded");
    // The same bodies each time, from a linear congruential generator.
    let mut seed = 1_u32;
    let mut statuses = BTreeMap::new();
    for round in 0..3000 {
        let mut body = Vec::new();
        for _ in 0..round % 12 {
            seed = seed.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            let at = usize::try_from(seed >> 8).unwrap() % PIECES.len();
            body.extend_from_slice(PIECES[at]);
        }
        for uri in ["/search", "/list", "/map"] {
            let request = client.post(uri, body.clone());
            let response = request.header(CONTENT_TYPE, form.clone()).send().await;
            *statuses.entry(response.status().as_u16()).or_insert(0) += 1;
        }
    }
    assert_eq!(statuses.into_keys().collect::<Vec<_>>(), [200, 400, 422]);
}
