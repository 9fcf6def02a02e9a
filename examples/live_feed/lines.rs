//! Standard input, line by line.

use std::{
    io::{self, BufRead, Read},
    thread,
};

use peristyle::sse::feed::Feed;

use super::feed::publish;

/// Bytes. A line that is longer arrives in pieces, so that no input can fill the memory.
const LONGEST: u64 = 16 * 1024;

/// Publishes each line of standard input, until it ends.
///
/// A thread of its own, never joined, does it: a read of a terminal cannot be cancelled, and a runtime waits for its
/// blocking tasks when it shuts down, so that tokio's standard input would hold the program until the next line. This
/// thread simply ends with the process. What it sends goes to the feed, which is bounded and never waits.
pub(crate) fn read_stdin(feed: Feed) -> io::Result<()> {
    let reader = thread::Builder::new().name("stdin".to_owned());
    reader.spawn(move || publish_lines(io::stdin().lock(), &feed))?;
    Ok(())
}

fn publish_lines(mut input: impl BufRead, feed: &Feed) {
    let mut line = Vec::new();
    // A read that fails is the end too: there is nobody to ask for another terminal.
    while let Ok(1..) = input.by_ref().take(LONGEST).read_until(b'\n', &mut line) {
        let text = String::from_utf8_lossy(&line);
        publish(feed, "line", text.trim_end_matches(['\r', '\n']));
        line.clear();
    }
}

#[cfg(test)]
mod tests {
    use peristyle::sse::{
        Event,
        feed::{Delivery, Epoch, Follow},
    };
    use tokio_stream::StreamExt;

    use super::*;

    #[tokio::test]
    async fn each_line_is_an_event_and_one_that_is_too_long_is_several() {
        // In base 36 the epoch is `e`.
        let feed = Feed::builder().epoch(Epoch::new(14)).build();
        let long = "x".repeat(16 * 1024 + 1);
        let input = format!("<one>\r\n\n{long}\nlast, without an end");
        publish_lines(input.as_bytes(), &feed);
        publish_lines(b"not \xff UTF-8\n".as_slice(), &feed);
        feed.finish(Event::data(""));
        let events = feed.subscribe(Follow::earliest()).map(Delivery::into_event);
        let events: Vec<_> = events.collect().await;
        let data = [
            "<one>",
            "",
            &long[1..],
            "x",
            "last, without an end",
            "not \u{fffd} UTF-8",
        ];
        assert_eq!(events.len(), data.len() + 1);
        for ((event, data), number) in events.iter().zip(data).zip(1..) {
            let expected = format!("event: line\nid: e-{number}\ndata: {data}\n\n");
            assert_eq!(event.as_bytes(), expected.as_bytes());
        }
    }
}
