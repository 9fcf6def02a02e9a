//! The formats of a problem.

use std::fmt::{self, Display, Write};

use http::{HeaderMap, HeaderValue};
use peristyle_core::ExecutionId;
use serde_json::{Map, Value};

use super::Problem;
use crate::accept;

/// A format, as the client prefers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Format {
    /// RFC 9457.
    Json,
    /// A page for people. It has no style and no script, and so looks the same under every content security policy.
    Html,
    /// Lines for people.
    Text,
}

/// Whoever asks for JSON wants a problem in JSON.
const OFFERS: [(Format, &str); 4] = [
    (Format::Json, "application/problem+json"),
    (Format::Json, "application/json"),
    (Format::Html, "text/html"),
    (Format::Text, "text/plain"),
];

impl Format {
    /// What the request accepts. An error is told also to whoever accepts none of the formats (RFC 9110, section 12.4.1).
    pub(super) fn accepted(request: &HeaderMap) -> Self {
        accept::choose(request, OFFERS).unwrap_or(Self::Json)
    }

    pub(super) fn content_type(self) -> HeaderValue {
        HeaderValue::from_static(match self {
            Self::Json => "application/problem+json",
            Self::Html => "text/html; charset=utf-8",
            Self::Text => "text/plain; charset=utf-8",
        })
    }

    pub(super) fn write(self, document: &Document<'_>) -> String {
        match self {
            Self::Json => document.json().to_string(),
            Self::Html => Html(document).to_string(),
            Self::Text => Text(document).to_string(),
        }
    }
}

/// What is written of a problem.
pub(super) struct Document<'a> {
    pub(super) problem: &'a Problem,
    pub(super) id: Option<&'a ExecutionId>,
    /// What went wrong inside, each with its name.
    pub(super) internals: &'a [(&'static str, String)],
}

impl Document<'_> {
    fn json(&self) -> Value {
        let details = &*self.problem.0;
        let members = details.members.iter();
        let members = members.map(|(name, value)| (name.clone().into_owned(), value.clone()));
        let mut document: Map<_, _> = members.collect();
        let mut text = |name: &str, text: Option<&str>| {
            let value = text.map(Value::from);
            document.extend(value.map(|value| (name.to_owned(), value)));
        };
        text("type", details.kind.as_deref());
        text("title", Some(self.problem.title_or_phrase()));
        text("detail", details.detail.as_deref());
        text("id", self.id.map(ToString::to_string).as_deref());
        document.insert("status".to_owned(), details.status.as_u16().into());
        if !self.internals.is_empty() {
            let internals = self.internals.iter();
            let internals = internals.map(|(name, text)| (*name, text.as_str()));
            document.insert("internals".to_owned(), internals.collect());
        }
        document.into()
    }

    /// The status and the title.
    fn heading(&self) -> String {
        let status = self.problem.status().as_u16();
        format!("{status} {}", self.problem.title_or_phrase())
    }
}

struct Html<'a>(&'a Document<'a>);

impl Display for Html<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let document = self.0;
        let heading = document.heading();
        let heading = Escaped(&heading);
        f.write_str("<!doctype html>\n<meta charset=\"utf-8\">\n")?;
        f.write_str("<meta name=\"viewport\" content=\"width=device-width\">\n")?;
        f.write_str("<meta name=\"color-scheme\" content=\"light dark\">\n")?;
        write!(f, "<title>{heading}</title>\n<h1>{heading}</h1>\n")?;
        if let Some(detail) = &document.problem.0.detail {
            writeln!(f, "<p>{}</p>", Escaped(detail))?;
        }
        if let Some(id) = document.id {
            writeln!(f, "<p>id: <code>{}</code></p>", Escaped(&id.to_string()))?;
        }
        if document.internals.is_empty() {
            return Ok(());
        }
        f.write_str("<dl>\n")?;
        for (name, text) in document.internals {
            writeln!(f, "<dt>{name}</dt><dd><code>{}</code></dd>", Escaped(text))?;
        }
        f.write_str("</dl>\n")
    }
}

struct Text<'a>(&'a Document<'a>);

impl Display for Text<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let document = self.0;
        writeln!(f, "{}", Plain(&document.heading()))?;
        if let Some(detail) = &document.problem.0.detail {
            writeln!(f, "{}", Plain(detail))?;
        }
        if let Some(id) = document.id {
            writeln!(f, "id: {}", Plain(&id.to_string()))?;
        }
        for (name, text) in document.internals {
            writeln!(f, "{name}: {}", Plain(text))?;
        }
        Ok(())
    }
}

/// Text that means nothing else in HTML, between tags or in quotes.
struct Escaped<'a>(&'a str);

impl Display for Escaped<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.chars().try_for_each(|char| match char {
            '&' => f.write_str("&amp;"),
            '<' => f.write_str("&lt;"),
            '>' => f.write_str("&gt;"),
            '"' => f.write_str("&quot;"),
            '\'' => f.write_str("&#39;"),
            char => f.write_char(char),
        })
    }
}

/// Text for a terminal, which control characters would steer.
struct Plain<'a>(&'a str);

impl Display for Plain<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.chars().try_for_each(|char| match char {
            '\n' | '\t' => f.write_char(char),
            char if char.is_control() => f.write_char(char::REPLACEMENT_CHARACTER),
            char => f.write_char(char),
        })
    }
}
