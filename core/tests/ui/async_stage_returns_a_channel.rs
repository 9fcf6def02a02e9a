//! An `async` stage waits by itself; only one that does not may leave the waiting to a channel.

use peristyle_core::{Chain, Context, before};
use tokio::sync::oneshot::{self, Receiver};

async fn convey(_: &mut Context<u8>) -> Receiver<u8> {
    oneshot::channel().1
}

fn main() {
    let _: Chain<u8> = before(convey).into();
}
