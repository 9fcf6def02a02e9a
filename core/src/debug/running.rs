//! What the stages that are running have found.

use std::{
    collections::HashMap,
    fmt, ptr,
    sync::{Mutex, MutexGuard, PoisonError},
};

use super::state::State;
use crate::{Context, ExecutionId};

/// A stack for each execution: a stage may run a chain, whose stages begin and end within it.
///
/// They are found by the address of the context, which stays where it is while a stage runs: the identities that hosts
/// give may repeat.
#[derive(Default)]
pub(super) struct Running(Mutex<HashMap<usize, Stack>>);

struct Stack {
    execution: ExecutionId,
    /// `None` for a stage whose snapshot was not taken.
    found: Vec<Option<State>>,
}

impl Running {
    /// A stage begins. What an execution left behind that has lost its context to a stage is forgotten.
    pub(super) fn begin<T>(&self, cx: &Context<T>) {
        let mut stacks = self.stacks();
        let stack = stacks.entry(address(cx)).or_insert_with(|| Stack::new(cx));
        if stack.execution != *cx.id() {
            *stack = Stack::new(cx);
        }
        stack.found.push(None);
    }

    /// What the stage that has just begun found.
    pub(super) fn found<T>(&self, cx: &Context<T>, state: State) {
        let mut stacks = self.stacks();
        let stack = stacks.get_mut(&address(cx));
        if let Some(found) = stack.and_then(|stack| stack.found.last_mut()) {
            *found = Some(state);
        }
    }

    /// The stage that began last ends. Returns what it found, if its beginning was seen.
    pub(super) fn end<T>(&self, cx: &Context<T>) -> Option<State> {
        let mut stacks = self.stacks();
        let stack = stacks.get_mut(&address(cx))?;
        let found = stack.found.pop();
        if stack.found.is_empty() {
            stacks.remove(&address(cx));
        }
        found?
    }

    fn stacks(&self) -> MutexGuard<'_, HashMap<usize, Stack>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Stack {
    fn new<T>(cx: &Context<T>) -> Self {
        Self {
            execution: cx.id().clone(),
            found: Vec::new(),
        }
    }
}

fn address<T>(cx: &Context<T>) -> usize {
    ptr::from_ref(cx).addr()
}

/// The executions.
impl fmt::Debug for Running {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let stacks = self.stacks();
        let executions = stacks.values().map(|stack| &stack.execution);
        f.debug_list().entries(executions).finish()
    }
}
