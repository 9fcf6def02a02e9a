//! A client of HTTP/2: hyper's own, on a network of ours.

use std::future::pending;

use bytes::Bytes;
use http::{Request, Response};
use http_body_util::{BodyExt, Full};
use hyper::{
    body::Incoming,
    client::conn::http2::{Builder, SendRequest},
};
use hyper_util::rt::{TokioExecutor, TokioIo};
use tokio::{io::DuplexStream, sync::Semaphore, task::JoinSet, time::sleep};

use crate::{
    plan::{Http2, Stream, Taking, number},
    record::{Answer, Record},
};

/// Until the connection has ended, or the client leaves, or all is over.
pub(crate) async fn run(
    client: usize,
    plan: &Http2,
    io: DuplexStream,
    record: &Record,
    over: &Semaphore,
) {
    let leaves = async {
        match plan.leaves {
            Some(after) => sleep(after).await,
            None => pending().await,
        }
    };
    tokio::select! {
        biased;
        () = connected(client, plan, io, record) => {}
        () = leaves => record.note(format_args!("client {client} leaves")),
        _ = over.acquire() => {}
    }
}

async fn connected(client: usize, plan: &Http2, io: DuplexStream, record: &Record) {
    let connecting = Builder::new(TokioExecutor::new())
        .initial_stream_window_size(plan.window)
        .handshake(TokioIo::new(io))
        .await;
    let Ok((mut requests, connection)) = connecting else {
        return record.note(format_args!("client {client} cannot connect"));
    };
    let mut tasks = JoinSet::new();
    tasks.spawn(async { drop(connection.await) });
    let mut streams = JoinSet::new();
    for (index, stream) in plan.streams.iter().enumerate() {
        sleep(stream.after).await;
        let exchange = Exchange {
            client,
            index,
            record: record.clone(),
        };
        let answer = requests.send_request(exchange.request(stream));
        streams.spawn(exchange.read(answer, stream.taking));
    }
    tasks.join_next().await;
    record.note(format_args!("client {client} is disconnected"));
    // It keeps the connection open.
    let _: SendRequest<Full<Bytes>> = requests;
    streams.join_all().await;
}

struct Exchange {
    client: usize,
    index: usize,
    record: Record,
}

impl Exchange {
    fn request(&self, stream: &Stream) -> Request<Full<Bytes>> {
        let body = stream.ask.upload().map(|(body, _)| body.into());
        Request::builder()
            .method(stream.ask.method())
            .uri(format!("http://sim{}", stream.ask.path()))
            .header("x-n", number(self.client, self.index))
            .body(Full::new(body.unwrap_or_default()))
            .expect("it is made of valid parts")
    }

    async fn read(
        self,
        answer: impl Future<Output = hyper::Result<Response<Incoming>>>,
        taking: Taking,
    ) {
        let response = match answer.await {
            Ok(response) => response,
            Err(error) => {
                let (client, index) = (self.client, self.index);
                return self.record.note(format_args!(
                    "client {client} has no answer {index}: {error}"
                ));
            }
        };
        let (head, mut body) = response.into_parts();
        let header = |name: &str| Some(head.headers.get(name)?.to_str().ok()?.to_owned());
        let mut answer = Answer {
            client: self.client,
            index: self.index,
            status: head.status.as_u16(),
            id: header("x-request-id"),
            closes: false,
            declared: header("content-length").and_then(|length| length.parse().ok()),
            retry_after: header("retry-after"),
            body: Vec::new(),
            complete: false,
            at: self.record.now(),
        };
        let mut pieces = 0;
        loop {
            match taking {
                Taking::Nothing => pending().await,
                Taking::Drops(most) if pieces >= most => break,
                Taking::Drops(_) | Taking::All => {}
            }
            pieces += 1;
            match body.frame().await {
                None => {
                    answer.complete = true;
                    break;
                }
                Some(Ok(frame)) => answer.body.extend(frame.into_data().unwrap_or_default()),
                Some(Err(_)) => break,
            }
        }
        answer.at = self.record.now();
        self.record.answered(answer);
    }
}
