//! Errors as responses.

use http::{HeaderValue, StatusCode, header};
use peristyle_core::{BoxError, before, handler};
use peristyle_server::{Context, Problem, Routes};

use crate::support::{Running, get};

#[tokio::test]
async fn a_problem_is_sent_exactly_with_the_id_of_the_execution() {
    async fn fail(cx: &mut Context) -> Result<(), Problem> {
        let id = HeaderValue::try_from(cx.id().to_string()).unwrap();
        Err(Problem::new(StatusCode::CONFLICT)
            .kind("https://example.org/taken")
            .title("Taken")
            .detail("it is \"taken\"")
            .header(header::ETAG, id))
    }
    let router = Routes::new().get("/", handler(fail)).build().unwrap();
    let server = Running::start(router).await;
    let answer = server.answer(get("/")).await;
    let id = answer
        .lines()
        .find_map(|line| line.strip_prefix("etag: "))
        .unwrap();
    let body = format!(
        r#"{{"detail":"it is \"taken\"","id":"{id}","status":409,"title":"Taken","type":"https://example.org/taken"}}"#
    );
    let length = body.len();
    assert_eq!(
        answer,
        format!(
            "HTTP/1.1 409 Conflict\r\ncontent-type: application/problem+json\r\netag: {id}\r\n\
             connection: close\r\ncontent-length: {length}\r\n\r\n{body}"
        )
    );
    server.ended().await;
}

#[tokio::test]
async fn an_error_of_another_type_shows_nothing_of_the_inside() {
    fn fail(_: &mut Context) -> Result<(), BoxError> {
        Err("the password is 1234".into())
    }
    let router = Routes::new().get("/", handler(fail)).build().unwrap();
    let server = Running::start(router).await;
    let answer = server.answer(get("/")).await;
    assert!(answer.starts_with("HTTP/1.1 500 "), "{answer}");
    assert!(!answer.contains("1234"), "{answer}");
    let (_, body) = answer.split_once("\r\n\r\n").unwrap();
    let start = r#"{"id":""#;
    let end = r#"","status":500,"title":"Internal Server Error"}"#;
    assert!(body.starts_with(start) && body.ends_with(end), "{body}");
    server.ended().await;
}

#[tokio::test]
async fn a_panic_is_a_500_and_the_connection_goes_on() {
    let router = Routes::new()
        .get(
            "/panic",
            handler(|_: &mut Context| -> () { panic!("the password is 1234") }),
        )
        .get("/", handler(|_: &mut Context| "hello"))
        .build();
    let server = Running::start(router.unwrap()).await;
    let first = "GET /panic HTTP/1.1\r\nhost: a\r\n\r\n";
    let answer = server.answer(format!("{first}{}", get("/"))).await;
    let start = "HTTP/1.1 500 Internal Server Error\r\ncontent-type: application/problem+json\r\n";
    assert!(answer.starts_with(start), "{answer}");
    assert!(!answer.contains("1234"), "{answer}");
    assert!(answer.ends_with("\r\n\r\nhello"), "{answer}");
    server.ended().await;
}

#[tokio::test]
async fn a_chain_that_answers_nothing_is_a_500() {
    let router = Routes::new().get("/", before(|_: &mut Context| ()));
    let server = Running::start(router.build().unwrap()).await;
    let answer = server.answer(get("/")).await;
    assert!(answer.starts_with("HTTP/1.1 500 "), "{answer}");
    server.ended().await;
}
