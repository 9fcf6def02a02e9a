//! A stream that is open.

use std::{
    pin::Pin,
    task::{Context, Poll, ready},
    time::Duration,
};

use bytes::{Buf, Bytes};
use tokio::time::Instant;

use super::{
    Error,
    error::{Kind, Phase},
    exchange::Exchange,
};
use crate::{Decoder, MessageEvent, alarm::Alarm};

/// The events of one response, until it ends, breaks or falls silent.
pub(super) struct Open {
    exchange: Exchange,
    /// What was received and not decoded yet.
    chunk: Bytes,
    pub(super) since: Instant,
    /// When something was received last.
    heard: Instant,
    silence: Pin<Box<Alarm>>,
}

impl Open {
    pub(super) fn new(exchange: Exchange) -> Self {
        let now = Instant::now();
        Self {
            exchange,
            chunk: Bytes::new(),
            since: now,
            heard: now,
            silence: Box::pin(Alarm::default()),
        }
    }

    pub(super) fn poll_event(
        &mut self,
        decoder: &mut Decoder,
        patience: Duration,
        cx: &mut Context<'_>,
    ) -> Poll<Result<MessageEvent, Error>> {
        // A server that floods its clients with comments must not keep their threads from others.
        for _ in 0..16 {
            if let Some(event) = self.decode(decoder)? {
                return Poll::Ready(Ok(event));
            }
            match self.exchange.poll_data(cx) {
                Poll::Ready(Some(Ok(chunk))) => self.receive(chunk),
                Poll::Ready(Some(Err(error))) => {
                    return Poll::Ready(Err(Kind::Exchange(error).into()));
                }
                Poll::Ready(None) => return Poll::Ready(Err(Kind::Ended.into())),
                Poll::Pending => {
                    ready!(self.poll_silence(patience, cx));
                    return Poll::Ready(Err(Kind::Timeout(Phase::Silence, patience).into()));
                }
            }
        }
        cx.waker().wake_by_ref();
        Poll::Pending
    }

    fn decode(&mut self, decoder: &mut Decoder) -> Result<Option<MessageEvent>, Error> {
        let mut rest = &self.chunk[..];
        let event = decoder.decode(&mut rest).map_err(Kind::Decode)?;
        let taken = self.chunk.len() - rest.len();
        self.chunk.advance(taken);
        Ok(event)
    }

    fn receive(&mut self, chunk: Bytes) {
        self.chunk = chunk;
        self.heard = Instant::now();
    }

    fn poll_silence(&mut self, patience: Duration, cx: &mut Context<'_>) -> Poll<()> {
        match self.heard.checked_add(patience) {
            Some(at) => self.silence.as_mut().poll(at, cx),
            None => Poll::Pending,
        }
    }
}
