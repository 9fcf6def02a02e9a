//! What a handler returns is an answer that the carried value takes.

use peristyle_core::{Answer, Chain, Context, Outcome, handler};

struct Exchange;

impl Answer<u16> for Exchange {
    fn answer(&mut self, _: u16) -> Outcome {
        Ok(())
    }
}

fn status(_: &mut Context<Exchange>) -> f32 {
    20.4
}

async fn status_later(_: &mut Context<Exchange>) -> f32 {
    20.4
}

fn nothing(_: &mut Context<Exchange>) {}

fn main() {
    let _: Chain<Exchange> = handler(status).into();
    let _: Chain<Exchange> = handler(status_later).into();
    let _: Chain<Exchange> = handler(nothing).into();
}
