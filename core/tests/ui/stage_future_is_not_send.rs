//! An execution can move to another thread wherever it waits.

use std::{future::ready, rc::Rc};

use peristyle_core::{Chain, Context, Error, before, on_error};

async fn count(cx: &mut Context<u8>) {
    let shared = Rc::new(1);
    ready(()).await;
    **cx += *shared;
}

async fn recover(cx: &mut Context<u8>, _: Error) {
    let shared = Rc::new(1);
    ready(()).await;
    **cx += *shared;
}

fn main() {
    let _: Chain<u8> = before(count).into();
    let _: Chain<u8> = on_error(recover).into();
}
