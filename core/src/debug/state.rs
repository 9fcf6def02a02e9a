//! What can be seen of a context at one moment.

use super::snapshot::{Field, Fields, Snapshot};
use crate::{Context, Error, Name};

pub(super) struct State {
    pub(super) queue: Vec<Name>,
    pub(super) bindings: Vec<&'static str>,
    pub(super) values: Vec<&'static str>,
    pub(super) error: Option<Error>,
    pub(super) fields: Vec<Field>,
}

impl State {
    pub(super) fn of<T: Snapshot>(cx: &Context<T>, left_out: &[String]) -> Self {
        let mut values: Vec<_> = cx.value_types().collect();
        values.sort_unstable();
        Self {
            queue: cx.queue().cloned().collect(),
            bindings: cx.bindings().collect(),
            values,
            error: cx.pending().cloned(),
            fields: Fields::of(&**cx, left_out),
        }
    }
}
