//! A function says nowhere on which way it runs: what makes an interceptor of it does.

use peristyle_core::{Chain, Context, Link};

fn count(cx: &mut Context<u8>) {
    **cx += 1;
}

fn main() {
    let _: Chain<u8> = Chain::new([count]);
    let _: Chain<u8> = Link::new(count).into();
}
