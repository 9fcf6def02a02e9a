//! An error stage handles, declines or fails; it has no answer of its own.

use peristyle_core::{Chain, Context, Error, on_error};

fn apologize(_: &mut Context<String>, _: Error) -> String {
    "sorry".to_owned()
}

fn main() {
    let _: Chain<String> = on_error(apologize).into();
}
