//! What a seed decides: the server's settings, its clients, what their networks do, and when it ends.

use std::{ops::RangeInclusive, time::Duration};

use bytes::Bytes;
use fastrand::Rng;

use crate::{
    service::{Ask, Upload, pattern},
    transport::{Fate, TransportPlan, WayPlan},
};

#[derive(Debug)]
pub(crate) struct Plan {
    pub(crate) seed: u64,
    pub(crate) settings: Settings,
    pub(crate) clients: Vec<Client>,
    pub(crate) finish: Finish,
}

#[derive(Debug)]
pub(crate) struct Settings {
    pub(crate) head_timeout: Duration,
    pub(crate) keep_alive_timeout: Duration,
    pub(crate) body_timeout: Duration,
    pub(crate) write_timeout: Duration,
    pub(crate) grace: Duration,
    pub(crate) connections: usize,
    /// How many clients may wait to be accepted.
    pub(crate) backlog: usize,
    pub(crate) body_limit: u64,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Finish {
    /// The server is told to end while its clients are at it, or soon after.
    Amid(Duration),
    /// When all have been silent for hours, after one more client has come: the last of the plan.
    Quiet,
}

/// More than all time-outs together, for all clients one after the other.
pub(crate) const QUIET: Duration = Duration::from_secs(6 * 3600);

#[derive(Debug, Clone)]
pub(crate) struct Client {
    pub(crate) starts: Duration,
    pub(crate) transport: TransportPlan,
    /// Slow at most.
    pub(crate) is_sound: bool,
    pub(crate) manner: Manner,
}

#[derive(Debug, Clone)]
pub(crate) enum Manner {
    Http1(Http1),
    Http2(Http2),
}

#[derive(Debug, Clone)]
pub(crate) struct Http1 {
    pub(crate) asks: Vec<Ask>,
    pub(crate) steps: Vec<Step>,
    /// How many bytes are sent with the end of each head, and of each request.
    pub(crate) heads: Vec<u64>,
    pub(crate) requests: Vec<u64>,
    pub(crate) reading: Reading,
    pub(crate) conduct: Conduct,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Conduct {
    /// As the standard wants it.
    Good,
    /// It leaves, goes silent, or stops reading; but what it sends is no worse than incomplete.
    Broken,
    /// It sends what is no request.
    Garbage,
    /// The head of its first request never ends.
    Headless,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Step {
    Send(Bytes),
    Wait(Duration),
    /// The rest waits for `100 Continue`, and is not sent when this request is answered without.
    UntilContinued {
        continues: usize,
        request: usize,
    },
    UntilAnswered(usize),
    /// Says that nothing more will come.
    HalfClose,
    Leave,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Reading {
    Eager,
    Slow { most: usize, gap: Duration },
    StopsAfter(u64),
}

#[derive(Debug, Clone)]
pub(crate) struct Http2 {
    pub(crate) window: u32,
    pub(crate) streams: Vec<Stream>,
    pub(crate) leaves: Option<Duration>,
}

#[derive(Debug, Clone)]
pub(crate) struct Stream {
    pub(crate) ask: Ask,
    /// After the beginning of the stream before.
    pub(crate) after: Duration,
    pub(crate) taking: Taking,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Taking {
    All,
    /// Resets the stream after so many pieces.
    Drops(usize),
    Nothing,
}

impl Client {
    /// Whether it is owed the right answers.
    pub(crate) fn is_good(&self) -> bool {
        let good = match &self.manner {
            Manner::Http1(http1) => http1.conduct == Conduct::Good,
            Manner::Http2(http2) => http2.leaves.is_none(),
        };
        good && self.is_sound
    }

    pub(crate) fn ask(&self, request: usize) -> Option<&Ask> {
        match &self.manner {
            Manner::Http1(http1) => http1.asks.get(request),
            Manner::Http2(http2) => http2.streams.get(request).map(|stream| &stream.ask),
        }
    }

    /// The most that its network holds anything up.
    pub(crate) fn delay(&self) -> Duration {
        self.transport.reading.paused + self.transport.writing.paused
    }
}

impl Manner {
    fn is_slow(&self) -> bool {
        matches!(self, Self::Http1(http1) if matches!(http1.reading, Reading::Slow { .. }))
    }
}

impl Plan {
    pub(crate) fn of(seed: u64) -> Self {
        Draw(Rng::with_seed(seed)).plan(seed)
    }
}

struct Draw(Rng);

impl Draw {
    fn plan(&mut self, seed: u64) -> Plan {
        let settings = self.settings();
        let span = Duration::from_secs(self.0.u64(1..=60));
        let finish = if self.one_in(2) {
            Finish::Quiet
        } else {
            Finish::Amid(self.within(span))
        };
        let mut clients = Vec::new();
        for _ in 0..self.0.usize(1..=7) {
            clients.push(self.client(clients.len(), &settings, span));
        }
        if self.one_in(8) {
            let starts = self.within(span);
            for _ in 0..self.0.usize(5..=24) {
                let ask = Ask::Whole(self.0.usize(0..=200));
                clients.push(self.plain(clients.len(), &settings, ask, starts));
            }
        }
        if finish == Finish::Quiet {
            let starts = QUIET + Duration::from_secs(1);
            clients.push(self.plain(clients.len(), &settings, Ask::Whole(5), starts));
        }
        Plan {
            seed,
            settings,
            clients,
            finish,
        }
    }

    fn settings(&mut self) -> Settings {
        Settings {
            head_timeout: self.seconds(1..=20),
            keep_alive_timeout: self.seconds(1..=60),
            body_timeout: self.seconds(1..=30),
            write_timeout: self.seconds(1..=30),
            grace: self.seconds(0..=40),
            connections: *self.of(&[1, 2, 3, 5, 8, 100]),
            backlog: *self.of(&[1, 2, 16]),
            body_limit: *self.of(&[10, 1000, 2 << 20]),
        }
    }

    /// One good client with one request, on a network without fault.
    fn plain(&mut self, number: usize, settings: &Settings, ask: Ask, starts: Duration) -> Client {
        let way = || WayPlan {
            seed: 0,
            most: 1 << 16,
            pauses: 0,
            paused: Duration::ZERO,
            stall: None,
            fate: None,
        };
        let mut script = Script::new(number);
        script.request(self, &ask, settings.unit());
        Client {
            starts,
            transport: TransportPlan {
                capacity: 4096,
                holds: 0,
                vectored: true,
                reading: way(),
                writing: way(),
                dies: None,
            },
            is_sound: true,
            manner: Manner::Http1(script.finish(vec![ask], Reading::Eager, Conduct::Good)),
        }
    }

    fn client(&mut self, number: usize, settings: &Settings, span: Duration) -> Client {
        let is_sound = !self.one_in(4);
        let capacity = *self.of(&[16, 100, 512, 4096, 4096, 1 << 16]);
        let mut transport = self.transport(settings, capacity, is_sound);
        let narrow = [transport.reading.most, transport.writing.most, capacity];
        let narrow = narrow.iter().any(|most| *most < 100);
        let most = if narrow { 300 } else { 20_000 };
        let manner = if self.one_in(4) {
            Manner::Http2(self.http2(settings, most))
        } else {
            Manner::Http1(self.http1(number, settings, most))
        };
        if manner.is_slow() {
            // What is held must pass within the write time-out: the server sees no more of it than that it is not all gone.
            transport.holds = 0;
        }
        Client {
            starts: self.within(span),
            transport,
            is_sound,
            manner,
        }
    }

    fn transport(&mut self, settings: &Settings, capacity: usize, sound: bool) -> TransportPlan {
        let mut plan = TransportPlan {
            capacity,
            holds: *self.of(&[0, 0, 10, 1000]),
            vectored: self.one_in(2),
            reading: self.way(settings),
            writing: self.way(settings),
            dies: None,
        };
        if !sound {
            let at = self.0.u64(0..=800);
            match self.0.u8(0..6) {
                0 => plan.reading.fate = Some((at, Fate::End)),
                1 => plan.reading.fate = Some((at, Fate::Reset)),
                2 => plan.writing.fate = Some((at, Fate::Reset)),
                3 => plan.dies = Some(self.seconds(0..=40)),
                4 => plan.reading.stall = Some((at, self.seconds(1..=100))),
                _ => plan.writing.stall = Some((at, self.seconds(1..=100))),
            }
        }
        plan
    }

    fn way(&mut self, settings: &Settings) -> WayPlan {
        WayPlan {
            seed: self.0.u64(..),
            most: *self.of(&[1, 7, 100, 1000, 1 << 16, 1 << 16]),
            pauses: *self.of(&[0, 0, 10, 50]),
            paused: self.within(settings.unit() * 4),
            stall: None,
            fate: None,
        }
    }

    fn asks(&mut self, most: usize, protocol: &Protocol) -> Vec<Ask> {
        let count = self.0.usize(1..=4);
        (0..count).map(|_| self.ask(most, protocol)).collect()
    }

    fn ask(&mut self, most: usize, protocol: &Protocol) -> Ask {
        let length = if self.one_in(3) {
            self.0.usize(0..=most)
        } else {
            self.0.usize(0..=200)
        };
        let (pieces, gap) = (self.0.usize(0..=8), self.millis(3000));
        let upload = match (protocol, self.0.u8(0..3)) {
            (Protocol::Http2, _) | (_, 0) => Upload::Length,
            (_, 1) => Upload::Chunks(self.0.usize(1..=100)),
            _ => Upload::Expected,
        };
        match self.0.u8(0..12) {
            0..=2 => Ask::Whole(length),
            3 => Ask::Head(length),
            4 | 5 => Ask::Echo { length, upload },
            6 => Ask::Unread { length, upload },
            7 => Ask::Stream { pieces, gap },
            8 => Ask::Fails { pieces, gap },
            9 => Ask::Drains {
                pieces: pieces * 4,
                gap: gap * 4,
            },
            10 => self.of(&[Ask::Missing, Ask::Busy]).clone(),
            _ => Ask::Slow(self.millis(20_000)),
        }
    }

    fn http1(&mut self, number: usize, settings: &Settings, most: usize) -> Http1 {
        let asks = self.asks(most, &Protocol::Http1);
        let pipelined = self.one_in(2);
        let unit = settings.unit();
        let mut script = Script::new(number);
        for (index, ask) in asks.iter().enumerate() {
            script.request(self, ask, unit);
            if !pipelined {
                script.steps.push(Step::UntilAnswered(index));
                script
                    .steps
                    .push(Step::Wait(self.within(settings.keep_alive_timeout / 4)));
            }
        }
        let reading = match self.0.u8(0..4) {
            0 if pipelined => Reading::Slow {
                most: self.0.usize(1..=500),
                gap: self.within(settings.write_timeout / 4),
            },
            _ => Reading::Eager,
        };
        let http1 = script.finish(asks, reading, Conduct::Good);
        match self.0.u8(0..10) {
            0 => self.truncated(http1),
            1 => self.garbled(http1),
            2 => self.headless(http1, settings),
            3 => Http1 {
                reading: Reading::StopsAfter(self.0.u64(0..=400)),
                conduct: Conduct::Broken,
                ..http1
            },
            4 => self.leaving(http1),
            _ => http1,
        }
    }

    /// It stops after some of its bytes, and then says so, leaves, or says nothing.
    fn truncated(&mut self, mut http1: Http1) -> Http1 {
        let sent = http1.requests.last().copied().unwrap_or_default();
        let mut left = self.0.u64(0..=sent);
        let mut steps = Vec::new();
        for step in http1.steps {
            let Step::Send(mut bytes) = step else {
                steps.push(step);
                continue;
            };
            let length = bytes.len() as u64;
            bytes.truncate(usize::try_from(left).unwrap_or(usize::MAX));
            steps.push(Step::Send(bytes));
            if length > left {
                break;
            }
            left -= length;
        }
        match self.0.u8(0..3) {
            0 => steps.push(Step::HalfClose),
            1 => steps.push(Step::Leave),
            _ => {}
        }
        http1.steps = steps;
        http1.conduct = Conduct::Broken;
        http1
    }

    /// Some of its bytes are others, or more, or less.
    fn garbled(&mut self, mut http1: Http1) -> Http1 {
        for step in &mut http1.steps {
            let Step::Send(sent) = step else { continue };
            if self.one_in(2) || sent.is_empty() {
                continue;
            }
            let mut bytes = sent.to_vec();
            let at = self.0.usize(..bytes.len());
            match self.0.u8(0..4) {
                0 => bytes[at] = self.0.u8(..),
                1 => bytes.insert(at, *self.of(b"\0\r\n :a\x7f")),
                2 => drop(bytes.remove(at)),
                _ => bytes.extend(pattern(at)),
            }
            *sent = bytes.into();
        }
        http1.conduct = Conduct::Garbage;
        http1
    }

    /// It sends nothing, or a byte of a head now and then.
    fn headless(&mut self, mut http1: Http1, settings: &Settings) -> Http1 {
        let line = b"GET /whole/5 HTTP/1.1\r\nhost: sim\r\n".iter();
        let headers = b"x-header: value\r\n".iter().cycle();
        let gap = self.within(settings.head_timeout / 2) + Duration::from_millis(1);
        let count = self.0.usize(0..=30);
        let bytes = line
            .chain(headers)
            .take(count)
            .map(|byte| Step::Send(vec![*byte].into()));
        http1.steps = bytes.flat_map(|send| [send, Step::Wait(gap)]).collect();
        http1.reading = Reading::Eager;
        http1.heads = Vec::new();
        http1.requests = Vec::new();
        http1.conduct = Conduct::Headless;
        http1
    }

    fn leaving(&mut self, mut http1: Http1) -> Http1 {
        let at = self.0.usize(..=http1.steps.len());
        http1.steps.truncate(at);
        http1.steps.push(Step::Wait(self.seconds(0..=5)));
        http1.steps.push(Step::Leave);
        http1.conduct = Conduct::Broken;
        http1
    }

    fn http2(&mut self, settings: &Settings, most: usize) -> Http2 {
        let most_after = settings.head_timeout.min(settings.keep_alive_timeout) / 4;
        let asks = self.asks(most, &Protocol::Http2);
        let streams = asks.into_iter().map(|ask| Stream {
            ask,
            after: self.within(most_after),
            taking: match self.0.u8(0..8) {
                0 => Taking::Drops(self.0.usize(0..=2)),
                1 => Taking::Nothing,
                _ => Taking::All,
            },
        });
        Http2 {
            streams: streams.collect(),
            window: *self.of(&[100, 1000, 1 << 16]),
            leaves: self.one_in(6).then(|| self.seconds(0..=20)),
        }
    }

    fn one_in(&mut self, count: u8) -> bool {
        self.0.u8(0..count) == 0
    }

    fn of<'a, T>(&mut self, values: &'a [T]) -> &'a T {
        &values[self.0.usize(..values.len())]
    }

    fn seconds(&mut self, seconds: RangeInclusive<u64>) -> Duration {
        Duration::from_secs(self.0.u64(seconds))
    }

    fn within(&mut self, most: Duration) -> Duration {
        let most = u64::try_from(most.as_millis()).unwrap_or(u64::MAX);
        Duration::from_millis(self.millis(most))
    }

    fn millis(&mut self, most: u64) -> u64 {
        self.0.u64(0..=most)
    }
}

enum Protocol {
    Http1,
    Http2,
}

impl Settings {
    /// So short that sixteen of it are no longer than any time-out.
    fn unit(&self) -> Duration {
        let timeouts = [
            self.head_timeout,
            self.keep_alive_timeout,
            self.body_timeout,
            self.write_timeout,
        ];
        timeouts.into_iter().min().unwrap_or_default() / 16
    }
}

/// Requests of HTTP/1.1 as they are written down.
struct Script {
    client: usize,
    steps: Vec<Step>,
    sent: u64,
    heads: Vec<u64>,
    requests: Vec<u64>,
    continues: usize,
}

impl Script {
    fn new(client: usize) -> Self {
        Self {
            client,
            steps: Vec::new(),
            sent: 0,
            heads: Vec::new(),
            requests: Vec::new(),
            continues: 0,
        }
    }

    fn request(&mut self, draw: &mut Draw, ask: &Ask, unit: Duration) {
        let number = number(self.client, self.requests.len());
        let mut head = format!(
            "{} {} HTTP/1.1\r\nhost: sim\r\nx-n: {number}\r\n",
            ask.method(),
            ask.path()
        );
        let upload = ask.upload();
        match &upload {
            None => {}
            Some((_, Upload::Chunks(_))) => head += "transfer-encoding: chunked\r\n",
            Some((body, upload)) => {
                head += "content-length: ";
                head += &body.len().to_string();
                head += "\r\n";
                if *upload == Upload::Expected && !body.is_empty() {
                    head += "expect: 100-continue\r\n";
                }
            }
        }
        head += "\r\n";
        let mut bytes = head.into_bytes();
        self.heads.push(self.sent + bytes.len() as u64);
        match upload {
            Some((body, Upload::Chunks(most))) => bytes.extend(chunked(&body, most)),
            Some((body, Upload::Length)) => bytes.extend(body),
            Some((body, Upload::Expected)) if !body.is_empty() => {
                self.send(draw, bytes, unit);
                self.continues += 1;
                self.steps.push(Step::UntilContinued {
                    continues: self.continues,
                    request: self.requests.len(),
                });
                bytes = body;
            }
            None | Some((_, Upload::Expected)) => {}
        }
        self.send(draw, bytes, unit);
        self.requests.push(self.sent);
    }

    /// In at most three pieces with a pause after each of the first.
    fn send(&mut self, draw: &mut Draw, mut bytes: Vec<u8>, unit: Duration) {
        self.sent += bytes.len() as u64;
        for _ in 0..draw.0.usize(0..3) {
            let rest = bytes.split_off(draw.0.usize(0..=bytes.len()));
            self.steps.push(Step::Send(bytes.into()));
            self.steps.push(Step::Wait(draw.within(unit)));
            bytes = rest;
        }
        self.steps.push(Step::Send(bytes.into()));
    }

    fn finish(self, asks: Vec<Ask>, reading: Reading, conduct: Conduct) -> Http1 {
        Http1 {
            asks,
            steps: self.steps,
            heads: self.heads,
            requests: self.requests,
            reading,
            conduct,
        }
    }
}

/// The name that a client gives to one of its requests, in the header `x-n`.
pub(crate) fn number(client: usize, request: usize) -> String {
    format!("{client}.{request}")
}

pub(crate) fn numbered(number: &str) -> Option<(usize, usize)> {
    let (client, request) = number.split_once('.')?;
    Some((client.parse().ok()?, request.parse().ok()?))
}

fn chunked(body: &[u8], most: usize) -> Vec<u8> {
    let mut bytes = Vec::new();
    for chunk in body.chunks(most) {
        bytes.extend(format!("{:x}\r\n", chunk.len()).into_bytes());
        bytes.extend(chunk);
        bytes.extend(b"\r\n");
    }
    bytes.extend(b"0\r\n\r\n");
    bytes
}
