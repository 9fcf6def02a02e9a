//! A handler takes the context.

use peristyle_core::{Answer, Chain, Outcome, handler};

struct Exchange;

impl Answer<u16> for Exchange {
    fn answer(&mut self, _: u16) -> Outcome {
        Ok(())
    }
}

fn status(_: &mut Exchange) -> u16 {
    204
}

fn main() {
    let _: Chain<Exchange> = handler(status).into();
}
