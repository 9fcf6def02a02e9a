//! What holds in every world, whatever its seed.

use std::{collections::BTreeSet, time::Duration};

use peristyle_server::Exit;

use crate::{
    plan::{Client, Conduct, Finish, Http1, Manner, Plan, Reading, Taking, numbered},
    record::{Answer, End, Exchange, Record, State},
    service::{self, Ask, Body, Closes, first_pieces, pattern},
    world::BEYOND_GRACE,
};

/// Tokio's timers tell milliseconds apart.
const TICK: Duration = Duration::from_millis(2);

/// How long a connection that has been refused, or whose request was not read, takes what still comes.
const LINGER: Duration = Duration::from_secs(2);

/// What of them was not held.
pub(crate) fn broken(plan: &Plan, record: &Record) -> Vec<String> {
    let state = record.state();
    let mut laws = Laws {
        plan,
        state: &state,
        broken: state.wrong.clone(),
    };
    laws.server();
    laws.exchanges();
    laws.answers();
    for (number, client) in plan.clients.iter().enumerate() {
        laws.client(number, client);
    }
    laws.broken
}

struct Laws<'a> {
    plan: &'a Plan,
    state: &'a State,
    broken: Vec<String>,
}

impl<'a> Laws<'a> {
    fn hold(&mut self, holds: bool, what: impl FnOnce() -> String) {
        if !holds {
            self.broken.push(what());
        }
    }

    fn server(&mut self) {
        let State {
            most_open,
            open,
            shutdown,
            ended,
            ..
        } = *self.state;
        let limit = self.plan.settings.connections;
        self.hold(most_open <= limit, || {
            format!("{most_open} connections of {limit}")
        });
        self.hold(open == 0, || {
            format!("{open} connections are open after the end")
        });
        let most = self.plan.settings.grace + BEYOND_GRACE;
        let took = shutdown
            .zip(ended)
            .map(|(shutdown, ended)| ended.saturating_sub(shutdown));
        self.hold(took.is_some_and(|took| took <= most), || {
            format!("the end takes {took:?}")
        });
        if self.plan.finish == Finish::Quiet {
            let open = self.state.open_in_the_quiet;
            self.hold(open == Some(0), || {
                format!("{open:?} connections are open in the quiet")
            });
            let last = self.plan.clients.len() - 1;
            let served = self
                .answers_to(last)
                .any(|answer| answer.complete && answer.status == 200);
            self.hold(served, || {
                "the server serves nobody after the quiet".to_owned()
            });
        }
    }

    fn exchanges(&mut self) {
        let mut numbers = BTreeSet::new();
        for (id, exchange) in &self.state.exchanges {
            let number = &exchange.number;
            let name = || format!("{number} ({id})");
            let new = number == "-" || numbers.insert(number);
            let garbage = self.conduct_of(number) == Some(Conduct::Garbage);
            self.hold(new || garbage, || format!("{} begins twice", name()));
            let [end] = exchange.ended[..] else {
                let ends = exchange.ended.len();
                self.broken.push(format!("{} ends {ends} times", name()));
                continue;
            };
            let took = end.at.saturating_sub(exchange.began);
            let told = end.elapsed.abs_diff(took) <= TICK;
            self.hold(told, || {
                format!("{} took {took:?}, told {:?}", name(), end.elapsed)
            });
            let forced = end.exit != Exit::Shutdown || self.is_forced(end.at);
            self.hold(forced, || {
                format!("{} is cut off before the grace has passed", name())
            });
            self.sizes(exchange, &end);
        }
    }

    /// No more is sent than the response has, and all of it when it is served.
    fn sizes(&mut self, exchange: &Exchange, end: &End) {
        let Exchange {
            number,
            method,
            path,
            ..
        } = exchange;
        let body = service::body(method, path).filter(|_| end.status == Some(200));
        let served = end.exit == Exit::Served;
        let (least, most) = match body {
            None | Some(Body::OfRequest) => return,
            Some(Body::Is(body)) => (body.len(), body.len()),
            Some(Body::Drains(pieces)) => (0, first_pieces(pieces).len()),
            Some(Body::Breaks(body)) => {
                self.hold(!served, || format!("{number} is served and has failed"));
                (0, body.len())
            }
        };
        let right = end.bytes <= most as u64 && (!served || end.bytes >= least as u64);
        self.hold(right, || {
            format!("{number} of {most} bytes tells of {}", end.bytes)
        });
    }

    fn is_forced(&self, at: Duration) -> bool {
        let forced = self
            .state
            .shutdown
            .map(|shutdown| shutdown + self.plan.settings.grace);
        forced.is_some_and(|forced| at + TICK >= forced)
    }

    fn conduct_of(&self, number: &str) -> Option<Conduct> {
        let (client, _) = numbered(number)?;
        match &self.plan.clients.get(client)?.manner {
            Manner::Http1(http1) => Some(http1.conduct),
            Manner::Http2(_) => None,
        }
    }

    fn answers_to(&self, client: usize) -> impl Iterator<Item = &'a Answer> + use<'a> {
        let answers = self.state.answers.iter();
        answers.filter(move |answer| answer.client == client)
    }

    fn answers(&mut self) {
        let mut ids = BTreeSet::new();
        let state = self.state;
        for answer in &state.answers {
            let name = format!("answer {} of client {}", answer.index, answer.client);
            let Some(id) = &answer.id else {
                let refusal = (400..500).contains(&answer.status);
                self.hold(refusal, || format!("{name} of {} has no id", answer.status));
                continue;
            };
            self.hold(ids.insert(id), || format!("{name} comes twice"));
            let Some(exchange) = state.exchanges.get(id) else {
                self.broken.push(format!("{name} is to no request"));
                continue;
            };
            let whose = numbered(&exchange.number).map(|(client, _)| client);
            let own = whose == Some(answer.client) || self.is_garbage(answer.client);
            self.hold(own, || format!("{name} is to {}", exchange.number));
            if let [end] = exchange.ended[..] {
                let told = answer.body.len() as u64 <= end.bytes;
                self.hold(told, || {
                    format!("{name} is longer than the {} bytes told of", end.bytes)
                });
                let status = end.status == Some(answer.status);
                self.hold(status, || {
                    format!("{name} has a status of {}", answer.status)
                });
            }
            self.body(&name, answer, exchange);
        }
    }

    fn is_garbage(&self, client: usize) -> bool {
        match &self.plan.clients[client].manner {
            Manner::Http1(http1) => http1.conduct == Conduct::Garbage,
            Manner::Http2(_) => false,
        }
    }

    /// What looks complete is right to the byte, and what does not is the beginning of what is.
    fn body(&mut self, name: &str, answer: &Answer, exchange: &Exchange) {
        if answer.status != 200 {
            return;
        }
        let Some(body) = service::body(&exchange.method, &exchange.path) else {
            let garbage = self.is_garbage(answer.client);
            return self.hold(garbage, || format!("{name} should not be found"));
        };
        let right = match body {
            Body::Is(body) => is_right(answer, &body),
            Body::Breaks(body) => !answer.complete && body.starts_with(&answer.body),
            Body::Drains(pieces) => self.is_drained(answer, pieces),
            Body::OfRequest => self.is_echo(answer, exchange),
        };
        self.hold(right, || {
            format!("{name} has a wrong body, complete: {}", answer.complete)
        });
    }

    fn is_drained(&self, answer: &Answer, pieces: usize) -> bool {
        if !answer.complete {
            return first_pieces(pieces).starts_with(&answer.body);
        }
        let drained = self
            .state
            .shutdown
            .is_some_and(|shutdown| answer.at >= shutdown);
        let least = if drained { 0 } else { pieces };
        (least..=pieces).any(|pieces| first_pieces(pieces) == answer.body)
    }

    fn is_echo(&self, answer: &Answer, exchange: &Exchange) -> bool {
        if self.is_garbage(answer.client) {
            return true;
        }
        let ask = numbered(&exchange.number)
            .and_then(|(client, request)| self.plan.clients.get(client)?.ask(request));
        match ask {
            Some(Ask::Echo { length, .. }) => is_right(answer, &pattern(*length)),
            _ => false,
        }
    }

    fn client(&mut self, number: usize, client: &Client) {
        match &client.manner {
            Manner::Http1(http1) => {
                self.no_more_answers_than_requests(number, http1);
                if http1.conduct == Conduct::Headless {
                    self.headless(number, client);
                }
                if client.is_good() {
                    self.in_order(number, http1);
                    self.all_answered(number, http1);
                    self.kept_alive(number, client, http1);
                }
            }
            Manner::Http2(http2) => {
                for (index, stream) in http2.streams.iter().enumerate() {
                    if client.is_good() && stream.taking == Taking::All {
                        self.answered(number, index);
                    }
                }
            }
        }
        if client.is_good() {
            self.ends(number, client);
        }
    }

    fn no_more_answers_than_requests(&mut self, number: usize, http1: &Http1) {
        if http1.conduct == Conduct::Garbage {
            return;
        }
        let read = self
            .state
            .connections
            .get(&number)
            .map_or(0, |line| line.read);
        let heads = http1.heads.iter().filter(|end| **end <= read).count();
        let answers = self
            .answers_to(number)
            .filter(|answer| answer.id.is_some())
            .count();
        self.hold(answers <= heads, || {
            format!("client {number} has {answers} answers to {heads} requests")
        });
    }

    /// A head has its time, from the beginning of the connection on, and not more.
    fn headless(&mut self, number: usize, client: &Client) {
        let Some(line) = self.state.connections.get(&number) else {
            return;
        };
        let (Some(opened), Some(closed)) = (line.opened, line.closed) else {
            return;
        };
        let limit = self.plan.settings.head_timeout;
        let took = closed.saturating_sub(opened);
        let most = limit + LINGER + client.delay() + TICK;
        self.hold(!client.is_sound || took <= most, || {
            format!("client {number} sends no head and is held for {took:?}")
        });
        let early = client.is_sound && took + TICK < limit && !self.ends_by_shutdown(closed);
        self.hold(!early, || {
            format!("client {number} has only {took:?} for its head")
        });
    }

    fn ends_by_shutdown(&self, at: Duration) -> bool {
        self.state.shutdown.is_some_and(|shutdown| at >= shutdown)
    }

    fn in_order(&mut self, number: usize, http1: &Http1) {
        let mut closed = false;
        for answer in self.answers_to(number) {
            let index = answer.index;
            let name = format!("answer {index} of client {number}");
            self.hold(!closed, || format!("{name} comes after the last"));
            closed = answer.closes || !answer.complete;
            let ask = http1.asks.get(index);
            let limit = self.plan.settings.body_limit;
            let right = ask.is_some_and(|ask| ask.statuses(limit).contains(&answer.status));
            self.hold(right, || {
                format!("{name} to {ask:?} is a {}", answer.status)
            });
            if let (Some(Ask::Head(length)), Some(declared)) = (ask, answer.declared) {
                let right = declared == *length as u64;
                self.hold(right, || {
                    format!("{name} declares {declared} bytes of {length}")
                });
            }
            let exchange = answer
                .id
                .as_ref()
                .and_then(|id| self.state.exchanges.get(id));
            let asked = exchange.and_then(|exchange| numbered(&exchange.number));
            self.hold(asked == Some((number, index)), || {
                format!("{name} is to {asked:?}")
            });
        }
    }

    /// Each request has its answer; those that came before the shutdown while nothing else was open, too.
    fn all_answered(&mut self, number: usize, http1: &Http1) {
        let Some(line) = self.state.connections.get(&number) else {
            let met = self.plan.finish == Finish::Quiet;
            return self.hold(!met, || format!("client {number} has not been met"));
        };
        let shutdown = self.state.shutdown.unwrap_or(Duration::MAX);
        let closed = line.closed.unwrap_or(Duration::MAX);
        let limit = self.plan.settings.body_limit;
        let answers = self.answers_to(number).count();
        let last = self.answers_to(number).last();
        let may_be_last = last.is_some_and(|last| {
            let ask = http1.asks.get(last.index);
            ask.is_none_or(|ask| ask.closes(limit) != Closes::Never)
        });
        if may_be_last {
            return;
        }
        if closed < shutdown {
            let asked = http1.asks.len();
            return self.hold(answers == asked, || {
                format!("client {number} has {answers} answers to {asked} requests")
            });
        }
        let ended = self
            .own_exchanges(number)
            .filter(|(_, end)| end.at < shutdown)
            .count();
        let came = http1
            .requests
            .iter()
            .filter(|end| **end <= line.read_before_shutdown)
            .count();
        if came > ended {
            let cut = self
                .own_exchanges(number)
                .any(|(_, end)| end.exit == Exit::Shutdown);
            self.hold(answers > ended || cut, || {
                format!("client {number} has {answers} answers; {came} requests came before the shutdown")
            });
        } else if http1.requests[..ended].last().copied().unwrap_or(0) == line.read && ended > 0 {
            let client = &self.plan.clients[number];
            let most = shutdown + client.delay() + TICK;
            self.hold(closed <= most, || {
                format!("client {number} is idle and closed at {closed:?}")
            });
        }
    }

    fn own_exchanges(&self, client: usize) -> impl Iterator<Item = (&'a Exchange, End)> + use<'a> {
        let exchanges = self.state.exchanges.values();
        let own = exchanges.filter(move |exchange| {
            numbered(&exchange.number).is_some_and(|(other, _)| other == client)
        });
        own.filter_map(|exchange| Some((exchange, *exchange.ended.first()?)))
    }

    /// A connection is closed when it has been idle for as long as it may, and not before.
    fn kept_alive(&mut self, number: usize, client: &Client, http1: &Http1) {
        let Some(closed) = self
            .state
            .connections
            .get(&number)
            .and_then(|line| line.closed)
        else {
            return;
        };
        let limit = self.plan.settings.body_limit;
        let stays = http1
            .asks
            .iter()
            .all(|ask| ask.closes(limit) == Closes::Never);
        if !stays || self.ends_by_shutdown(closed) {
            return;
        }
        let Some(idle) = self.own_exchanges(number).map(|(_, end)| end.at).max() else {
            return;
        };
        let least = idle + self.plan.settings.keep_alive_timeout;
        let right = closed + TICK >= least && closed <= least + client.delay() + TICK;
        self.hold(right, || {
            format!("client {number} is idle since {idle:?} and closed at {closed:?}")
        });
    }

    /// A stream of a good client.
    fn answered(&mut self, client: usize, index: usize) {
        let number = crate::plan::number(client, index);
        let Some(ask) = self.plan.clients[client].ask(index) else {
            return;
        };
        let exchange = self
            .state
            .exchanges
            .values()
            .find(|exchange| exchange.number == number);
        let shutdown = self.state.shutdown.is_some();
        let Some(exchange) = exchange else {
            let quiet = self.plan.finish == Finish::Quiet;
            return self.hold(!quiet && shutdown, || format!("{number} has not begun"));
        };
        let answer = self.answers_to(client).find(|answer| answer.index == index);
        let limit = self.plan.settings.body_limit;
        let right = answer.is_some_and(|answer| ask.statuses(limit).contains(&answer.status));
        let cut = exchange.ended.iter().any(|end| end.exit == Exit::Shutdown) || self.was_forced();
        self.hold(right || cut, || {
            format!("{number} ({ask:?}) has no right answer: {answer:?}")
        });
    }

    fn was_forced(&self) -> bool {
        self.state.ended.is_some_and(|ended| self.is_forced(ended))
    }

    /// What a good client has seen is what the server says of it.
    fn ends(&mut self, number: usize, client: &Client) {
        for (exchange, end) in self.own_exchanges(number) {
            let Some((_, index)) = numbered(&exchange.number) else {
                continue;
            };
            let Some(ask) = client.ask(index) else {
                continue;
            };
            if !takes_all(client, index) {
                continue;
            }
            self.exit(client, exchange, ask, &end);
            let answer = self.answers_to(number).find(|answer| answer.index == index);
            let complete = answer.is_some_and(|answer| answer.complete);
            let served = end.exit == Exit::Served;
            // What HTTP/2 holds back for its client is lost when the server may wait no longer.
            let lost = matches!(client.manner, Manner::Http2(_)) && self.was_forced();
            self.hold(complete == served || lost, || {
                format!(
                    "{} ends: {}; complete for its client: {complete}",
                    exchange.number, end.exit
                )
            });
            let length = answer.map_or(0, |answer| answer.body.len() as u64);
            self.hold(!complete || end.bytes == length, || {
                format!(
                    "{} has sent {} bytes of {length}",
                    exchange.number, end.bytes
                )
            });
        }
    }

    fn exit(&mut self, client: &Client, exchange: &Exchange, ask: &Ask, end: &End) {
        let fails = matches!(ask, Ask::Fails { .. });
        let drains = matches!(ask, Ask::Drains { .. }) && is_eager(client);
        let in_time = self.plan.settings.grace > client.delay() + Duration::from_secs(1);
        let right = match end.exit {
            Exit::Served => !fails,
            Exit::Aborted => fails,
            Exit::Shutdown => !(drains && in_time),
            _ => false,
        };
        self.hold(right, || {
            format!(
                "{} ends: {}, though its client is still there",
                exchange.number, end.exit
            )
        });
    }
}

fn is_right(answer: &Answer, body: &[u8]) -> bool {
    if answer.complete {
        answer.body == body
    } else {
        body.starts_with(&answer.body)
    }
}

fn takes_all(client: &Client, index: usize) -> bool {
    match &client.manner {
        Manner::Http1(_) => true,
        Manner::Http2(http2) => http2.streams[index].taking == Taking::All,
    }
}

fn is_eager(client: &Client) -> bool {
    match &client.manner {
        Manner::Http1(http1) => http1.reading == Reading::Eager,
        Manner::Http2(_) => true,
    }
}
