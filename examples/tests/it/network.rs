//! A network between a server and its clients, which a test cuts.

use std::net::SocketAddr;

use tokio::{
    io::{self, AsyncReadExt},
    net::{TcpListener, TcpStream},
    sync::watch,
    task::JoinSet,
};

use crate::wire::soon;

/// Carries connections to a server. Dropped, it carries none any more.
pub(crate) struct Network {
    pub(crate) address: SocketAddr,
    state: watch::Sender<State>,
    _carrying: JoinSet<()>,
}

#[derive(Clone, Copy)]
struct State {
    /// How often it was cut: a connection is of the time between two of them.
    cuts: u64,
    /// It is cut as soon as a client has got so many bytes over one connection. `None` while it is cut: who connects waits.
    whole_for: Option<u64>,
}

impl State {
    fn cut(&mut self) {
        self.cuts += 1;
        self.whole_for = None;
    }
}

impl Network {
    pub(crate) async fn before(server: SocketAddr) -> io::Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let address = listener.local_addr()?;
        let state = watch::Sender::new(State {
            cuts: 0,
            whole_for: Some(u64::MAX),
        });
        let mut carrying = JoinSet::new();
        carrying.spawn(carry_all(listener, server, state.clone()));
        Ok(Self {
            address,
            state,
            _carrying: carrying,
        })
    }

    /// Every connection is lost, in the middle of whatever it carries.
    pub(crate) fn cut(&self) {
        self.state.send_modify(State::cut);
    }

    pub(crate) fn mend(&self) {
        self.state
            .send_modify(|state| state.whole_for = Some(u64::MAX));
    }

    /// Mends it, and waits until it is cut again, by a connection over which a client has got so many bytes.
    pub(crate) async fn mend_for(&self, bytes: u64) {
        let mut state = self.state.subscribe();
        self.state
            .send_modify(|state| state.whole_for = Some(bytes));
        let cut = soon(state.wait_for(|state| state.whole_for.is_none())).await;
        cut.expect("this has the sender");
    }
}

async fn carry_all(listener: TcpListener, server: SocketAddr, state: watch::Sender<State>) {
    let mut connections = JoinSet::new();
    while let Ok((client, _)) = listener.accept().await {
        connections.spawn(carry(client, server, state.clone()));
        while connections.try_join_next().is_some() {}
    }
}

/// What fails is lost, as it is on any network.
async fn carry(client: TcpStream, server: SocketAddr, network: watch::Sender<State>) {
    let mut state = network.subscribe();
    let whole = state.wait_for(|state| state.whole_for.is_some()).await;
    let Some(State { cuts, whole_for }) = whole.map(|state| *state).ok() else {
        return;
    };
    let bytes = whole_for.unwrap_or_default();
    let carried = tokio::select! {
        biased;
        _ = state.wait_for(|state| state.cuts != cuts) => return,
        carried = carry_bytes(client, server, bytes) => carried,
    };
    if carried.is_ok_and(|all| all) {
        // Another connection may have been the first.
        network.send_if_modified(|state| {
            let whole = state.cuts == cuts;
            if whole {
                state.cut();
            }
            whole
        });
    }
}

/// Whether it has ended because that many were carried to the client.
async fn carry_bytes(mut client: TcpStream, server: SocketAddr, bytes: u64) -> io::Result<bool> {
    let mut server = TcpStream::connect(server).await?;
    let (from_client, mut to_client) = client.split();
    let (from_server, mut to_server) = server.split();
    let mut from_client = from_client;
    let mut from_server = from_server.take(bytes);
    tokio::select! {
        biased;
        _ = io::copy(&mut from_client, &mut to_server) => Ok(false),
        carried = io::copy(&mut from_server, &mut to_client) => Ok(carried? == bytes),
    }
}
