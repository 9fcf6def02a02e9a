//! The body of a request: read as it comes, or collected within a limit.

use std::{error, fmt, mem, sync::Arc, time::Duration};

use bytes::{Bytes, BytesMut};
use http_body::Body as _;
use hyper::body::Incoming;
use peristyle_core::BoxError;
use tokio::time::timeout;

use crate::{Body, activity::Activity, body::data, problem::Problem};

/// The body of a request.
///
/// It is read piece by piece with [`chunk`](Self::chunk) or whole with [`bytes`](Self::bytes), and never beyond its
/// limit: 2 MiB by default, since most requests are small and memory is shared by all.
pub struct RequestBody {
    kind: Kind,
    /// How many bytes may still come.
    left: u64,
}

enum Kind {
    Whole(Body),
    Incoming(Arriving),
    Failed(BodyError),
}

/// A body that is still to be read from its connection.
pub(crate) struct Arriving {
    pub(crate) body: Incoming,
    /// How long the next piece may take.
    pub(crate) gap: Duration,
    pub(crate) activity: Activity,
}

impl Arriving {
    async fn next(&mut self) -> Option<Result<Bytes, BodyError>> {
        let Ok(piece) = timeout(self.gap, data(&mut self.body)).await else {
            return Some(Err(BodyError(Fault::TimedOut(self.gap))));
        };
        let more = piece.is_some() && !self.body.is_end_stream();
        self.activity.set_unread(more);
        piece.map(|piece| piece.map_err(|error| BodyError::broken(error.into())))
    }
}

/// 2 MiB.
pub(crate) const LIMIT: u64 = 2 << 20;

impl RequestBody {
    pub(crate) fn arriving(arriving: Arriving) -> Self {
        let Arriving { body, activity, .. } = &arriving;
        activity.set_unread(!body.is_end_stream());
        Self {
            kind: Kind::Incoming(arriving),
            left: LIMIT,
        }
    }

    /// Sets how many more bytes are read. Default is 2 MiB in all.
    pub fn set_limit(&mut self, bytes: u64) {
        self.left = bytes;
    }

    /// The next piece, as it came; `None` at the end.
    ///
    /// # Errors
    ///
    /// When the body is larger than the limit (413), broke off (400), or the client sends nothing for the server's
    /// [body time-out](crate::Server::body_timeout) (408). No piece comes after an error: a body that failed never looks
    /// complete, and over HTTP/1.1 its connection is closed.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future loses no piece.
    pub async fn chunk(&mut self) -> Option<Result<Bytes, BodyError>> {
        if self.announced() > self.left {
            self.give_up();
            return Some(Err(BodyError::too_large()));
        }
        let left = self.left;
        let piece = self.next().await?.and_then(|piece| {
            let left = left.checked_sub(piece.len() as u64);
            Ok((piece, left.ok_or_else(BodyError::too_large)?))
        });
        match piece {
            Ok((piece, left)) => {
                self.left = left;
                Some(Ok(piece))
            }
            Err(error) => {
                self.give_up();
                self.kind = Kind::Failed(error.clone());
                Some(Err(error))
            }
        }
    }

    /// What follows on the connection is no request.
    fn give_up(&self) {
        if let Kind::Incoming(arriving) = &self.kind {
            arriving.activity.end_keep_alive();
        }
    }

    /// The whole body.
    ///
    /// # Errors
    ///
    /// As [`chunk`](Self::chunk).
    ///
    /// # Cancel safety
    ///
    /// Dropping the future loses what was read.
    pub async fn bytes(&mut self) -> Result<Bytes, BodyError> {
        let Some(first) = self.chunk().await.transpose()? else {
            return Ok(Bytes::new());
        };
        let Some(second) = self.chunk().await.transpose()? else {
            return Ok(first);
        };
        let mut whole = BytesMut::from(first);
        whole.extend_from_slice(&second);
        while let Some(piece) = self.chunk().await.transpose()? {
            whole.extend_from_slice(&piece);
        }
        Ok(whole.freeze())
    }

    /// Takes the body away, with its limit. Reading what stays behind is an error: [`BodyError::is_taken`].
    #[must_use = "nobody else can read it now"]
    pub fn take(&mut self) -> Self {
        let taken = Self {
            kind: Kind::Failed(BodyError(Fault::Taken)),
            left: self.left,
        };
        mem::replace(self, taken)
    }

    /// The least that is still to come.
    fn announced(&self) -> u64 {
        match &self.kind {
            Kind::Whole(body) => body.size_hint().lower(),
            Kind::Incoming(arriving) => arriving.body.size_hint().lower(),
            Kind::Failed(_) => 0,
        }
    }

    async fn next(&mut self) -> Option<Result<Bytes, BodyError>> {
        match &mut self.kind {
            Kind::Whole(body) => data(body)
                .await
                .map(|piece| piece.map_err(BodyError::broken)),
            Kind::Incoming(arriving) => arriving.next().await,
            Kind::Failed(error) => Some(Err(error.clone())),
        }
    }
}

impl Default for RequestBody {
    fn default() -> Self {
        Body::empty().into()
    }
}

impl<B: Into<Body>> From<B> for RequestBody {
    fn from(body: B) -> Self {
        Self {
            kind: Kind::Whole(body.into()),
            left: LIMIT,
        }
    }
}

impl fmt::Debug for RequestBody {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RequestBody")
            .field("announced", &self.announced())
            .field("left", &self.left)
            .finish_non_exhaustive()
    }
}

/// A request body that could not be read.
#[derive(Debug, Clone)]
pub struct BodyError(Fault);

#[derive(Debug, Clone)]
enum Fault {
    TooLarge,
    Taken,
    TimedOut(Duration),
    Broken(Arc<dyn error::Error + Send + Sync>),
}

impl BodyError {
    fn too_large() -> Self {
        Self(Fault::TooLarge)
    }

    fn broken(source: BoxError) -> Self {
        Self(Fault::Broken(source.into()))
    }

    /// Whether the body is larger than its limit.
    pub fn is_too_large(&self) -> bool {
        matches!(self.0, Fault::TooLarge)
    }

    /// Whether the client sent nothing for the server's [body time-out](crate::Server::body_timeout).
    pub fn is_timed_out(&self) -> bool {
        matches!(self.0, Fault::TimedOut(_))
    }

    /// Whether an earlier stage has taken the body away.
    pub fn is_taken(&self) -> bool {
        matches!(self.0, Fault::Taken)
    }

    pub(crate) fn problem(&self) -> Problem {
        let status = match self.0 {
            Fault::TooLarge => http::StatusCode::PAYLOAD_TOO_LARGE,
            Fault::Taken => return Problem::new(http::StatusCode::INTERNAL_SERVER_ERROR),
            Fault::TimedOut(_) => http::StatusCode::REQUEST_TIMEOUT,
            Fault::Broken(_) => http::StatusCode::BAD_REQUEST,
        };
        Problem::new(status).detail(self.to_string())
    }
}

impl fmt::Display for BodyError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self.0 {
            Fault::TooLarge => "the request body is larger than the limit",
            Fault::Taken => "an earlier stage has taken the request body",
            Fault::TimedOut(gap) => {
                return write!(f, "nothing of the request body came for {gap:?}");
            }
            Fault::Broken(_) => "the request body broke off",
        })
    }
}

impl error::Error for BodyError {
    fn source(&self) -> Option<&(dyn error::Error + 'static)> {
        match &self.0 {
            Fault::TooLarge | Fault::Taken | Fault::TimedOut(_) => None,
            Fault::Broken(source) => Some(&**source),
        }
    }
}
