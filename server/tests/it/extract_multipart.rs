//! Forms of parts, read as they come.

use std::{
    fmt::Write as _,
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    task::{Context as TaskContext, Poll},
};

use bytes::Bytes;
use http::{HeaderValue, header::CONTENT_TYPE};
use http_body::Frame;
use peristyle_core::{BoxError, Chain, Link};
use peristyle_server::{
    Body, Exchange, Multipart, Rejection, Routes, State, TestClient, TestResponse, handler,
    interceptors::BodyLimit,
};
use serde_json::{Value, json};
use tokio::sync::{mpsc, oneshot};
use tokio_test::{assert_pending, task};

use crate::support::{Dropped, Fed, Running, Values, soon};

const FORM: &str = "multipart/form-data; boundary=b";

async fn post(
    chain: impl Into<Chain<Exchange>>,
    content_type: &'static str,
    body: impl Into<Body>,
) -> TestResponse {
    let router = Routes::new().post("/", chain).build().unwrap();
    let client = TestClient::new(router);
    let request = client.post("/", body);
    let content_type = HeaderValue::from_static(content_type);
    request.header(CONTENT_TYPE, content_type).send().await
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

fn refused(status: u16, field: Option<&str>, what: &str) -> (u16, Value) {
    let title = match status {
        400 => "Bad Request",
        413 => "Payload Too Large",
        _ => "Internal Server Error",
    };
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

/// A line for each field.
async fn fields(mut form: Multipart) -> Result<String, Rejection> {
    let mut all = String::new();
    while let Some(field) = form.next_field().await {
        let mut field = field?;
        let content = field.bytes().await?;
        let (name, file, kind) = (field.name(), field.file_name(), field.content_type());
        writeln!(all, "{name:?} {file:?} {kind:?} {content:?}").unwrap();
    }
    Ok(all)
}

async fn shown(body: impl Into<Body>) -> (u16, Value) {
    read(post(handler(fields), FORM, body).await).await
}

/// A part with its delimiter before it.
fn part(name: &str, content: &str) -> String {
    format!("--b\r\nContent-Disposition: form-data; name=\"{name}\"\r\n\r\n{content}\r\n")
}

fn fed<const N: usize>(pieces: [&str; N]) -> (Values, Body) {
    let (values, body) = Fed::new();
    for piece in pieces {
        let piece = Bytes::copy_from_slice(piece.as_bytes());
        values.try_send(Ok(piece)).unwrap();
    }
    (values, Body::new(body))
}

#[tokio::test]
async fn fields_come_in_their_order_with_all_that_their_heads_say() {
    let form = handler(async |mut form: Multipart| -> Result<String, Rejection> {
        let mut all = String::new();
        while let Some(field) = form.next_field().await {
            let mut field = field?;
            let text = field.text().await?;
            let headers = field.headers();
            writeln!(all, "{field:?} has {} headers: {text:?}", headers.len()).unwrap();
        }
        Ok(all)
    });
    let body = "--b\r\n\
        Content-Disposition: form-data; name=\"title\"\r\n\r\n\
        a\tb\0ä\r\n\r\n\
        --b \t\r\n\
        content-type:image/png\r\n\
        CONTENT-DISPOSITION:  FORM-DATA;filename=\"a\\\"; name=x.png\";name=\"photo\"  \r\n\
        X-Other: 1\r\n\r\n\
        --not a boundary\r\n\
        --b\r\n\
        Content-Disposition: form-data; name=; name=photo; filename=\"\"\r\n\r\n\
        \r\n--b--\r\n";
    let unreadable = "part 3: its `content-disposition` cannot be read";
    let answer = read(post(form.clone(), FORM, body).await).await;
    assert_eq!(answer, refused(400, None, unreadable));
    let answer = post(form, FORM, body.replace("name=; ", "")).await;
    let text = answer.text().await.unwrap();
    let lines: Vec<_> = text.lines().collect();
    assert_eq!(
        lines,
        [
            r#"Field { name: "title", file_name: None, headers: {"content-disposition": "form-data; name=\"title\""}, .. } has 1 headers: "a\tb\0ä\r\n""#,
            r#"Field { name: "photo", file_name: Some("a\"; name=x.png"), headers: {"content-type": "image/png", "content-disposition": "FORM-DATA;filename=\"a\\"; name=x.png\";name=\"photo\"", "x-other": "1"}, .. } has 3 headers: "--not a boundary""#,
            r#"Field { name: "photo", file_name: Some(""), headers: {"content-disposition": "form-data; name=photo; filename=\"\""}, .. } has 1 headers: """#,
        ]
    );
}

#[tokio::test]
async fn what_is_around_the_parts_means_nothing() {
    let one = ok("\"a\" None None b\"1\"\n");
    let form = part("a", "1");
    assert_eq!(shown(format!("{form}--b--")).await, one);
    assert_eq!(shown(format!("\r\n{form}--b--\r\n")).await, one);
    assert_eq!(shown(format!("--c\r\n\r\n{form}--b--\r\n--b")).await, one);
    assert_eq!(shown(format!("before\r\n{form}--b-- after")).await, one);
    assert_eq!(shown("--b--\r\n").await, ok(""));
    let (values, body) = fed([&form, "--b--", "\r\n", "and more"]);
    drop(values);
    assert_eq!(shown(body).await, one);
}

#[tokio::test]
async fn any_bytes_are_content() {
    let bytes: Vec<u8> = (0..=255).collect();
    let mut body = part("all", "").into_bytes();
    body.truncate(body.len() - 2);
    body.extend_from_slice(&bytes);
    body.extend_from_slice(b"\r\n--b--");
    let expected = format!("\"all\" None None {:?}\n", Bytes::from(bytes));
    assert_eq!(shown(body).await, ok(&expected));
}

#[tokio::test]
async fn a_form_that_cannot_be_read_is_a_400_that_names_the_part_and_the_field() {
    let unclosed = "the form ends before the boundary that closes it";
    let head = |head: &str| format!("{}--b\r\n{head}\r\n\r\n1\r\n--b--", part("a", "1"));
    for (body, field, what) in [
        (String::new(), None, unclosed),
        ("--c--".to_owned(), None, unclosed),
        (
            "--b\n\n--b--".to_owned(),
            None,
            &format!("part 1: {unclosed}"),
        ),
        ("--b-".to_owned(), None, &format!("part 1: {unclosed}")),
        (
            "--b\r\ncontent-disposition: form-data; name=a\r\n".to_owned(),
            None,
            &format!("part 1: {unclosed}"),
        ),
        (
            part("a", "1") + &part("photo", "123"),
            Some("photo"),
            &format!("part 2: {unclosed}"),
        ),
        (
            part("a", "1") + &part("photo", "123") + "--b",
            None,
            &format!("part 3: {unclosed}"),
        ),
        (
            "--bc\r\ncontent-disposition: form-data; name=a\r\n\r\n--b--".to_owned(),
            None,
            "part 1: no line break follows its boundary",
        ),
        (
            head("").replace("\r\n\r\n\r\n", "\r\n\r\n"),
            None,
            "part 2: it has no `content-disposition`",
        ),
        (
            head("content-type: text/plain"),
            None,
            "part 2: it has no `content-disposition`",
        ),
        (
            head(
                "content-disposition: form-data; name=a\r\ncontent-disposition: form-data; name=b",
            ),
            None,
            "part 2: it has two of `content-disposition`",
        ),
        (
            head("content-disposition: attachment; name=a"),
            None,
            "part 2: its `content-disposition` is not `form-data`",
        ),
        (
            head("content-disposition: form-data; filename=a"),
            None,
            "part 2: it has no name",
        ),
        (
            head("content-disposition: form-data; name=a; name=b"),
            None,
            "part 2: its `content-disposition` cannot be read",
        ),
        (
            head("content-disposition: form-data; name=a; filename=\"b"),
            None,
            "part 2: its `content-disposition` cannot be read",
        ),
        (
            head("content-disposition: form-data; name=\"a\0\""),
            None,
            "part 2: its head cannot be read",
        ),
        (
            head("content-disposition: form-data; name=\"a\nb\""),
            None,
            "part 2: its head cannot be read",
        ),
        (
            head("content-disposition: form-data;\r\n name=a"),
            None,
            "part 2: its head cannot be read",
        ),
        (
            head("content-disposition : form-data; name=a"),
            None,
            "part 2: its head cannot be read",
        ),
        (head("name"), None, "part 2: its head cannot be read"),
        (
            head("--b: c\r\ncontent-disposition: form-data; name=a"),
            None,
            "part 2: its boundary is in its head",
        ),
    ] {
        let expected = refused(400, field, what);
        assert_eq!(shown(body.clone()).await, expected, "{body:?}");
    }
    let mut latin = b"--b\r\ncontent-disposition: form-data; name=\"\xe4\"\r\n\r\n".to_vec();
    let expected = refused(400, None, "part 1: its head is not UTF-8");
    assert_eq!(shown(latin.clone()).await, expected);
    latin.splice(0..0, part("a", "1").into_bytes());
    let expected = refused(400, None, "part 2: its head is not UTF-8");
    assert_eq!(shown(latin).await, expected);
}

#[tokio::test]
async fn a_content_type_without_a_right_boundary_is_a_400() {
    let boundary = |what: &str| refused(400, None, &format!("its content type {what}"));
    let strange = "has a boundary of characters that are not allowed in it";
    for (content_type, what) in [
        ("multipart/form-data", "has no boundary"),
        ("multipart/form-data; charset=utf-8", "has no boundary"),
        ("multipart/form-data; boundary=\"\"", "has no boundary"),
        ("multipart/form-data; boundary=", "cannot be read"),
        ("multipart/form-data; boundary", "cannot be read"),
        (
            "multipart/form-data; boundary=b; boundary=b",
            "cannot be read",
        ),
        ("multipart/form-data; boundary=\"b", "cannot be read"),
        ("multipart/form-data; boundary=\"b \"", strange),
        ("multipart/form-data; boundary=\"a\\b\"", strange),
        ("multipart/form-data; boundary=a[b", strange),
        (
            "multipart/form-data; boundary=12345678901234567890123456789012345678901234567890123456789012345678901",
            "has a boundary of more than 70 characters",
        ),
    ] {
        let answer = read(post(handler(fields), content_type, "--b--").await).await;
        assert_eq!(answer, boundary(what), "{content_type}");
    }
}

#[tokio::test]
async fn a_boundary_is_of_any_characters_that_are_allowed_and_up_to_70_long() {
    let longest = "1234567890123456789012345678901234567890123456789012345678901234567890";
    for (content_type, boundary) in [
        (FORM, "b"),
        ("Multipart/Form-Data ; a=b;Boundary=\"b\"", "b"),
        (
            "multipart/form-data; boundary=----WebKitFormBoundaryAbC; x=y",
            "----WebKitFormBoundaryAbC",
        ),
        (
            "multipart/form-data; boundary=\"aZ09'()+_,-./:=? b\"",
            "aZ09'()+_,-./:=? b",
        ),
        (
            "multipart/form-data; boundary=1234567890123456789012345678901234567890123456789012345678901234567890",
            longest,
        ),
    ] {
        let body = (part("a", "1") + "--b--").replace("--b", &format!("--{boundary}"));
        let answer = read(post(handler(fields), content_type, body).await).await;
        assert_eq!(answer, ok("\"a\" None None b\"1\"\n"), "{content_type}");
    }
}

#[tokio::test]
async fn each_piece_of_a_field_comes_before_the_next_was_sent() {
    let (sends, mut seen) = mpsc::channel(1);
    let form = handler(move |mut form: Multipart| {
        let sends = sends.clone();
        async move {
            while let Some(field) = form.next_field().await {
                let mut field = field?;
                let name = Bytes::from(field.name().to_owned());
                sends.send(name).await.unwrap();
                while let Some(piece) = field.chunk().await {
                    sends.send(piece?).await.unwrap();
                }
            }
            Ok::<_, Rejection>("read")
        }
    });
    let (values, body) = fed([]);
    let feed = async move {
        let two = part("two", "");
        for (piece, expected) in [
            (
                "--b\r\nContent-Disposition: form-data; name=one\r\n\r\n",
                "one",
            ),
            ("1", "1"),
            ("23\r\n--", "23"),
            ("a", "\r\n--a"),
            (&format!("4\r\n{}", &two[..two.len() - 2]), "4"),
            ("", "two"),
            ("5\r\n--b", "5"),
        ] {
            if !piece.is_empty() {
                let piece = Bytes::copy_from_slice(piece.as_bytes());
                values.send(Ok(piece)).await.unwrap();
            }
            assert_eq!(soon(seen.recv()).await.unwrap(), expected);
        }
        values.send(Ok(Bytes::from_static(b"--"))).await.unwrap();
    };
    let (answer, ()) = tokio::join!(post(form, FORM, body), feed);
    assert_eq!(answer.text().await.unwrap(), "read");
}

/// A body of pieces that are always there, which counts those that were taken.
struct Counts {
    pieces: std::vec::IntoIter<Bytes>,
    taken: Arc<AtomicUsize>,
}

impl http_body::Body for Counts {
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _: &mut TaskContext<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        let piece = self.pieces.next();
        let taken = usize::from(piece.is_some());
        self.taken.fetch_add(taken, Ordering::Relaxed);
        Poll::Ready(piece.map(|piece| Ok(Frame::data(piece))))
    }
}

#[tokio::test]
async fn no_piece_is_taken_from_the_body_before_the_one_before_was_read() {
    async fn count(mut form: Multipart, taken: State<Arc<AtomicUsize>>) -> Result<(), Rejection> {
        assert_eq!(taken.load(Ordering::Relaxed), 0);
        let mut field = form.next_field().await.unwrap()?;
        for expected in 1..=100 {
            let piece = field.chunk().await.unwrap()?;
            assert_eq!(piece, vec![b'x'; 1000]);
            assert_eq!(taken.load(Ordering::Relaxed), expected);
        }
        drop(field);
        assert_eq!(form.next_field().await.unwrap()?.name(), "b");
        assert_eq!(taken.load(Ordering::Relaxed), 101);
        assert!(form.next_field().await.is_none());
        assert_eq!(taken.load(Ordering::Relaxed), 102);
        Ok(())
    }
    let taken = Arc::new(AtomicUsize::new(0));
    let content = "x".repeat(1000);
    let mut pieces = vec![Bytes::from(content.clone()); 100];
    let first = part("a", &content);
    pieces[0] = Bytes::from(first[..first.len() - 2].to_owned());
    let second = part("b", "");
    pieces.push(Bytes::from(format!("\r\n{second}")));
    pieces.push(Bytes::from_static(b"--b--"));
    let body = Counts {
        pieces: pieces.into_iter(),
        taken: Arc::clone(&taken),
    };
    let routes = Routes::new().state(taken).post("/", handler(count));
    let client = TestClient::new(routes.build().unwrap());
    let form = HeaderValue::from_static(FORM);
    let request = client.post("/", Body::new(body)).header(CONTENT_TYPE, form);
    assert_eq!(request.send().await.status(), 200);
}

#[tokio::test]
async fn a_field_that_is_dropped_in_the_middle_is_passed_over() {
    async fn names(mut form: Multipart) -> Result<String, Rejection> {
        let mut names = Vec::new();
        while let Some(field) = form.next_field().await {
            let mut field = field?;
            if field.name() == "read" {
                let piece = field.chunk().await.unwrap()?;
                assert_eq!(piece, "12");
            }
            names.push(field.name().to_owned());
        }
        Ok(names.join(" "))
    }
    let (passed, read_) = (part("passed", "1"), part("read", "12"));
    let (values, body) = fed([&read_[..read_.len() - 2], "34", "5\r", "\n", &passed]);
    let last = format!("{read_}{passed}--b--");
    values.send(Ok(Bytes::from(last))).await.unwrap();
    drop(values);
    let answer = read(post(handler(names), FORM, body).await).await;
    assert_eq!(answer, ok("read passed read passed"));
}

#[tokio::test]
async fn a_read_that_is_dropped_loses_no_piece() {
    let (waits, waited) = oneshot::channel();
    let waits = std::sync::Mutex::new(Some(waits));
    let form = handler(move |mut form: Multipart| {
        let waits = waits.lock().unwrap().take().unwrap();
        async move {
            assert_pending!(task::spawn(form.next_field()).poll());
            waits.send(()).unwrap();
            let mut field = form.next_field().await.unwrap()?;
            let piece = field.chunk().await.unwrap()?;
            assert_eq!(piece, "1");
            assert_pending!(task::spawn(field.chunk()).poll());
            tokio::task::yield_now().await;
            field.text().await
        }
    });
    let (values, body) = fed(["--b\r\ncontent-disposition: "]);
    let feed = async move {
        soon(waited).await.unwrap();
        for piece in ["form-data; name=a\r\n\r\n1", "\r\n--", "2", "\r\n--b--"] {
            tokio::task::yield_now().await;
            values
                .send(Ok(Bytes::from_static(piece.as_bytes())))
                .await
                .unwrap();
        }
    };
    let (answer, ()) = tokio::join!(post(form, FORM, body), feed);
    assert_eq!(read(answer).await, ok("\r\n--2"));
}

#[tokio::test]
async fn a_form_beyond_the_limit_of_the_body_is_a_413_that_names_the_field() {
    let form = part("a", "1") + &part("photo", "12345678") + "--b--";
    let length = form.len() as u64;
    let limited = |bytes| Chain::new([Link::new(BodyLimit::bytes(bytes)), handler(fields)]);
    let fits = post(limited(length), FORM, form.clone()).await;
    assert_eq!(fits.status(), 200);
    let what = "the request body is larger than the limit";
    let announced = post(limited(length - 1), FORM, form.clone()).await;
    assert_eq!(read(announced).await, refused(413, None, what));

    let (head, tail) = form.split_at(form.len() - 12);
    let (values, body) = fed([head, tail]);
    drop(values);
    let came = post(limited(length - 1), FORM, body).await;
    let what = format!("part 2: {what}");
    assert_eq!(read(came).await, refused(413, Some("photo"), &what));

    let default = part("a", &"x".repeat(2 << 20)) + "--b--";
    assert_eq!(shown(default).await.0, 413);
}

#[tokio::test]
async fn what_follows_the_last_boundary_is_part_of_the_body() {
    let limited = Chain::new([Link::new(BodyLimit::bytes(8)), handler(fields)]);
    let (values, body) = fed(["--b--", "1234"]);
    drop(values);
    let what = "the request body is larger than the limit";
    let answer = read(post(limited, FORM, body).await).await;
    assert_eq!(answer, refused(413, None, what));
    let (values, body) = fed(["--b--", "1234"]);
    values.send(Err("the wire is cut".into())).await.unwrap();
    let what = "the request body broke off";
    assert_eq!(shown(body).await, refused(400, None, what));
}

#[tokio::test]
async fn more_fields_than_the_limit_are_a_413() {
    async fn count(mut form: Multipart, max: Option<usize>) -> Result<String, Rejection> {
        if let Some(max) = max {
            form.set_max_fields(max);
        }
        let mut count = 0;
        while let Some(field) = form.next_field().await {
            field?;
            count += 1;
        }
        Ok(count.to_string())
    }
    for (max, limit) in [(None, 1000), (Some(0), 0), (Some(3), 3)] {
        let counts = handler(move |form: Multipart| count(form, max));
        let fits = part("a", "").repeat(limit) + "--b--";
        let answer = read(post(counts.clone(), FORM, fits).await).await;
        assert_eq!(answer, ok(&limit.to_string()));
        let more = part("a", "").repeat(limit + 1) + "--b--";
        let answer = read(post(counts, FORM, more).await).await;
        let what = format!(
            "part {}: the form has more fields than the limit of {limit}",
            limit + 1
        );
        assert_eq!(answer, refused(413, None, &what));
    }
}

#[tokio::test]
async fn an_absurd_head_is_a_413() {
    let head = |head: String| {
        let disposition = "content-disposition: form-data; name=a\r\n";
        format!("--b\r\n{disposition}{head}\r\n\r\n1\r\n--b--")
    };
    let what = "part 1: its head is longer than 8192 bytes";
    let long = refused(413, None, what);
    assert_eq!(shown(head(format!("x: {}", "y".repeat(8100)))).await.0, 200);
    let endless = head(format!("x: {}", "y".repeat(8192)));
    assert_eq!(shown(endless.clone()).await, long);
    assert_eq!(shown(format!("--b{}", " ".repeat(1 << 20))).await, long);

    let taken = Arc::new(AtomicUsize::new(0));
    let mut pieces = vec![Bytes::from(endless[..60].to_owned())];
    pieces.resize(10_000, Bytes::from_static(&[b'y'; 100]));
    let body = Counts {
        pieces: pieces.into_iter(),
        taken: Arc::clone(&taken),
    };
    assert_eq!(shown(Body::new(body)).await, long);
    assert_eq!(taken.load(Ordering::Relaxed), 83);

    let many = |count| head(vec!["x: y"; count].join("\r\n"));
    assert_eq!(shown(many(31)).await.0, 200);
    let what = "part 1: its head has more than 32 headers";
    assert_eq!(shown(many(32)).await, refused(413, None, what));
}

#[tokio::test]
async fn a_field_beyond_its_limit_is_a_413_and_the_next_one_can_be_read() {
    let form = handler(async |mut form: Multipart| -> Result<String, Rejection> {
        let mut field = form.next_field().await.unwrap()?;
        field.set_limit(3);
        assert_eq!(field.chunk().await.unwrap()?, "12");
        let long = field.chunk().await.unwrap().unwrap_err();
        assert_eq!((long.status().as_u16(), long.field()), (413, Some("a")));
        field.set_limit(u64::MAX);
        assert_eq!(field.chunk().await.unwrap().unwrap_err().status(), 413);
        assert_eq!(field.bytes().await.unwrap_err().status(), 413);
        let mut field = form.next_field().await.unwrap()?;
        field.set_limit(3);
        let fits = field.text().await?;
        let mut field = form.next_field().await.unwrap()?;
        field.set_limit(3);
        field.text().await.map(|text| fits + &text)
    });
    let first = part("a", "12");
    let (values, body) = fed([
        &first[..first.len() - 2],
        "34",
        &format!("\r\n{}{}--b--", part("b", "123"), part("c", "1234")),
    ]);
    drop(values);
    let what = "part 3: it is larger than its limit of 3 bytes";
    let answer = read(post(form, FORM, body).await).await;
    assert_eq!(answer, refused(413, Some("c"), what));
}

#[tokio::test]
async fn a_field_is_collected_up_to_2_mib_by_default_and_read_in_pieces_without_a_limit_of_its_own()
{
    async fn pieces(mut form: Multipart) -> Result<String, Rejection> {
        let mut field = form.next_field().await.unwrap()?;
        let mut length = 0;
        while let Some(piece) = field.chunk().await {
            length += piece?.len();
        }
        Ok(length.to_string())
    }
    let limit = || Link::new(BodyLimit::bytes(4 << 20));
    let form = |length| part("a", &"x".repeat(length)) + "--b--";
    let collects = Chain::new([limit(), handler(fields)]);
    let fits = post(collects.clone(), FORM, form(2 << 20)).await;
    assert_eq!(fits.status(), 200);
    let answer = read(post(collects, FORM, form((2 << 20) + 1)).await).await;
    let what = "part 1: it is larger than its limit of 2097152 bytes";
    assert_eq!(answer, refused(413, Some("a"), what));
    let streams = Chain::new([limit(), handler(pieces)]);
    let answer = read(post(streams, FORM, form((2 << 20) + 1)).await).await;
    assert_eq!(answer, ok("2097153"));
}

#[tokio::test]
async fn a_text_that_is_not_utf_8_is_a_400_and_the_next_field_can_be_read() {
    let form = handler(async |mut form: Multipart| -> Result<String, Rejection> {
        let mut field = form.next_field().await.unwrap()?;
        let error = field.text().await.unwrap_err();
        assert_eq!((error.status().as_u16(), error.field()), (400, Some("a")));
        assert_eq!(form.next_field().await.unwrap()?.text().await?, "ä");
        form.next_field().await.unwrap()?.text().await
    });
    let (values, body) = fed(["--b\r\ncontent-disposition: form-data; name=a\r\n\r\n"]);
    values
        .send(Ok(Bytes::from_static(b"a\xff\r\n")))
        .await
        .unwrap();
    values.send(Ok(part("b", "ä").into())).await.unwrap();
    values.send(Ok(part("c", "").into())).await.unwrap();
    let body_of_c = Bytes::from_static(b"--b--");
    values.send(Ok(body_of_c)).await.unwrap();
    drop(values);
    assert_eq!(read(post(form.clone(), FORM, body).await).await, ok(""));

    let mut last = (part("a", "x") + &part("b", "ä") + &part("c", "12345")).into_bytes();
    let at = last.iter().position(|byte| *byte == b'x').unwrap();
    last[at] = 0xff;
    let at = last.len() - 3;
    last[at] = 0xff;
    last.extend_from_slice(b"--b--");
    let what = "part 3: invalid utf-8 sequence of 1 bytes from index 4";
    let answer = read(post(form, FORM, last).await).await;
    assert_eq!(answer, refused(400, Some("c"), what));
}

#[tokio::test]
async fn a_form_that_failed_fails_again_and_never_looks_complete() {
    let form = handler(async |mut form: Multipart| -> Result<String, Rejection> {
        let mut field = form.next_field().await.unwrap()?;
        assert_eq!(field.chunk().await.unwrap()?, "12");
        let mut errors = vec![field.chunk().await.unwrap().unwrap_err()];
        errors.push(field.chunk().await.unwrap().unwrap_err());
        errors.push(field.bytes().await.unwrap_err());
        errors.push(form.next_field().await.unwrap().unwrap_err());
        errors.push(form.next_field().await.unwrap().unwrap_err());
        for error in errors {
            assert_eq!((error.status().as_u16(), error.field()), (400, Some("a")));
        }
        Err(form.next_field().await.unwrap().unwrap_err())
    });
    let cut = part("a", "12");
    let (values, body) = fed([&cut[..cut.len() - 2]]);
    values.send(Err("the wire is cut".into())).await.unwrap();
    let what = "part 1: the request body broke off";
    let answer = read(post(form, FORM, body).await).await;
    assert_eq!(answer, refused(400, Some("a"), what));

    let twice = handler(async |mut form: Multipart| {
        let first = form.next_field().await.unwrap().unwrap_err().to_string();
        let second = form.next_field().await.unwrap().unwrap_err().to_string();
        assert_eq!(first, second);
    });
    assert_eq!(post(twice, FORM, "--b\r\n\r\n--b--").await.status(), 200);
}

#[tokio::test]
async fn after_the_end_there_is_no_field() {
    let form = handler(async |mut form: Multipart| {
        for _ in 0..3 {
            assert!(form.next_field().await.is_none());
        }
    });
    assert_eq!(post(form, FORM, "--b--").await.status(), 200);
}

#[tokio::test]
async fn a_form_whose_body_is_taken_is_a_500() {
    let twice = handler(async |mut form: Multipart, mut other: Multipart| {
        assert_eq!(form.next_field().await.unwrap()?.name(), "a");
        other.next_field().await.unwrap().map(drop)
    });
    let answer = read(post(twice, FORM, part("a", "1")).await).await;
    let expected = json!({ "status": 500, "title": "Internal Server Error" });
    assert_eq!(answer, (500, expected));
}

#[tokio::test]
async fn a_client_that_leaves_in_the_middle_ends_the_handler() {
    let (tells, mut told) = mpsc::channel(1);
    let (dropped, mut gone) = mpsc::channel(1);
    let form = handler(move |mut form: Multipart| {
        let (tells, dropped) = (tells.clone(), Dropped(dropped.clone()));
        async move {
            let _dropped = dropped;
            let mut field = form.next_field().await.unwrap()?;
            tells.send(field.chunk().await.unwrap()?).await.unwrap();
            field.bytes().await
        }
    });
    let router = Routes::new().post("/", form).build().unwrap();
    let server = Running::start(router).await;
    let mut client = server.connect().await;
    let head = "POST / HTTP/1.1\r\nhost: a\r\ncontent-length: 1000\r\ncontent-type: ";
    let body = part("a", "12");
    client
        .send(format!("{head}{FORM}\r\n\r\n{}", &body[..body.len() - 2]))
        .await;
    assert_eq!(soon(told.recv()).await.unwrap(), "12");
    drop(client);
    assert_eq!(soon(gone.recv()).await, Some(()));
    server.ended().await;
}

#[tokio::test]
async fn hostile_forms_are_refused_and_never_panic() {
    const PIECES: [&[u8]; 20] = [
        b"--b",
        b"--b",
        b"--b--",
        b"--",
        b"-",
        b"\r\n",
        b"\r\n",
        b"\r\n",
        b"\r\n\r\n",
        b"\r",
        b"\n",
        b"content-disposition: form-data",
        b"content-disposition: form-data; name=a\r\n\r\n",
        b"; name=",
        b"\"",
        b"\\",
        b";",
        b"\0",
        b"\xff",
        b"x: y",
    ];
    let router = Routes::new().post("/", handler(fields)).build().unwrap();
    let client = TestClient::new(router);
    // The same bodies each time, from a linear congruential generator.
    let mut seed = 1_u32;
    let mut random = |below: usize| {
        seed = seed.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        usize::try_from(seed >> 8).unwrap() % below
    };
    let mut statuses = std::collections::BTreeMap::new();
    for round in 0..2000 {
        let mut bytes = b"--b\r\n".to_vec();
        for _ in 0..round % 15 {
            bytes.extend_from_slice(PIECES[random(PIECES.len())]);
        }
        if round % 2 == 0 {
            bytes.extend_from_slice(b"\r\n--b--");
        }
        let (values, body) = fed([]);
        let cut = random(bytes.len());
        for piece in [&bytes[..cut], &bytes[cut..]] {
            values.try_send(Ok(Bytes::copy_from_slice(piece))).unwrap();
        }
        drop(values);
        let mut answers = Vec::new();
        for body in [Body::new(body), bytes.into()] {
            let form = HeaderValue::from_static(FORM);
            let response = client
                .post("/", body)
                .header(CONTENT_TYPE, form)
                .send()
                .await;
            answers.push(read(response).await);
        }
        assert_eq!(answers[0], answers[1]);
        *statuses.entry(answers[0].0).or_insert(0) += 1;
    }
    assert_eq!(statuses.into_keys().collect::<Vec<_>>(), [200, 400]);
}
