//! A stage runs in many executions at once: what they share is changed through a lock or an atomic.

use peristyle_core::{Chain, Context, before};

fn main() {
    let mut count = 0;
    let _: Chain<u8> = before(move |_: &mut Context<u8>| count += 1).into();
}
