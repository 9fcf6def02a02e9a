//! An error stage takes the error.

use peristyle_core::{Chain, Context, on_error};

fn apologize(_: &mut Context<u8>) {}

async fn apologize_later(_: &mut Context<u8>) {}

fn main() {
    let _: Chain<u8> = on_error(apologize).into();
    let _: Chain<u8> = on_error(apologize_later).into();
    let _: Chain<u8> = on_error(|_: &mut Context<u8>| ()).into();
}
