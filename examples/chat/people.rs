//! Who asks.

use std::collections::BTreeMap;

use peristyle::{
    BoxError,
    server::{Context, Cookies, FromExchange, Problem, http::StatusCode},
};

/// Names by the tokens that prove them.
pub(crate) struct People(BTreeMap<&'static str, &'static str>);

impl People {
    pub(crate) fn new(people: impl IntoIterator<Item = (&'static str, &'static str)>) -> Self {
        Self(people.into_iter().collect())
    }

    pub(crate) fn name(&self, token: &str) -> Option<&'static str> {
        self.0.get(token).copied()
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = (&'static str, &'static str)> {
        self.0.iter().map(|(token, name)| (*token, *name))
    }
}

/// Somebody who has signed in.
pub(crate) struct User {
    pub(crate) name: &'static str,
}

impl FromExchange for User {
    async fn from_exchange(cx: &mut Context) -> Result<Self, BoxError> {
        let people = cx.state::<People>()?;
        let cookies = Cookies::from_exchange(cx).await?;
        let name = cookies.get("token").and_then(|token| people.name(token));
        let name = name.ok_or_else(|| Problem::new(StatusCode::UNAUTHORIZED))?;
        Ok(Self { name })
    }
}
