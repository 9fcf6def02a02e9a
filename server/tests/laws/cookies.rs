//! Cookies: what a browser sends comes back as it was, and anything else is passed over.

use http::{HeaderValue, Request, header::COOKIE};

#[cfg(test)]
use super::variations;
use super::{Law, block_on, context, seeds};
use crate::{Cookies, FromExchange};

pub(super) fn law() -> Law {
    Law {
        holds,
        seeds: seeds(&[
            b"",
            b"a=b; c=d",
            b"a=1; a=2;a=3",
            b"a=b=c; =d; e=; f",
            b" a = \"b c\" ;; c=%20",
            b"caf\xc3\xa9=\xc3\xa9; bad=\xff; good=1",
            b"a=b\tc; a,b=c,d; $Version=1",
        ]),
        words: &[
            "=", ";", "; ", " ", "\t", "\"", ",", "a", "a=b", "\u{e9}", "%3B", "\u{a0}",
        ],
    }
}

#[test]
fn cookies_are_those_that_a_browser_would_have_sent() {
    variations::check(&law());
}

fn holds(bytes: &[u8]) {
    let Ok(header) = HeaderValue::from_bytes(bytes) else {
        return;
    };
    let cookies = of(&[&header]);
    let pairs = pairs(&cookies);
    // Sent again, they are the same: one header, and then two.
    let again = pairs.iter().map(|(name, value)| format!("{name}={value}"));
    let again = again.collect::<Vec<_>>().join("; ");
    let again = HeaderValue::try_from(again).expect("they came in a header");
    assert_eq!(self::pairs(&of(&[&again])), pairs);
    let twice = of(&[&header, &again]);
    assert_eq!(self::pairs(&twice), [&pairs[..], &pairs[..]].concat());
    // The first of a name counts.
    for (name, _) in &pairs {
        let first = pairs.iter().find(|(other, _)| other == name);
        assert_eq!(cookies.get(name), first.map(|(_, value)| &**value));
    }
    // None is lost that has a name, text and an equals sign, and none is made up.
    let sent = bytes.split(|byte| *byte == b';');
    let sent = sent.filter(|pair| pair.contains(&b'=') && std::str::from_utf8(pair).is_ok());
    assert_eq!(pairs.len(), sent.count());
    for (name, value) in &pairs {
        assert!(!name.contains(['=', ';']) && !value.contains(';'));
        assert_eq!((name.trim(), value.trim()), (&**name, &**value));
    }
}

fn of(headers: &[&HeaderValue]) -> Cookies {
    let request = headers.iter().fold(Request::get("/"), |request, value| {
        request.header(COOKIE, *value)
    });
    block_on(Cookies::from_exchange(&mut context(request))).expect("it always works")
}

fn pairs(cookies: &Cookies) -> Vec<(String, String)> {
    let pairs = cookies.iter();
    pairs
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .collect()
}
