//! The future of a stage may borrow the context, and nothing of the closure that made it.

use peristyle_core::{Chain, Context, before};

fn main() {
    let greeting = "hello".to_owned();
    let _: Chain<String> = before(async move |cx: &mut Context<String>| cx.push_str(&greeting)).into();
}
