//! What happened in a world, by its clock: the laws are held against it.

use std::{
    collections::BTreeMap,
    fmt::Display,
    sync::{Arc, Mutex, MutexGuard},
    time::Duration,
};

use peristyle_server::{Ended, Exit};
use tokio::time::Instant;

/// Shared by all that happens in one world.
#[derive(Clone)]
pub(crate) struct Record(Arc<Shared>);

struct Shared {
    began: Instant,
    state: Mutex<State>,
}

#[derive(Default)]
pub(crate) struct State {
    /// Everything that a client or a handler can see, in the order in which it happened.
    pub(crate) trace: String,
    /// By the ids that the server gave them.
    pub(crate) exchanges: BTreeMap<String, Exchange>,
    pub(crate) connections: BTreeMap<usize, Line>,
    pub(crate) answers: Vec<Answer>,
    pub(crate) open: usize,
    pub(crate) most_open: usize,
    /// Those open when all clients had been silent for long.
    pub(crate) open_in_the_quiet: Option<usize>,
    pub(crate) shutdown: Option<Duration>,
    pub(crate) ended: Option<Duration>,
    /// What is wrong whatever else happened.
    pub(crate) wrong: Vec<String>,
}

/// What the server saw of a request, and what became of it.
#[derive(Debug)]
pub(crate) struct Exchange {
    /// The client's own name for it.
    pub(crate) number: String,
    pub(crate) method: String,
    pub(crate) path: String,
    pub(crate) began: Duration,
    pub(crate) ended: Vec<End>,
}

#[derive(Debug, Clone, Copy)]
pub(crate) struct End {
    pub(crate) at: Duration,
    pub(crate) status: Option<u16>,
    pub(crate) bytes: u64,
    pub(crate) elapsed: Duration,
    pub(crate) exit: Exit,
}

/// The server's end of a connection.
#[derive(Debug, Default)]
pub(crate) struct Line {
    pub(crate) opened: Option<Duration>,
    pub(crate) closed: Option<Duration>,
    pub(crate) read: u64,
    pub(crate) read_before_shutdown: u64,
    pub(crate) first_byte: Option<Duration>,
}

/// What a client saw of an answer.
#[derive(Debug, Clone)]
pub(crate) struct Answer {
    pub(crate) client: usize,
    /// In the order of the requests over HTTP/2, of the answers over HTTP/1.1.
    pub(crate) index: usize,
    pub(crate) status: u16,
    /// That of the exchange; refusals have none.
    pub(crate) id: Option<String>,
    pub(crate) closes: bool,
    pub(crate) declared: Option<u64>,
    pub(crate) retry_after: Option<String>,
    pub(crate) body: Vec<u8>,
    pub(crate) complete: bool,
    pub(crate) at: Duration,
}

impl Record {
    /// Time begins now.
    pub(crate) fn begin() -> Self {
        Self(Arc::new(Shared {
            began: Instant::now(),
            state: Mutex::default(),
        }))
    }

    pub(crate) fn now(&self) -> Duration {
        self.0.began.elapsed()
    }

    pub(crate) fn state(&self) -> MutexGuard<'_, State> {
        self.0.state.lock().expect("nothing panics with it locked")
    }

    pub(crate) fn note(&self, what: impl Display) {
        let now = self.now();
        self.state().note(now, what);
    }

    pub(crate) fn wrong(&self, what: impl Display) {
        self.note(format_args!("WRONG: {what}"));
        self.state().wrong.push(what.to_string());
    }

    pub(crate) fn began(&self, id: &str, number: &str, method: &str, path: &str) {
        let began = self.now();
        let exchange = Exchange {
            number: number.to_owned(),
            method: method.to_owned(),
            path: path.to_owned(),
            began,
            ended: Vec::new(),
        };
        let mut state = self.state();
        state.note(
            began,
            format_args!("{number} begins as {id}: {method} {path}"),
        );
        if state.exchanges.insert(id.to_owned(), exchange).is_some() {
            state.wrong.push(format!("{id} begins twice"));
        }
    }

    pub(crate) fn ended(&self, id: &str, ended: &Ended) {
        let end = End {
            at: self.now(),
            status: ended.status().map(|status| status.as_u16()),
            bytes: ended.bytes(),
            elapsed: ended.elapsed(),
            exit: ended.exit(),
        };
        let mut state = self.state();
        let Some(exchange) = state.exchanges.get_mut(id) else {
            return state.wrong.push(format!("{id} ends and has not begun"));
        };
        exchange.ended.push(end);
        let number = exchange.number.clone();
        let End {
            status,
            bytes,
            exit,
            ..
        } = end;
        let status = status.unwrap_or_default();
        state.note(
            end.at,
            format_args!("{number} ends: {exit}, {status}, {bytes} bytes"),
        );
    }

    pub(crate) fn answered(&self, answer: Answer) {
        let mut state = self.state();
        let Answer {
            client,
            index,
            status,
            complete,
            ..
        } = answer;
        let (id, length) = (answer.id.as_deref().unwrap_or("-"), answer.body.len());
        let end = if complete { "whole" } else { "cut off" };
        let retry = answer.retry_after.as_deref().unwrap_or("-");
        let line = format!(
            "client {client} has answer {index} ({id}): {status}, {length} bytes, {end}, {retry}"
        );
        state.note(answer.at, line);
        state.answers.push(answer);
    }

    pub(crate) fn shut_down(&self) {
        let now = self.now();
        let mut state = self.state();
        state.note(now, "shutdown");
        state.shutdown = Some(now);
        for line in state.connections.values_mut() {
            line.read_before_shutdown = line.read;
        }
    }
}

impl State {
    fn note(&mut self, now: Duration, what: impl Display) {
        use std::fmt::Write as _;
        let (seconds, millis) = (now.as_secs(), now.subsec_millis());
        writeln!(self.trace, "{seconds:6}.{millis:03} {what}").expect("a text takes all");
    }
}

/// Tells of the server's end of a connection: from the first time that the server looks at it to its drop.
pub(crate) struct Connection {
    record: Record,
    client: usize,
    is_open: bool,
    /// How often the server has looked at it, and since when that is counted.
    looks: (usize, Duration),
}

/// More than any server needs to see that nothing has happened.
const LOOKS: usize = 200_000;

impl Connection {
    pub(crate) fn new(record: &Record, client: usize) -> Self {
        Self {
            record: record.clone(),
            client,
            is_open: false,
            looks: (0, Duration::ZERO),
        }
    }

    /// The server looks at it.
    ///
    /// # Panics
    ///
    /// When it does so again and again while the clock stands still, which then would never go on.
    pub(crate) fn look(&mut self) {
        let now = self.record.now();
        if self.looks.1 != now {
            self.looks = (0, now);
        }
        self.looks.0 += 1;
        assert!(self.looks.0 < LOOKS, "the server spins");
        self.open(now);
    }

    fn open(&mut self, now: Duration) {
        if self.is_open {
            return;
        }
        self.is_open = true;
        let mut state = self.record.state();
        state.note(now, format_args!("connection {} opens", self.client));
        state.open += 1;
        state.most_open = state.most_open.max(state.open);
        state.connections.entry(self.client).or_default().opened = Some(now);
    }

    pub(crate) fn read(&self, bytes: usize) {
        let now = self.record.now();
        let mut state = self.record.state();
        let line = state.connections.entry(self.client).or_default();
        line.read += bytes as u64;
        line.first_byte.get_or_insert(now);
    }
}

impl Drop for Connection {
    fn drop(&mut self) {
        if !self.is_open {
            return;
        }
        let now = self.record.now();
        let mut state = self.record.state();
        state.note(now, format_args!("connection {} closes", self.client));
        state.open -= 1;
        state.connections.entry(self.client).or_default().closed = Some(now);
    }
}
