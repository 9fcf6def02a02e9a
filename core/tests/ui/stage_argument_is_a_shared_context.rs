//! A stage takes the context by unique reference.

use peristyle_core::{Chain, Context, before};

fn audit(_: &Context<u8>) {}

fn main() {
    let _: Chain<u8> = before(audit).into();
}
