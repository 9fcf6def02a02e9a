//! The JSON values of a body.

use std::{
    fmt,
    marker::PhantomData,
    pin::Pin,
    task::{Context, Poll, ready},
};

use bytes::Buf;
use futures_core::Stream;
use http_body::Body;
use peristyle_core::BoxError;
use pin_project_lite::pin_project;
use serde::de::DeserializeOwned;

use super::{ReadError, error::Fault, pieces::Pieces};

pin_project! {
    /// The JSON values of a body; see [`Reading::ndjson`](super::Reading::ndjson) and
    /// [`Reading::json_seq`](super::Reading::json_seq).
    pub struct ReadValues<B, T> {
        #[pin]
        pieces: Pieces<B>,
        values: PhantomData<fn() -> T>,
    }
}

impl<B, T> ReadValues<B, T> {
    pub(super) fn new(pieces: Pieces<B>) -> Self {
        Self {
            pieces,
            values: PhantomData,
        }
    }
}

impl<B, T> Stream for ReadValues<B, T>
where
    B: Body<Data: Buf, Error: Into<BoxError>>,
    T: DeserializeOwned,
{
    type Item = Result<T, ReadError>;

    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let mut pieces = self.project().pieces;
        let Some(json) = ready!(pieces.as_mut().poll_value(cx)?) else {
            return Poll::Ready(None);
        };
        Poll::Ready(Some(parsed(&json.bytes).map_err(|fault| {
            pieces.end();
            json.error(fault)
        })))
    }
}

fn parsed<T: DeserializeOwned>(json: &[u8]) -> Result<T, Fault> {
    let mut json = serde_json::Deserializer::from_slice(json);
    let value = serde_path_to_error::deserialize(&mut json).map_err(|error| Fault::NotJson {
        path: Some(error.path().to_string()).filter(|path| path != "."),
        source: error.into_inner(),
    })?;
    let end = json.end();
    end.map_err(|source| Fault::NotJson { path: None, source })?;
    Ok(value)
}

impl<B, T> fmt::Debug for ReadValues<B, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ReadValues").finish_non_exhaustive()
    }
}
