//! Real sockets.

use std::{future::Future, net::SocketAddr, time::Duration};

use peristyle_sse::client::{Backoff, EventSource};
use tokio::{
    io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt},
    join,
    net::{TcpListener, TcpStream, UnixListener, UnixStream},
    time::timeout,
};

use super::script::{STREAM, get};

const ONLY_A_HANG: Duration = Duration::from_secs(20);

/// Both at once.
pub(crate) async fn soon<A, B>(
    one: impl Future<Output = A>,
    other: impl Future<Output = B>,
) -> (A, B) {
    let both = async { join!(one, other) };
    timeout(ONLY_A_HANG, both).await.expect("no hang")
}

async fn listener() -> (TcpListener, SocketAddr) {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a socket");
    let address = listener.local_addr().expect("a socket");
    (listener, address)
}

fn source(url: &str) -> EventSource {
    let at_once = Backoff::default().first(Duration::ZERO);
    let builder = EventSource::builder(get(url)).backoff(at_once);
    builder.build().expect("a URL that can be followed")
}

/// Reads a request's head and answers.
async fn serve(stream: &mut (impl AsyncRead + AsyncWrite + Unpin), response: &str) -> String {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(stream.read_u8().await.expect("a socket"));
    }
    stream
        .write_all(response.as_bytes())
        .await
        .expect("a socket");
    String::from_utf8(head).expect("text")
}

async fn accept(listener: &TcpListener, response: &str) -> (TcpStream, String) {
    let (mut stream, _) = listener.accept().await.expect("a socket");
    let request = serve(&mut stream, response).await;
    (stream, request)
}

#[tokio::test]
async fn a_name_or_an_address_is_reached_over_tcp() {
    let (listener, address) = listener().await;
    for host in ["127.0.0.1", "localhost"] {
        let mut source = source(&format!("http://{host}:{}/a", address.port()));
        let response = [STREAM, "data: a\n\n"].concat();
        let ((_, request), event) = soon(accept(&listener, &response), source.next()).await;
        assert_eq!(event.unwrap().unwrap().data(), "a");
        assert!(request.starts_with(&format!(
            "GET /a HTTP/1.1\r\nhost: {host}:{}\r\n",
            address.port()
        )));
    }
}

#[tokio::test]
async fn a_server_that_comes_back_on_its_port_is_asked_for_what_comes_after() {
    let (first, address) = listener().await;
    let mut source = source(&format!("http://{address}/"));
    let response = [STREAM, "retry: 0\nid: 1\ndata: a\n\n"].concat();
    let ((stream, _), event) = soon(accept(&first, &response), source.next()).await;
    assert_eq!(event.unwrap().unwrap().data(), "a");

    drop((stream, first));
    let second = TcpListener::bind(address).await.unwrap();
    let response = [STREAM, "id: 2\ndata: b\n\n"].concat();
    let ((_, request), event) = soon(accept(&second, &response), source.next()).await;
    assert_eq!(event.unwrap().unwrap().data(), "b");
    assert!(
        request.ends_with("\r\nlast-event-id: 1\r\n\r\n"),
        "{request}"
    );
}

#[tokio::test]
async fn the_peer_of_a_source_that_is_dropped_reads_the_end() {
    let (listener, address) = listener().await;
    let mut source = source(&format!("http://{address}/"));
    let response = [STREAM, "data: a\n\n"].concat();
    let ((mut stream, _), event) = soon(accept(&listener, &response), source.next()).await;
    assert_eq!(event.unwrap().unwrap().data(), "a");
    drop(source);
    assert_eq!(stream.read(&mut [0]).await.unwrap(), 0);
}

#[tokio::test]
async fn a_redirect_to_https_over_plain_tcp_is_final() {
    let (listener, address) = listener().await;
    let mut source = source(&format!("http://{address}/"));
    let response = "HTTP/1.1 301 X\r\nlocation: https://feed.test/\r\n\r\n";
    let (_, event) = soon(accept(&listener, response), source.next()).await;
    let error = event.unwrap().unwrap_err();
    assert_eq!(
        error.to_string(),
        "`https` without a connector that speaks TLS"
    );
    assert!(source.next().await.is_none());
}

#[tokio::test]
async fn a_source_can_run_over_a_unix_socket() {
    let folder = std::env::temp_dir().join(format!("peristyle-source-{}", std::process::id()));
    std::fs::create_dir_all(&folder).unwrap();
    let path = folder.join("feed.sock");
    let listener = UnixListener::bind(&path).unwrap();
    let to = path.clone();
    let mut source = EventSource::builder(get("http://localhost/a"))
        .connect_with(move |_| UnixStream::connect(to.clone()))
        .build()
        .unwrap();
    let response = [STREAM, "data: a\n\n"].concat();
    let served = async {
        let (mut stream, _) = listener.accept().await.unwrap();
        serve(&mut stream, &response).await
    };
    let (request, event) = soon(served, source.next()).await;
    std::fs::remove_dir_all(&folder).unwrap();
    assert_eq!(event.unwrap().unwrap().data(), "a");
    assert!(request.starts_with("GET /a HTTP/1.1\r\nhost: localhost\r\n"));
}
