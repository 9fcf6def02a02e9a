//! The debug observer that writes through `tracing`.

use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering},
};

use peristyle_core::{
    Chain, Context, ExecutionId, before,
    debug::{DebugObserver, Fields, Snapshot},
};
use tracing::Level;

use crate::recorder::{AtInfo, Recorder, told};

/// Counts its snapshots.
#[derive(Default)]
struct Counted(AtomicUsize);

impl Snapshot for Counted {
    fn snapshot(&self, fields: &mut Fields<'_>) {
        let taken = self.0.fetch_add(1, Ordering::Relaxed);
        fields.display("taken", &taken);
    }
}

fn traced() -> Context<Counted> {
    let mut cx = Context::with_id(Counted::default(), ExecutionId::given("x"));
    cx.observe(Arc::new(DebugObserver::tracing()));
    let chain = Chain::from(before(|_: &mut Context<Counted>| ()).named("a"));
    chain.run_now(&mut cx).unwrap();
    cx
}

#[test]
fn lines_go_to_tracing_at_level_debug_inside_the_execution() {
    let recorder = Recorder::default();
    told(recorder.clone(), traced);
    let events = recorder.events();
    assert_eq!(events.len(), 1);
    assert!(events[0].starts_with("execution id=x > x enter a done after "));
    assert!(events[0].ends_with(": taken 0 -> 1"));
    assert_eq!(recorder.levels(), [Level::DEBUG]);
}

#[test]
fn where_level_debug_is_disabled_no_snapshot_is_taken_for_tracing() {
    let cx = told(AtInfo::default(), traced);
    assert_eq!(cx.0.load(Ordering::Relaxed), 0);
}
