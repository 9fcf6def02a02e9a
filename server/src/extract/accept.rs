//! Which of several formats the client wants.

use std::{error, fmt};

use http::{HeaderMap, HeaderValue, StatusCode, header::ACCEPT};
use peristyle_core::BoxError;

use super::FromExchange;
use crate::{Context, Exchange, Problem, accept, interceptors::vary};

/// What the request accepts, to choose among formats (RFC 9110, section 12.5.1). A response to it varies with `Accept`, whoever
/// makes the response.
///
/// A stage function that takes the context has [`Exchange::accept`].
///
/// ```
/// use http::{HeaderValue, header::ACCEPT};
/// use peristyle_server::{Accept, NotAcceptable, Routes, TestClient, handler};
///
/// async fn greeting(accept: Accept) -> Result<&'static str, NotAcceptable> {
///     accept.choose([("hello", "text/plain"), ("<p>hello</p>", "text/html")])
/// }
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), peristyle_core::BoxError> {
/// let client = TestClient::new(Routes::new().get("/", handler(greeting)).build()?);
/// let ask = async |accept| client.get("/").header(ACCEPT, HeaderValue::from_static(accept)).send().await;
///
/// let response = ask("text/html, */*;q=0.1").await;
/// assert_eq!(response.headers()["vary"], "accept");
/// assert_eq!(response.text().await?, "<p>hello</p>");
///
/// let response = ask("image/png").await;
/// assert_eq!(response.status(), 406);
/// assert!(response.text().await?.contains(r#""offers":["text/plain","text/html"]"#));
/// # Ok(())
/// # }
/// ```
#[derive(Debug, Clone, Default)]
pub struct Accept(HeaderMap);

impl Accept {
    /// The one of the offers that the client prefers, each with its media type: the one of the highest quality; among equals the
    /// one that is asked for more exactly, as `text/html` in `text/html, */*`; then the first. Without an `Accept` it is the first.
    ///
    /// An offer may be a whole content type, such as `text/csv; charset=utf-8`: its parameters are not compared. The same value may
    /// be offered under several.
    ///
    /// # Errors
    ///
    /// When the request accepts none of them, or its `Accept` is not well-formed.
    pub fn choose<T: Copy, const N: usize>(
        &self,
        offers: [(T, &str); N],
    ) -> Result<T, NotAcceptable> {
        choose(&self.0, offers)
    }
}

impl FromExchange for Accept {
    async fn from_exchange(cx: &mut Context) -> Result<Self, BoxError> {
        cx.vary_with_accept();
        let values = cx.headers().get_all(ACCEPT).iter();
        Ok(Self(values.map(|value| (ACCEPT, value.clone())).collect()))
    }
}

impl Exchange {
    /// The one of the offers, each with its media type, that the client prefers: see [`Accept::choose`]. The response varies with
    /// `Accept`, whoever makes it.
    ///
    /// ```
    /// use peristyle_core::{Outcome, before};
    /// use peristyle_server::{Context, Json, Routes};
    ///
    /// #[derive(Clone, Copy)]
    /// enum Format { Json, Text }
    ///
    /// fn price(cx: &mut Context) -> Outcome {
    ///     match cx.accept([(Format::Json, "application/json"), (Format::Text, "text/plain")])? {
    ///         Format::Json => cx.respond(Json(12)),
    ///         Format::Text => cx.respond("twelve"),
    ///     }
    /// }
    ///
    /// let routes = Routes::new().get("/price", before(price));
    /// ```
    ///
    /// # Errors
    ///
    /// When the request accepts none of them, or its `Accept` is not well-formed. Raised, it is answered with 406.
    pub fn accept<T: Copy, const N: usize>(
        &mut self,
        offers: [(T, &str); N],
    ) -> Result<T, NotAcceptable> {
        self.vary_with_accept();
        choose(self.headers(), offers)
    }

    fn vary_with_accept(&mut self) {
        vary(self.late_headers(), &HeaderValue::from_static("accept"));
    }
}

fn choose<T: Copy, const N: usize>(
    request: &HeaderMap,
    offers: [(T, &str); N],
) -> Result<T, NotAcceptable> {
    accept::choose(request, offers).ok_or_else(|| NotAcceptable {
        offers: offers
            .map(|(_, offer)| accept::essence(offer).to_owned())
            .into(),
    })
}

/// The client accepts nothing of what was offered.
///
/// It is answered with 406 as a [`Problem`], whose detail and member `offers` tell the media types.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NotAcceptable {
    offers: Box<[String]>,
}

impl NotAcceptable {
    /// The media types that were offered, in their order and without parameters.
    pub fn offers(&self) -> impl Iterator<Item = &str> {
        self.offers.iter().map(String::as_str)
    }

    pub(crate) fn problem(&self) -> Problem {
        Problem::new(StatusCode::NOT_ACCEPTABLE)
            .detail(format!("it can be had as {}", self.offers.join(", ")))
            .member("offers", &self.offers)
    }
}

impl fmt::Display for NotAcceptable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the client accepts none of {}", self.offers.join(", "))
    }
}

impl error::Error for NotAcceptable {}
