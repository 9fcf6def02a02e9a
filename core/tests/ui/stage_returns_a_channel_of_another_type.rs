//! What is conveyed takes the place of what the context carries.

use peristyle_core::{Chain, Context, before};
use tokio::sync::oneshot;

fn convey(_: &mut Context<String>) -> oneshot::Receiver<u8> {
    oneshot::channel().1
}

fn main() {
    let _: Chain<String> = before(convey).into();
}
