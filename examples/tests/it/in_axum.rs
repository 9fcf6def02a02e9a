use std::time::Duration;

use peristyle::{BoxError, streaming::files::Directory};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    task::JoinSet,
    time::timeout,
};

#[path = "../../in_axum.rs"]
#[expect(dead_code, reason = "its `main` is not run")]
mod example;

const ONLY_A_HANG: Duration = Duration::from_secs(20);

/// The head and the body of the answer, as they are on the wire.
async fn get(path: &str) -> Result<(String, String), BoxError> {
    get_with(path, "").await
}

async fn get_with(path: &str, headers: &str) -> Result<(String, String), BoxError> {
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let address = listener.local_addr()?;
    let mut server = JoinSet::new();
    let app = example::app(Directory::new(env!("CARGO_MANIFEST_DIR"))?);
    server.spawn(async { axum::serve(listener, app).await });

    let mut stream = TcpStream::connect(address).await?;
    let request =
        format!("GET {path} HTTP/1.1\r\nHost: test\r\nConnection: close\r\n{headers}\r\n");
    stream.write_all(request.as_bytes()).await?;
    let mut answer = String::new();
    timeout(ONLY_A_HANG, stream.read_to_string(&mut answer)).await??;
    let (head, body) = answer.split_once("\r\n\r\n").ok_or("no end of the head")?;
    Ok((head.to_owned(), body.to_owned()))
}

#[tokio::test]
async fn axum_sends_an_event_stream_in_chunks() -> Result<(), BoxError> {
    let (head, body) = get("/events").await?;
    assert!(head.starts_with("HTTP/1.1 200 OK\r\n"), "{head}");
    assert!(
        head.contains("\r\ncontent-type: text/event-stream; charset=utf-8\r\n"),
        "{head}"
    );
    assert!(
        head.contains("\r\ntransfer-encoding: chunked\r\n"),
        "{head}"
    );
    assert_eq!(
        body,
        format!("{OPENED}{}{}{}{ENDED}", chunk(1), chunk(2), chunk(3))
    );
    Ok(())
}

const OPENED: &str = "3\r\n:\n\n\r\n";
const ENDED: &str = "0\r\n\r\n";

fn chunk(number: u8) -> String {
    format!("F\r\nid: {number}\ndata: {number}\n\n\r\n")
}

#[tokio::test]
async fn axum_lets_a_client_go_on_where_it_was_and_tells_it_when_it_has_all() -> Result<(), BoxError>
{
    let (_, body) = get("/events?lastEventId=2").await?;
    assert_eq!(body, format!("{OPENED}{}{ENDED}", chunk(3)));
    let (head, body) = get("/events?lastEventId=3").await?;
    assert!(head.starts_with("HTTP/1.1 204 No Content\r\n"), "{head}");
    assert_eq!(body, "");
    Ok(())
}

#[tokio::test]
async fn axum_sends_a_streamed_body_in_chunks() -> Result<(), BoxError> {
    let (head, body) = get("/lines").await?;
    assert!(head.starts_with("HTTP/1.1 200 OK\r\n"), "{head}");
    assert!(head.contains("\r\nx-accel-buffering: no\r\n"), "{head}");
    assert!(
        head.contains("\r\ntransfer-encoding: chunked\r\n"),
        "{head}"
    );
    assert_eq!(
        body,
        "7\r\nline 1\n\r\n7\r\nline 2\n\r\n7\r\nline 3\n\r\n0\r\n\r\n"
    );
    Ok(())
}

#[tokio::test]
async fn axum_sends_a_range_of_a_file() -> Result<(), BoxError> {
    let (head, body) = get_with("/files/README.md", "Range: bytes=2-9\r\n").await?;
    assert!(
        head.starts_with("HTTP/1.1 206 Partial Content\r\n"),
        "{head}"
    );
    assert!(head.contains("\r\ncontent-range: bytes 2-9/"), "{head}");
    assert_eq!(body, "Examples");
    let (head, body) = get("/files/tests/../../Cargo.toml").await?;
    assert!(head.starts_with("HTTP/1.1 404 Not Found\r\n"), "{head}");
    assert_eq!(body, "");
    Ok(())
}
