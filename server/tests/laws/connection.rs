//! A connection in memory, and the requests that are seen on it.

use std::{
    sync::{Arc, Mutex},
    time::Duration,
};

use peristyle_core::{BoxError, before};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt, duplex},
    time::sleep,
};

use super::block_on;
use crate::{
    Context, Routes, Shutdown, State,
    connection::{Limits, serve},
    running::{Seat, Service},
};

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Seen {
    pub(super) method: String,
    pub(super) target: String,
    /// `None` when it did not come whole.
    pub(super) body: Option<Vec<u8>>,
}

impl Seen {
    /// Only a target in origin form comes as it was sent.
    pub(super) fn new(method: &str, target: &str, body: Option<Vec<u8>>) -> Self {
        let target = if target.starts_with('/') { target } else { "" };
        Self {
            method: method.to_owned(),
            target: target.to_owned(),
            body,
        }
    }
}

#[derive(Clone, Default)]
struct Kept(Arc<Mutex<Vec<Seen>>>);

/// What a connection came to when its client had sent everything and said so.
pub(super) struct Exchanged {
    pub(super) seen: Vec<Seen>,
    pub(super) answers: Vec<u8>,
}

/// Serves a client that sends these bytes, as many at a time as the buffer holds, and reads what comes.
pub(super) fn exchange(bytes: &[u8], buffer: usize) -> Exchanged {
    let kept = Kept::default();
    let router = Routes::new().interceptors(before(keep)).state(kept.clone());
    let router = router.build().expect("there are no routes");
    let (client, io) = duplex(buffer);
    let (mut reader, mut writer) = tokio::io::split(client);
    let write = async {
        // A connection that has been answered may be closed by now.
        let _ = writer.write_all(bytes).await;
        // What it sent is answered first: a client that has gone is not.
        sleep(Duration::from_secs(1)).await;
        let _ = writer.shutdown().await;
    };
    let mut answers = Vec::new();
    let (_phase, shutdown) = Shutdown::channel();
    let service = Service::alone(router, Limits::default(), shutdown);
    block_on(async {
        let served = serve(io, service, Seat::default());
        let ((), (), read) = tokio::join!(served, write, reader.read_to_end(&mut answers));
        read.expect("the end of what is written in memory");
    });
    let seen = std::mem::take(&mut *kept.0.lock().unwrap());
    Exchanged { seen, answers }
}

/// Keeps every request that comes, and answers it with nothing.
async fn keep(cx: &mut Context) -> Result<(), BoxError> {
    let body = cx.body().bytes().await.ok();
    let body = body.map(|body| body.to_vec());
    let request = Seen::new(cx.method().as_str(), &cx.uri().to_string(), body);
    let State(kept) = cx.state::<Kept>()?;
    kept.0.lock().unwrap().push(request);
    cx.respond(())?;
    Ok(())
}
