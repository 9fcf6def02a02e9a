//! A server in a process of its own, for what a process has only once: its limits, and what it was started with.
//!
//! The process is that of the tests, started once more for the one test that asks for it, and told so by its environment.

use std::{env, net::SocketAddr, process::Stdio};

use peristyle_server::{Router, Server};
use tokio::{
    io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader},
    net::{TcpListener, TcpStream},
    process::{Child, Command},
};

use crate::support::{Client, soon};

/// Where the process that started this one listens.
const PARENT: &str = "PERISTYLE_TEST_PARENT";

/// Whether this process was started for one test.
pub(crate) fn is_here() -> bool {
    env::var_os(PARENT).is_some()
}

async fn tell_parent(server: &Server) -> TcpStream {
    let parent = env::var(PARENT).unwrap();
    let mut parent = TcpStream::connect(parent).await.unwrap();
    let address = server.local_addr().unwrap();
    let line = format!("{address}\n");
    parent.write_all(line.as_bytes()).await.unwrap();
    parent
}

/// Serves until a signal comes.
pub(crate) async fn serve_until_signal(server: Server, router: Router) {
    let _parent = tell_parent(&server).await;
    server.serve(router).await.unwrap();
}

/// Serves until the process that started this one has seen enough.
pub(crate) async fn serve(server: Server, router: Router) {
    let mut parent = tell_parent(&server).await;
    let end = async { drop(parent.read(&mut [0]).await) };
    server.serve_until(router, end).await.unwrap();
}

pub(crate) struct Apart {
    pub(crate) address: SocketAddr,
    process: Child,
    parent: BufReader<TcpStream>,
}

impl Apart {
    /// Starts the test of this name in a process that a shell sets up.
    pub(crate) async fn start(test: &str, setup: &str) -> Self {
        Self::start_with(test, setup, Stdio::null(), Stdio::null()).await
    }

    pub(crate) async fn start_with(test: &str, setup: &str, input: Stdio, output: Stdio) -> Self {
        let parent = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let script = format!("{setup} exec \"$0\" --exact {test}");
        let process = Command::new("sh")
            .args(["-c", &script])
            .arg(env::current_exe().unwrap())
            .env(PARENT, parent.local_addr().unwrap().to_string())
            .stdin(input)
            .stdout(output)
            .kill_on_drop(true)
            .spawn()
            .unwrap();
        let (parent, _) = soon(parent.accept()).await.unwrap();
        let mut parent = BufReader::new(parent);
        let mut line = String::new();
        soon(parent.read_line(&mut line)).await.unwrap();
        Self {
            address: line.trim_end().parse().unwrap(),
            process,
            parent,
        }
    }

    pub(crate) async fn connect(&self) -> Client {
        Client(TcpStream::connect(self.address).await.unwrap())
    }

    pub(crate) fn id(&self) -> u32 {
        self.process.id().unwrap()
    }

    pub(crate) async fn ended(mut self) {
        drop(self.parent);
        let status = soon(self.process.wait()).await.unwrap();
        assert!(status.success(), "{status}");
    }
}
