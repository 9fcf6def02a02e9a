//! A chain is shared between threads, with all that its functions captured.

use std::rc::Rc;

use peristyle_core::{Chain, Context, before};

fn main() {
    let shared = Rc::new(1);
    let _: Chain<u8> = before(move |cx: &mut Context<u8>| **cx += *shared).into();
}
