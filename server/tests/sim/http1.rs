//! A client of HTTP/1.1 that keeps to its script.

use std::{future::pending, time::Duration};

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt, DuplexStream, ReadHalf, WriteHalf, split},
    sync::{Semaphore, watch},
    time::sleep,
};

use crate::{
    plan::{Conduct, Http1, Reading, Step},
    record::{Answer, Record},
    responses::{Head, Reader},
    service::Ask,
};

/// What the reading half tells the writing half.
#[derive(Debug, Clone, Copy, Default)]
struct Progress {
    answers: usize,
    continues: usize,
}

/// Until the server has closed the connection, or the client leaves, or all is over.
pub(crate) async fn run(
    client: usize,
    plan: &Http1,
    io: DuplexStream,
    record: &Record,
    over: &Semaphore,
) {
    let (input, output) = split(io);
    let (tell, told) = watch::channel(Progress::default());
    let reading = Incoming {
        client,
        plan,
        record,
        tell,
    };
    tokio::select! {
        biased;
        () = reading.read(input, over) => {}
        () = write(&plan.steps, output, told) => record.note(format_args!("client {client} leaves")),
    }
}

/// Returns when the client is to leave.
async fn write(
    steps: &[Step],
    mut output: WriteHalf<DuplexStream>,
    mut told: watch::Receiver<Progress>,
) {
    for step in steps {
        let goes_on = match step {
            Step::Send(bytes) => output.write_all(bytes).await.is_ok(),
            Step::Wait(time) => {
                sleep(*time).await;
                true
            }
            Step::UntilAnswered(request) => {
                let answered = |progress: &Progress| progress.answers > *request;
                told.wait_for(answered).await.is_ok()
            }
            Step::UntilContinued { continues, request } => {
                let goes_on = |progress: &Progress| progress.continues >= *continues;
                let ready = |progress: &Progress| goes_on(progress) || progress.answers > *request;
                told.wait_for(ready)
                    .await
                    .is_ok_and(|progress| goes_on(&progress))
            }
            Step::HalfClose => output.shutdown().await.is_ok(),
            Step::Leave => return,
        };
        if !goes_on {
            break;
        }
    }
    pending::<()>().await;
}

struct Incoming<'a> {
    client: usize,
    plan: &'a Http1,
    record: &'a Record,
    tell: watch::Sender<Progress>,
}

impl Incoming<'_> {
    async fn read(self, mut input: ReadHalf<DuplexStream>, over: &Semaphore) {
        let client = self.client;
        let to_head = self.plan.asks.iter().map(|ask| matches!(ask, Ask::Head(_)));
        let to_head: Vec<bool> = to_head.collect();
        let has_head = to_head.contains(&true);
        let mut reader = Reader::new(to_head);
        let mut answers = 0;
        let mut left = match self.plan.reading {
            Reading::StopsAfter(bytes) => bytes,
            Reading::Eager | Reading::Slow { .. } => u64::MAX,
        };
        let most = match self.plan.reading {
            Reading::Slow { most, .. } => most,
            Reading::Eager | Reading::StopsAfter(_) => 1 << 16,
        };
        let mut buffer = vec![0; most];
        loop {
            if left == 0 {
                self.record
                    .note(format_args!("client {client} reads no more"));
                let _closed = over.acquire().await;
                return;
            }
            let most = usize::try_from(left)
                .unwrap_or(usize::MAX)
                .min(buffer.len());
            let length = input.read(&mut buffer[..most]).await.unwrap_or(0);
            if length == 0 {
                break;
            }
            left -= length as u64;
            reader.push(&buffer[..length]);
            loop {
                match reader.next() {
                    Ok(Some(head)) => self.answer(head, &mut answers, true),
                    Ok(None) => break,
                    // Its HEAD may have become another method, whose answer has a body.
                    Err(_) if self.plan.conduct == Conduct::Garbage && has_head => return,
                    Err(error) => {
                        let what = format_args!("client {client} cannot read an answer: {error}");
                        return self.record.wrong(what);
                    }
                }
            }
            self.tell.send_replace(Progress {
                answers,
                continues: reader.continues,
            });
            if let Reading::Slow { gap, .. } = self.plan.reading {
                sleep(gap.max(Duration::from_millis(1))).await;
            }
        }
        let between = reader.is_between();
        if let Some(head) = reader.current.take() {
            self.answer(head, &mut answers, false);
        }
        let end = if between {
            "the end"
        } else {
            "the end amid an answer"
        };
        self.record
            .note(format_args!("client {client} reads {end}"));
    }

    fn answer(&self, head: Head, answers: &mut usize, complete: bool) {
        let header = |name| head.header(name).map(str::to_owned);
        self.record.answered(Answer {
            client: self.client,
            index: *answers,
            status: head.status,
            id: header("x-request-id"),
            closes: head.header("connection") == Some("close"),
            declared: header("content-length").and_then(|length| length.parse().ok()),
            retry_after: header("retry-after"),
            complete,
            at: self.record.now(),
            body: head.body,
        });
        *answers += 1;
    }
}
