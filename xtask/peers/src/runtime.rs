//! One thread that serves, so that CPU times compare.

use std::net;

use tokio::{net::TcpListener, runtime::Builder};

use crate::Failure;

/// Runs a server of tokio's on this thread.
///
/// # Errors
///
/// When there is no runtime, and when the server ends with an error.
pub fn run(
    listener: net::TcpListener,
    serve: impl AsyncFnOnce(TcpListener) -> Result<(), Failure>,
) -> Result<(), Failure> {
    let runtime = Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        listener.set_nonblocking(true)?;
        serve(TcpListener::from_std(listener)?).await
    })
}
