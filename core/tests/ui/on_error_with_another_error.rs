//! `on_error` gives every error; `catch` picks those of one type.

use std::num::ParseIntError;

use peristyle_core::{Chain, Context, catch, on_error};

fn apologize(_: &mut Context<u8>, _: ParseIntError) {}

fn main() {
    let _: Chain<u8> = on_error(apologize).into();
    let _: Chain<u8> = catch(apologize).into();
}
