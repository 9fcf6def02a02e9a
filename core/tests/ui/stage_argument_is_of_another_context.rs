//! All stages of a chain carry the same type.

use peristyle_core::{Chain, Context, after, before};

fn count(cx: &mut Context<u8>) {
    **cx += 1;
}

async fn write(cx: &mut Context<String>) {
    cx.push('!');
}

fn main() {
    let _ = Chain::new([before(count), after(write)]);
}
