//! A server whose clients connect in memory.

use peristyle::{
    Link,
    server::{Exchange, Listener, Routes, Server},
};
use tokio::{
    io::{DuplexStream, duplex},
    sync::{mpsc, oneshot},
    task::JoinSet,
};

pub(crate) struct InMemory {
    connect: mpsc::Sender<DuplexStream>,
    end: oneshot::Sender<()>,
    serving: JoinSet<()>,
}

impl InMemory {
    /// Answers every GET of `/` with this.
    pub(crate) fn start(answer: Link<Exchange>) -> Self {
        let router = Routes::new().get("/", answer).build().unwrap();
        let (connect, connections) = mpsc::channel(16);
        let server = Server::on(Listener::handed(connections));
        let (end, ended) = oneshot::channel();
        let mut serving = JoinSet::new();
        serving.spawn(async move {
            let end = async { drop(ended.await) };
            server.serve_until(router, end).await.unwrap();
        });
        Self {
            connect,
            end,
            serving,
        }
    }

    /// A connection that holds so many bytes each way.
    pub(crate) async fn connect(&self, bytes: usize) -> DuplexStream {
        self.door().connect(bytes).await.unwrap()
    }

    /// The way in, for who may come when the server has ended.
    pub(crate) fn door(&self) -> Door {
        Door(self.connect.clone())
    }

    /// Tells the server to end. Returns its task.
    pub(crate) fn end(self) -> JoinSet<()> {
        self.end.send(()).unwrap();
        self.serving
    }

    pub(crate) async fn ended(self) {
        finished(self.end()).await;
    }
}

/// Where clients of a server connect.
#[derive(Clone)]
pub(crate) struct Door(mpsc::Sender<DuplexStream>);

impl Door {
    /// `None` when the server takes no more.
    pub(crate) async fn connect(&self, bytes: usize) -> Option<DuplexStream> {
        let (client, connection) = duplex(bytes);
        self.0.send(connection).await.ok()?;
        Some(client)
    }
}

pub(crate) async fn finished(mut serving: JoinSet<()>) {
    serving.join_next().await.unwrap().unwrap();
}
