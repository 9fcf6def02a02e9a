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
        let (client, connection) = duplex(bytes);
        self.connect.send(connection).await.unwrap();
        client
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

pub(crate) async fn finished(mut serving: JoinSet<()>) {
    serving.join_next().await.unwrap().unwrap();
}
