//! A closure names the type of the context: it cannot be inferred.

use peristyle_core::{Chain, before};

fn main() {
    let _: Chain<u8> = before(|cx| **cx += 1).into();
}
