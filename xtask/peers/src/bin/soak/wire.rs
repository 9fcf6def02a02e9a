//! What servers, publishers and clients say to each other, as text.

use peristyle_peers::Failure;
use peristyle_sse::feed::Cursor;

use crate::ledger::{Gap, Position, Reason, Record};

/// How many topics there are, in groups of [`GROUP`]: `a/0` to `a/9`, then `b/0` and so on.
pub(crate) const TOPICS: u8 = 40;
pub(crate) const GROUP: u8 = 10;
/// Of an event without a topic.
pub(crate) const NO_TOPIC: u8 = TOPICS;

/// How many events the log keeps. It has no other bound that is ever reached.
pub(crate) const RETAINED: u32 = 500;

/// The event that says from where a client follows.
pub(crate) const START: &str = "start";
pub(crate) const GAP: &str = "gap";

pub(crate) fn topic(number: u8) -> String {
    let group = char::from(b'a' + number / GROUP);
    format!("{group}/{}", number % GROUP)
}

/// An event's data: who published it and about what, and so many bytes more.
pub(crate) fn write(record: Record, more: usize) -> String {
    let Record {
        topic,
        key,
        publisher,
        number,
    } = record;
    let key = key.map_or_else(|| "-".to_owned(), |key| key.to_string());
    format!("{topic} {key} {publisher} {number} {more} {:x>more$}", "")
}

/// What [`write`] has written, whole.
pub(crate) fn read(data: &str) -> Result<Record, Failure> {
    let damaged = || format!("an event is damaged: `{data}`");
    let mut words = data.split(' ');
    let mut word = || words.next().ok_or_else(damaged);
    let (topic, key) = (word()?, word()?);
    let (publisher, number, more) = (word()?, word()?, word()?);
    let rest = word()?;
    if rest.len() != more.parse::<usize>()? || rest.bytes().any(|byte| byte != b'x') {
        return Err(damaged().into());
    }
    Ok(Record {
        topic: topic.parse()?,
        key: (key != "-").then(|| key.parse()).transpose()?,
        publisher: publisher.parse()?,
        number: number.parse()?,
    })
}

pub(crate) fn position(text: &str) -> Result<Position, Failure> {
    let cursor: Cursor = text.parse()?;
    Ok(Position {
        epoch: cursor.epoch().number(),
        offset: cursor.offset(),
    })
}

/// The data of a `gap`, which is JSON, and the id that came with it.
pub(crate) fn gap(data: &str, id: &str) -> Result<Gap, Failure> {
    let gap: serde_json::Value = serde_json::from_str(data)?;
    let to = gap["to"].as_str().filter(|to| *to == id);
    let reason = gap["reason"].as_str().and_then(Reason::named);
    let from = gap["from"].as_str().map(position).transpose()?;
    match (to, reason) {
        (Some(to), Some(reason)) => Ok(Gap {
            from,
            to: position(to)?,
            reason,
        }),
        _ => Err(format!("a gap is damaged: `{data}` with the id `{id}`").into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const RECORD: Record = Record {
        topic: 13,
        key: Some(2),
        publisher: 3,
        number: 99,
    };

    #[test]
    fn what_was_written_is_read() {
        assert_eq!(write(RECORD, 4), "13 2 3 99 4 xxxx");
        assert_eq!(read(&write(RECORD, 4)).unwrap(), RECORD);
        let unkeyed = Record {
            key: None,
            ..RECORD
        };
        assert_eq!(read(&write(unkeyed, 0)).unwrap(), unkeyed);
        assert_eq!(topic(13), "b/3");
    }

    #[test]
    fn what_is_not_whole_is_damaged() {
        for data in ["", "13 2 3 99 4 xxx", "13 2 3 99 4 xxxX", "13 2 3 99 4"] {
            assert!(read(data).is_err(), "{data}");
        }
    }

    #[test]
    fn a_gap_is_read_if_its_id_is_its_end() {
        let data = r#"{"from":"1z-17","to":"1z-42","reason":"evicted"}"#;
        let expected = Gap {
            from: Some(position("1z-17").unwrap()),
            to: position("1z-42").unwrap(),
            reason: Reason::Evicted,
        };
        assert_eq!(gap(data, "1z-42").unwrap(), expected);
        assert!(gap(data, "1z-41").is_err());
        let unknown = data.replace("\"1z-17\"", "null");
        assert_eq!(gap(&unknown, "1z-42").unwrap().from, None);
    }
}
