//! One thread that serves, so that CPU times compare.

use std::net;

use peristyle_peers::Failure;
use tokio::{net::TcpListener, runtime::Builder};

/// Runs a server of tokio's on this thread.
pub(crate) fn run(
    listener: net::TcpListener,
    serve: impl AsyncFnOnce(TcpListener) -> Result<(), Failure>,
) -> Result<(), Failure> {
    let runtime = Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        listener.set_nonblocking(true)?;
        serve(TcpListener::from_std(listener)?).await
    })
}
