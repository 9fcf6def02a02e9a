//! A stage returns nothing, a result of nothing, or a channel; what a handler returns is an answer.

use peristyle_core::{Chain, Context, before};

fn count(cx: &mut Context<u8>) -> u8 {
    **cx
}

async fn count_later(cx: &mut Context<u8>) -> u8 {
    **cx
}

async fn lookup(cx: &mut Context<u8>) -> Result<u8, std::fmt::Error> {
    Ok(**cx)
}

fn main() {
    let _: Chain<u8> = before(count).into();
    let _: Chain<u8> = before(count_later).into();
    let _: Chain<u8> = before(lookup).into();
}
