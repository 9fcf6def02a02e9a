//! `catch` knows by its function's argument which errors it is asked about, and they are errors.

use peristyle_core::{Caught, Chain, Context, Error, catch};

struct Refused;

fn every_error(_: &mut Context<u8>, _: Error) {}

fn no_error(_: &mut Context<u8>, _: Caught<Refused>) {}

fn main() {
    let _: Chain<u8> = catch(every_error).into();
    let _: Chain<u8> = catch(no_error).into();
}
