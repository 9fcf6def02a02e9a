//! A server on a loopback socket, and clients that write raw HTTP/1.1.

use std::{future::Future, io, net::SocketAddr, time::Duration};

use peristyle::server::{Router, Server};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    sync::oneshot,
    task::JoinSet,
    time::timeout,
};

/// Far more than any test needs: a test that hangs fails instead.
const LONG: Duration = Duration::from_secs(20);

pub(crate) async fn soon<F: Future>(future: F) -> F::Output {
    let soon = timeout(LONG, future).await;
    soon.expect("it happens soon")
}

pub(crate) struct Running {
    pub(crate) address: SocketAddr,
    end: oneshot::Sender<()>,
    serving: JoinSet<()>,
}

impl Running {
    pub(crate) async fn start(router: Router) -> Self {
        Self::start_with(router, |server| server).await
    }

    pub(crate) async fn start_with(router: Router, set: impl FnOnce(Server) -> Server) -> Self {
        let server = Server::bind("127.0.0.1:0").await.expect("a free port");
        let server = set(server);
        let address = server.local_addr().expect("its address");
        let (end, told) = oneshot::channel();
        let mut serving = JoinSet::new();
        serving.spawn(async move {
            let end = async { drop(told.await) };
            let ended = server.serve_until(router, end).await;
            ended.expect("it serves to its end");
        });
        Self {
            address,
            end,
            serving,
        }
    }

    /// Asks for `path` as a client with these lines among its headers.
    pub(crate) async fn ask(&self, path: &str, headers: &str) -> Client {
        self.send(format!(
            "GET {path} HTTP/1.1\r\nhost: test\r\nconnection: close\r\n{headers}\r\n"
        ))
        .await
    }

    pub(crate) async fn send(&self, request: impl AsRef<[u8]>) -> Client {
        let connected = TcpStream::connect(self.address).await;
        let mut client = Client(connected.expect("it listens"));
        let sent = client.0.write_all(request.as_ref()).await;
        sent.expect("it reads");
        client
    }

    /// Tells the server to end.
    pub(crate) fn end(self) -> Ending {
        self.end.send(()).expect("it still runs");
        Ending(self.serving)
    }

    /// Ends the server and waits for it.
    pub(crate) async fn ended(self) {
        self.end().ended().await;
    }
}

/// A server that was told to end.
pub(crate) struct Ending(JoinSet<()>);

impl Ending {
    pub(crate) async fn ended(mut self) {
        let ended = soon(self.0.join_next()).await;
        ended.expect("one task").expect("no panic");
    }
}

/// Dropped, it has left.
pub(crate) struct Client(TcpStream);

impl Client {
    /// Reads up to and with `end`, and nothing after it.
    pub(crate) async fn until(&mut self, end: &str) -> String {
        let mut read = Vec::new();
        let all = async {
            while !read.ends_with(end.as_bytes()) {
                read.push(self.0.read_u8().await?);
            }
            Ok::<_, io::Error>(())
        };
        // All of it: a stream that is kept alive always has another byte.
        let all = timeout(LONG, all).await;
        let read = String::from_utf8(read).expect("text");
        assert!(matches!(all, Ok(Ok(()))), "{all:?} after {read:?}");
        read
    }

    /// The rest of the response's body, of which the head was not read yet, and whether it is whole.
    pub(crate) async fn body(mut self) -> (String, bool) {
        let mut read = Vec::new();
        let all = soon(self.0.read_to_end(&mut read)).await;
        all.expect("the connection ends");
        let read = String::from_utf8(read).expect("text");
        let (_, mut rest) = read.split_once("\r\n\r\n").expect("a head");
        let mut body = String::new();
        while let Some((size, after)) = rest.split_once("\r\n") {
            let size = usize::from_str_radix(size, 16).expect("the size of a chunk");
            body.push_str(&after[..size]);
            rest = &after[size + 2..];
            if size == 0 {
                return (body, true);
            }
        }
        (body, false)
    }
}
