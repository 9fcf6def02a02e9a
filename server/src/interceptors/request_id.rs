//! The identity of a request.

use http::{HeaderMap, HeaderName, HeaderValue};
use peristyle_core::ExecutionId;

use super::random::Numbers;

/// Gives each request an identity: it is the [id](peristyle_core::Context::id) of its execution, and so in its errors, their log
/// lines and their problem documents; and it is in the header `X-Request-Id` of every response.
///
/// It is not an interceptor, since the identity is there before the chain begins. Give it to
/// [`Router::request_id`](crate::Router::request_id).
///
/// An identity is 32 hexadecimal digits: 128 bits that nobody guesses, unique among all processes, and no secret. An id that the
/// request brings is not looked at unless [`accept_incoming`](Self::accept_incoming) says so.
///
/// ```
/// use peristyle_core::handler;
/// use peristyle_server::{Context, Routes, TestClient, interceptors::RequestId};
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error + Send + Sync>> {
/// let router = Routes::new()
///     .get("/", handler(async |cx: &mut Context| cx.id().to_string()))
///     .build()?
///     .request_id(RequestId::new());
/// let response = TestClient::new(router).get("/").send().await;
/// let id = response.headers()["x-request-id"].to_str()?.to_owned();
/// assert_eq!(id.len(), 32);
/// assert_eq!(response.text().await?, id);
/// # Ok(())
/// # }
/// ```
#[derive(Debug)]
pub struct RequestId {
    header: HeaderName,
    incoming: Incoming,
    numbers: Numbers,
}

#[derive(Debug)]
enum Incoming {
    Ignored,
    Accepted,
}

/// What an id may be as long as: it is repeated in every log line, and one that is longer is no id.
const LONGEST: usize = 128;

impl RequestId {
    /// Makes an id for each request.
    pub fn new() -> Self {
        Self {
            header: HeaderName::from_static("x-request-id"),
            incoming: Incoming::Ignored,
            numbers: Numbers::random(),
        }
    }

    /// The header that has the id. Default is `X-Request-Id`.
    #[must_use]
    pub fn header(mut self, header: HeaderName) -> Self {
        self.header = header;
        self
    }

    /// Takes the id that the request brings, if it is 1 to 128 bytes of visible ASCII, and comes once; else makes one. Default is
    /// to make one: whoever can choose an id can make two requests look like one. For servers behind a proxy that sets it.
    #[must_use]
    pub fn accept_incoming(mut self) -> Self {
        self.incoming = Incoming::Accepted;
        self
    }

    /// Makes the same ids from the same seed, for tests. Default is that nobody can tell the next one.
    #[must_use]
    pub fn seeded(mut self, seed: u64) -> Self {
        self.numbers = Numbers::seeded(seed);
        self
    }

    pub(crate) fn identify(&self, request: &HeaderMap) -> Identity {
        let value = self.incoming(request).unwrap_or_else(|| self.made());
        let text = value.to_str().unwrap_or_default();
        Identity {
            id: ExecutionId::given(text),
            header: self.header.clone(),
            value,
        }
    }

    fn incoming(&self, request: &HeaderMap) -> Option<HeaderValue> {
        let Incoming::Accepted = self.incoming else {
            return None;
        };
        let mut values = request.get_all(&self.header).iter();
        let value = values.next().filter(|_| values.next().is_none())?;
        let visible = value.as_bytes().iter().all(u8::is_ascii_graphic);
        let bounded = (1..=LONGEST).contains(&value.len());
        (visible && bounded).then(|| value.clone())
    }

    fn made(&self) -> HeaderValue {
        let id = format!("{:032x}", self.numbers.next_wide());
        HeaderValue::try_from(id).expect("digits are allowed in a header")
    }
}

impl Default for RequestId {
    fn default() -> Self {
        Self::new()
    }
}

/// The identity of one request.
#[derive(Debug)]
pub(crate) struct Identity {
    id: ExecutionId,
    header: HeaderName,
    value: HeaderValue,
}

impl Identity {
    pub(crate) fn id(&self) -> &ExecutionId {
        &self.id
    }

    /// Puts the id on a response, over what was there.
    pub(crate) fn show(self, response: &mut HeaderMap) {
        response.insert(self.header, self.value);
    }
}
