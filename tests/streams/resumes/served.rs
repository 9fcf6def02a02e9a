//! The feed of a world, as its server has it and as texts say it.

use peristyle::{
    BoxError, Link, handler,
    server::{Context, Exchange, IntoResponse, Response},
    sse::{
        self, Event, LastEventId,
        feed::{self, Cursor, Epoch, Feed, Follow, Publish, Topics},
    },
};

use crate::ledger::{EVERYONE, Gap, Lag, Position, Reason, Record};

/// How many events a feed keeps.
pub(super) const RETAINED: u32 = 100;
/// `a/0` to `a/3`, `b/0` and so on. What has no topic comes after them.
pub(super) const TOPICS: u8 = 12;
pub(super) const GROUP: u8 = 4;
/// What comes first for a newcomer: from where it is given everything.
pub(super) const START: &str = "start";
pub(super) const GAP: &str = "gap";

pub(super) fn feed(epoch: u64) -> Feed {
    let retained = usize::try_from(RETAINED).unwrap();
    let feed = Feed::builder().epoch(Epoch::new(epoch));
    feed.max_events(retained).build()
}

pub(super) fn serving(feed: Feed) -> Link<Exchange> {
    handler(move |cx: &mut Context| follow(&feed, cx))
}

/// The query says topics and what happens when the client is slow.
fn follow(feed: &Feed, cx: &Context) -> Result<Response, BoxError> {
    let query = cx.uri().query().unwrap_or_default();
    let (topics, lag) = query.split_once('&').ok_or("a query has two parts")?;
    let topics = match topics {
        "" => Topics::all(),
        topics => Topics::new(topics.split(','))?,
    };
    let lag = match lag.split_once('&').map_or(lag, |(lag, _)| lag) {
        "gap" => feed::Lag::Gap,
        "latest" => feed::Lag::Latest,
        _ => feed::Lag::Resume,
    };
    let start = Event::builder().event(START).data("from here").build()?;
    let last = LastEventId::of(cx.headers(), cx.uri());
    let last = last.as_ref().and_then(LastEventId::as_str);
    let follow = Follow::live().topics(topics).lag(lag).first(start);
    match feed.follow(follow.resume(last)) {
        Ok(stream) => stream.into_response().into_response(),
        Err(_finished) => sse::finished().into_response(),
    }
}

pub(super) fn query(topics: &[String], lag: Lag, last: &str) -> String {
    let lag = match lag {
        Lag::Resume => "resume",
        Lag::Gap => "gap",
        Lag::Latest => "latest",
    };
    format!("/?{}&{lag}&last-event-id={last}", topics.join(","))
}

pub(super) fn topic(number: u8) -> String {
    let group = char::from(b'a' + number / GROUP);
    format!("{group}/{}", number % GROUP)
}

pub(super) fn to_publish(record: Record) -> Publish {
    let mut publish = Publish::new(Event::data(&format!("{record:?}")));
    if record.topic < TOPICS {
        publish = publish.topic(topic(record.topic).parse().unwrap());
    }
    if let Some(key) = record.key {
        publish = publish.key(&key.to_string()).unwrap();
    }
    if record.topic == EVERYONE {
        publish = publish.last();
    }
    publish
}

pub(super) fn position(cursor: Cursor) -> Position {
    Position {
        epoch: cursor.epoch().number(),
        offset: cursor.offset(),
    }
}

/// The data of a `gap`.
pub(super) fn gap(data: &str) -> Gap {
    let field = |name: &str| {
        let (_, value) = data.split_once(&format!("\"{name}\":"))?;
        Some(value.strip_prefix('"')?.split_once('"')?.0)
    };
    let cursor = |name| Some(position(field(name)?.parse().unwrap()));
    Gap {
        from: cursor("from"),
        to: cursor("to").unwrap(),
        reason: field("reason").and_then(Reason::named).unwrap(),
    }
}
