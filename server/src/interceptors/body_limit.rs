//! How large a request's body may be.

use peristyle_core::{Interceptor, Name, Stages, Step};

use crate::{Context, Exchange, request_body};

/// An interceptor that sets how many bytes of the request's body the inner ones can read. Whoever reads beyond is given an error
/// that is answered with 413.
///
/// Default is 2 MiB, which is that of a request without this interceptor: most requests are small, and memory is shared by all.
/// It counts from where the interceptor stands. An inner one takes the place of an outer one, so that a route can take more than
/// the rest; nothing is refused before it is read.
///
/// ```
/// use peristyle_core::{Chain, Link, handler};
/// use peristyle_server::{BodyError, Context, Routes, TestClient, interceptors::BodyLimit};
///
/// async fn upload(cx: &mut Context) -> Result<String, BodyError> {
///     Ok(format!("{} bytes", cx.body().bytes().await?.len()))
/// }
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error + Send + Sync>> {
/// let router = Routes::new()
///     .interceptors(Link::new(BodyLimit::bytes(5)))
///     .post("/notes", handler(upload))
///     .post("/films", Chain::new([Link::new(BodyLimit::bytes(1 << 30)), handler(upload)]))
///     .build()?;
/// let client = TestClient::new(router);
/// assert_eq!(client.post("/notes", "123456").send().await.status(), 413);
/// assert_eq!(client.post("/films", "123456").send().await.status(), 200);
/// # Ok(())
/// # }
/// ```
#[derive(Debug, Clone, Copy)]
pub struct BodyLimit {
    bytes: u64,
}

impl BodyLimit {
    /// At most so many bytes.
    pub const fn bytes(bytes: u64) -> Self {
        Self { bytes }
    }
}

/// 2 MiB.
impl Default for BodyLimit {
    fn default() -> Self {
        Self::bytes(request_body::LIMIT)
    }
}

impl Interceptor<Exchange> for BodyLimit {
    fn stages(&self) -> Stages {
        Stages::ENTER
    }

    fn name(&self) -> Name {
        Name::new("body_limit").expect("a valid name")
    }

    fn enter<'a>(&'a self, cx: &'a mut Context) -> Step<'a, Exchange> {
        cx.body().set_limit(self.bytes);
        Step::next()
    }
}
