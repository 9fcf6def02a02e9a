//! An execution can move to another thread wherever it waits.

use std::{future::ready, rc::Rc};

use peristyle_core::{Answer, Chain, Context, Outcome, handler};

struct Exchange;

impl Answer<u16> for Exchange {
    fn answer(&mut self, _: u16) -> Outcome {
        Ok(())
    }
}

async fn status(_: &mut Context<Exchange>) -> u16 {
    let shared = Rc::new(204);
    ready(()).await;
    *shared
}

fn main() {
    let _: Chain<Exchange> = handler(status).into();
}
