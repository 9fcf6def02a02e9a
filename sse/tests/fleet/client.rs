//! A client that wants its events, whatever happens.

use std::{
    future::{Future, poll_fn},
    pin::{Pin, pin},
    sync::Arc,
    task::{Context, Poll},
    time::Duration,
};

use fastrand::Rng;
use http::{HeaderValue, Request, StatusCode, header};
use tokio::time::{Instant, sleep};

use super::{
    super::{
        Backoff, Error,
        backoff::{Delays, Wish},
        error::Kind,
        head::judge,
        policy::Policy,
    },
    instance::{Answer, Body, HELLO},
    plan::SECOND,
    progress::{Choice, Progress, Tally},
    record::Record,
    service::Service,
};
use crate::Decoder;

/// In which time the clients come for the first time.
pub(super) const ARRIVAL: Duration = Duration::from_secs(30);

pub(super) struct Client {
    number: usize,
    service: Arc<Service>,
    record: Arc<Record>,
    kin: Kin,
    policy: Policy,
    /// Until it comes for the first time.
    starts: Duration,
    /// Until a connection has come about.
    trip: Duration,
    request: Request<Choice>,
    decoder: Decoder,
    progress: Progress,
    /// When it lost its stream; `None` while it has one and lacks nothing.
    lost: Option<Instant>,
}

enum Kin {
    /// Waits for the reconnection time, which is 3 seconds until it is told (WHATWG HTML §9.2.3 wants no less).
    Browser,
    /// Our own client.
    Program(Delays),
}

impl Client {
    pub(super) fn new(
        number: usize,
        service: Arc<Service>,
        record: Arc<Record>,
        rng: &mut Rng,
    ) -> Self {
        let (kin, policy) = match rng.u8(..5) {
            0 => program(rng.u64(..)),
            _ => (Kin::Browser, Policy::default()),
        };
        let choice = Choice::of(number);
        Self {
            number,
            service,
            record,
            starts: ARRIVAL.mul_f64(rng.f64()),
            trip: Duration::from_millis(rng.u64(10..=200)),
            request: request(choice, &kin),
            kin,
            policy,
            decoder: Decoder::new(),
            progress: Progress::new(choice),
            lost: None,
        }
    }

    /// For ever, unless it gives up.
    pub(super) async fn live(&mut self) {
        sleep(self.starts).await;
        loop {
            let why = match self.connect().await {
                Ok(answer) => self.follow(answer).await,
                Err(why) => why,
            };
            self.lost.get_or_insert_with(Instant::now);
            if !self.policy.reconnects(&why) {
                return self.record.gives_up(self.number);
            }
            let delay = self.delay(&why);
            sleep(delay).await;
        }
    }

    /// What it has got when all is over.
    pub(super) fn end(self) -> Tally {
        if self.lost.is_some() {
            self.record.away(self.number);
        }
        self.record
            .with_published(|published| self.progress.end(published))
    }

    async fn connect(&mut self) -> Result<Answer, Error> {
        sleep(self.trip).await;
        self.record.attempt(self.number);
        let id = HeaderValue::from_str(self.decoder.last_event_id());
        let id = id.expect("cursors are ASCII");
        self.request.headers_mut().insert("last-event-id", id);
        let answer = self.service.connect(&self.request).await;
        let answer = answer.map_err(|error| {
            self.record.unconnected(self.number);
            Kind::Connect(error)
        })?;
        judge(answer.head.status(), answer.head.headers())
            .inspect_err(|refused| self.record.told(refused.retry_after()))?;
        self.decoder.reset();
        Ok(answer)
    }

    /// Until the stream is over.
    async fn follow(&mut self, answer: Answer) -> Error {
        let since = Instant::now();
        let Answer { body, sender, .. } = answer;
        let why = match body {
            Body::Text(text) => {
                self.read(text.as_bytes());
                self.record.told(self.decoder.retry());
                Kind::Ended
            }
            Body::Events(mut body) => {
                let mut gone = pin!(sender.gone());
                poll_fn(|cx| match gone.as_mut().poll(cx) {
                    Poll::Ready(()) => Poll::Ready(Kind::Connect("reset".into())),
                    Poll::Pending => self.poll_body(body.as_mut(), cx),
                })
                .await
            }
        };
        if let Kin::Program(delays) = &mut self.kin {
            delays.stayed(since.elapsed());
        }
        why.into()
    }

    fn poll_body<B>(&mut self, mut body: Pin<&mut B>, cx: &mut Context<'_>) -> Poll<Kind>
    where
        B: http_body::Body<Data = bytes::Bytes, Error = peristyle_core::BoxError>,
    {
        loop {
            let frame = match body.as_mut().poll_frame(cx) {
                Poll::Ready(frame) => frame,
                Poll::Pending => {
                    self.has_read();
                    return Poll::Pending;
                }
            };
            match frame {
                Some(Ok(frame)) => self.read(frame.data_ref().expect("a stream has no trailers")),
                Some(Err(error)) => return Poll::Ready(Kind::Connect(error)),
                None => return Poll::Ready(Kind::Ended),
            }
        }
    }

    fn read(&mut self, mut bytes: &[u8]) {
        self.record.read(self.number, bytes);
        while let Some(event) = self.decoder.decode(&mut bytes).expect("within its bounds") {
            if let Kin::Program(delays) = &mut self.kin {
                delays.reset();
            }
            let cursor = event.id().parse().expect("every event has a cursor");
            let progress = &mut self.progress;
            self.record
                .with_published(|published| match (event.event(), event.data()) {
                    ("gap", data) => progress.gap(cursor, data),
                    (HELLO, _) => progress.start(cursor, published),
                    (_, data) => progress.event(cursor, data, published),
                });
        }
    }

    /// There is no more for now.
    fn has_read(&mut self) {
        let Some(lost) = self.lost else {
            return;
        };
        if self
            .record
            .with_published(|published| self.progress.is_complete(published))
        {
            self.record.back(self.number, lost.elapsed());
            self.lost = None;
        }
    }

    fn delay(&mut self, why: &Error) -> Duration {
        let wish = Wish {
            retry: self.decoder.retry(),
            retry_after: why.retry_after(),
        };
        let delay = match &mut self.kin {
            Kin::Browser => wish.retry.unwrap_or(3 * SECOND),
            Kin::Program(delays) => delays.next(wish),
        };
        if Some(delay) < wish.retry.max(wish.retry_after) {
            self.record.comes_early(self.number);
        }
        delay
    }
}

fn program(seed: u64) -> (Kin, Policy) {
    let busy = |status| status == StatusCode::SERVICE_UNAVAILABLE;
    let policy = Policy {
        once: false,
        again: Some(Arc::new(busy)),
    };
    let delays = Backoff::default().seeded(seed).delays();
    (Kin::Program(delays), policy)
}

fn request(choice: Choice, kin: &Kin) -> Request<Choice> {
    let request = Request::get("/prices").header(header::ACCEPT, "text/event-stream");
    let request = match kin {
        Kin::Browser => request.header("sec-fetch-mode", "cors"),
        Kin::Program(_) => request,
    };
    request.body(choice).expect("it is valid")
}
