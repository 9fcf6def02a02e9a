//! What each task is for, one line each.

use std::ffi::OsString;

use crate::{Error, TASKS, Task, error::no_arguments};

pub(crate) fn run(arguments: &[OsString]) -> Result<(), Error> {
    no_arguments("help", arguments)?;
    println!("{}", text());
    Ok(())
}

pub(crate) fn text() -> String {
    let usages = TASKS.iter().map(usage);
    let width = usages.map(|usage| usage.chars().count()).max();
    let width = width.unwrap_or_default();
    let tasks: Vec<_> = TASKS
        .iter()
        .map(|task| format!("  {:width$}  {}", usage(task), task.about))
        .collect();
    format!("Usage: cargo xtask TASK\n\nTasks:\n{}", tasks.join("\n"))
}

fn usage(task: &Task) -> String {
    format!("{} {}", task.name, task.arguments)
}
