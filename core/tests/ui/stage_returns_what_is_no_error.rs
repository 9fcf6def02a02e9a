//! What a stage raises is an error, or a text.

use peristyle_core::{Chain, Context, before};

struct Refused;

fn check(_: &mut Context<u8>) -> Result<(), Refused> {
    Err(Refused)
}

async fn check_later(_: &mut Context<u8>) -> Result<(), Refused> {
    Err(Refused)
}

fn main() {
    let _: Chain<u8> = before(check).into();
    let _: Chain<u8> = before(check_later).into();
}
