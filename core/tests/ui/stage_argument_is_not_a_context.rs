//! A stage takes the context, not what it carries.

use peristyle_core::{Chain, before};

fn audit(events: &mut Vec<u8>) {
    events.push(1);
}

async fn audit_later(events: &mut Vec<u8>) {
    events.push(1);
}

fn main() {
    let _: Chain<Vec<u8>> = before(audit).into();
    let _: Chain<Vec<u8>> = before(audit_later).into();
}
