//! Follows an event stream through restarts of its server: `follow http://127.0.0.1:8080/feed`. Ctrl-C ends it.

#![expect(clippy::print_stdout, reason = "it prints what it follows")]
#![expect(
    clippy::print_stderr,
    reason = "it says what becomes of the connection"
)]

use std::env;

use peristyle::{
    BoxError,
    sse::client::{Error, EventSource, Update},
};
use tokio::signal::ctrl_c;

/// Prints each event, with its id if it has one, until the server answers that there are no more.
pub(crate) async fn follow(
    mut source: EventSource,
    mut print: impl FnMut(String),
) -> Result<(), Error> {
    let mut updates = source.updates();
    while let Some(update) = updates.next().await {
        match update? {
            Update::Event(event) if event.id().is_empty() => {
                print(format!("{}: {}", event.event(), event.data()));
            }
            Update::Event(event) => {
                print(format!(
                    "{} {}: {}",
                    event.id(),
                    event.event(),
                    event.data()
                ));
            }
            Update::Reconnecting { why, delay, .. } => eprintln!("{why}: again in {delay:.1?}"),
            _ => {}
        }
    }
    Ok(())
}

#[tokio::main]
async fn main() -> Result<(), BoxError> {
    let url = env::args()
        .nth(1)
        .ok_or("give the URL of an event stream")?;
    let source = EventSource::new(&url)?;
    tokio::select! {
        followed = follow(source, |line| println!("{line}")) => followed?,
        interrupted = ctrl_c() => interrupted?,
    }
    Ok(())
}
