//! Queries and forms: what the URL standard's own parser reads in them, and an error where there is no text.

use std::collections::HashMap;

use http::{HeaderValue, Request, Uri, header::CONTENT_TYPE};
use percent_encoding::percent_decode_str;

#[cfg(test)]
use super::variations;
use super::{Law, block_on, context, seeds};
use crate::{Context, Form, FromExchange, Query, RequestBody};

type Pairs = Vec<(String, String)>;
type Groups = HashMap<String, Vec<String>>;

/// What one query or form may have.
const MOST: usize = 1000;

const FORM: HeaderValue = HeaderValue::from_static("application/x-www-form-urlencoded");

pub(super) fn law() -> Law {
    Law {
        holds,
        seeds: seeds(&[
            b"",
            b"a=b&c=d",
            b"a&=b&&c=&=&",
            b"a+b=c%20d%2B&%61=%3D%26",
            b"caf%c3%a9=\xc3\xa9",
            b"a=%ff",
            b"a=%c3&b=%a9",
            b"a=%&b=%4&c=%zz&d=%%41",
            b"a=1&a=2&b=3&a=4",
        ]),
        words: &[
            "=", "&", "+", "%", "%20", "%2B", "%c3%a9", "%ff", "%25", "a", "a=b&", "?", ";",
        ],
    }
}

#[test]
fn a_query_and_a_form_are_what_the_url_standard_reads_in_them() {
    variations::check(&law());
}

fn holds(bytes: &[u8]) {
    if let Ok(uri) = Uri::try_from([b"/?", bytes].concat()) {
        let expected = expected(uri.query().unwrap_or_default());
        let mut cx = context(Request::get(uri));
        let query: Option<Query<Pairs>> = extracted(&mut cx);
        assert_eq!(query.map(|Query(pairs)| pairs), expected);
        let query: Option<Query<Groups>> = extracted(&mut cx);
        assert_eq!(query.map(|Query(groups)| groups), expected.map(grouped));
    }
    let mut cx = context(Request::post("/").header(CONTENT_TYPE, FORM));
    *cx.body() = RequestBody::from(bytes.to_vec());
    let form: Option<Form<Pairs>> = extracted(&mut cx);
    let expected = std::str::from_utf8(bytes).ok().and_then(expected);
    assert_eq!(form.map(|Form(pairs)| pairs), expected);
}

/// What is read as the standard has it, unless it would have to put U+FFFD in the place of bytes, or is too much.
fn expected(text: &str) -> Option<Pairs> {
    let is_text = |part: &str| {
        let part = part.replace('+', " ");
        percent_decode_str(&part).decode_utf8().is_ok()
    };
    let pairs: Pairs = form_urlencoded::parse(text.as_bytes())
        .into_owned()
        .collect();
    let whole = text.split(['&', '=']).all(is_text);
    (whole && pairs.len() <= MOST).then_some(pairs)
}

fn grouped(pairs: Pairs) -> Groups {
    let mut groups = Groups::new();
    for (name, value) in pairs {
        groups.entry(name).or_default().push(value);
    }
    groups
}

fn extracted<A: FromExchange>(cx: &mut Context) -> Option<A> {
    block_on(A::from_exchange(cx)).ok()
}
