//! Cookies that the client sent.

use std::{fmt, str};

use http::{HeaderValue, header::COOKIE};
use peristyle_core::BoxError;

use super::FromExchange;
use crate::Context;

/// The request's cookies (RFC 6265, section 5.4), as they were sent: neither unquoted nor decoded.
///
/// What is no pair and what is not UTF-8 is passed over, since any page of the site's domain can set a cookie. To set cookies,
/// send the header `Set-Cookie`.
///
/// ```
/// use http::{HeaderValue, header::COOKIE};
/// use peristyle_server::{Cookies, Routes, TestClient, handler};
///
/// async fn theme(cookies: Cookies) -> String {
///     cookies.get("theme").unwrap_or("light").to_owned()
/// }
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), peristyle_core::BoxError> {
/// let client = TestClient::new(Routes::new().get("/", handler(theme)).build()?);
/// let dark = HeaderValue::from_static("seen=1; theme=dark");
/// let response = client.get("/").header(COOKIE, dark).send().await;
/// assert_eq!(response.text().await?, "dark");
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Default)]
pub struct Cookies(Vec<HeaderValue>);

impl Cookies {
    /// The value of the first cookie of this name. Clients send the one with the longest path first.
    pub fn get(&self, name: &str) -> Option<&str> {
        let mut named = self.iter().filter(|(other, _)| *other == name);
        named.next().map(|(_, value)| value)
    }

    /// The names with their values, in the order in which they were sent.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        let pairs = self.0.iter().flat_map(|header| {
            let bytes = header.as_bytes();
            bytes.split(|byte| *byte == b';')
        });
        pairs.filter_map(|pair| {
            let (name, value) = str::from_utf8(pair).ok()?.split_once('=')?;
            Some((name.trim(), value.trim()))
        })
    }
}

impl FromExchange for Cookies {
    async fn from_exchange(cx: &mut Context) -> Result<Self, BoxError> {
        let headers = cx.headers().get_all(COOKIE);
        Ok(Self(headers.iter().cloned().collect()))
    }
}

/// The names alone: the values are often credentials.
impl fmt::Debug for Cookies {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names = self.iter().map(|(name, _)| name);
        f.debug_tuple("Cookies")
            .field(&names.collect::<Vec<_>>())
            .finish()
    }
}
