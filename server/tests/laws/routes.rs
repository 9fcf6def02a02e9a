//! Routes: a pattern is what was written, and the address made of what a path matched matches the same.

use std::sync::{Arc, Mutex};

use http::Uri;
use peristyle_core::{BoxError, handler};

#[cfg(test)]
use super::variations;
use super::{Law, block_on, seeds};
use crate::{Context, FromExchange, Path, Route, Router, Routes, State, TestClient, UrlError};

pub(super) fn law() -> Law {
    Law {
        holds,
        seeds: seeds(&[
            b"/{x}\n\n/%25",
            b"/\n/a\n/{x}\n\n/\n/a\n/b",
            b"/orders/{id}\n/orders/new\n/orders/{id}/lines/{n}\n\n/orders/7\n/orders/new\n/orders/7/lines/%61",
            b"/files/{*path}\n/{*all}\n\n/files/a/b//c\n/files/\n/x/%2F/..",
            b"/caf\xc3\xa9/{a}\n/a|b/{b}\n\n/caf%c3%a9/%20+\n/a%7Cb/%2f",
            b"/{a}/{b}/\n/{a}/x\n\n/1/2/\n/1/x\n//x",
            b"/{a}/{a}\nx\n/v{n}\n/{}\n/%zz\n\n/1/1",
            b"/files/{*path}\n/{*all}\n\n/files%2F//a",
            b"/{_}\n/{0}/b\n\n/%ff\n/%\n/./..\n/%2e%2e",
        ]),
        words: &[
            "/", "//", "\n", "\n\n", "{", "}", "{a}", "{*b}", "*", "%", "%2F", "%2e", "%25", "%61",
            ".", "..", "+", "~", "|", "\u{e9}", "%C3%A9", "a", "b", ":", "?", "#",
        ],
    }
}

#[test]
fn the_address_made_of_what_a_path_matched_matches_the_same() {
    variations::check(&law());
}

/// What the last request matched: the name of the route, and the parameters.
#[derive(Clone, Default)]
struct Seen(Arc<Mutex<Option<Match>>>);

type Match = (String, Vec<(String, String)>);

/// Patterns, an empty line, then paths.
fn holds(bytes: &[u8]) {
    let text = String::from_utf8_lossy(bytes);
    let (patterns, paths) = text.split_once("\n\n").unwrap_or((&text, ""));
    let seen = Seen::default();
    let mut patterns: Vec<&str> = patterns.split('\n').take(MOST).collect();
    patterns.retain(|pattern| router(&[pattern], &seen).is_some());
    let mut table = Vec::new();
    for pattern in patterns {
        table.push(pattern);
        if router(&table, &seen).is_none() {
            table.pop();
        }
    }
    let router = router(&table, &seen).expect("no two conflict");
    let listed: Vec<_> = router
        .routes()
        .iter()
        .map(|listed| listed.route().pattern().to_owned())
        .collect();
    assert_eq!(listed, table);
    let client = TestClient::new(router);
    for path in paths.split('\n').take(MOST) {
        let origin = path.starts_with('/') && path.parse::<Uri>().is_ok();
        if let Some(found) = origin.then(|| ask(&client, path, &seen)).flatten() {
            check(&seen, &found);
        }
    }
}

const MOST: usize = 8;

/// Alone, since a wildcard's value does not tell an escaped slash from another: a more specific route may have the address.
fn check(seen: &Seen, found: &Match) {
    let (name, values) = found;
    let router = router(&[name], seen).expect("it was in a table");
    let client = TestClient::new(router.clone());
    let values: Vec<_> = values
        .iter()
        .map(|(name, value)| (&**name, value as &dyn std::fmt::Display))
        .collect();
    match router.url_for(name, &values) {
        Ok(url) => assert_eq!(ask(&client, url.as_str(), seen).as_ref(), Some(found)),
        Err(UrlError::Unmatchable { parameter, .. }) => {
            let value = found.1.iter().find(|(name, _)| *name == parameter);
            let value = &value.expect("it was given").1;
            let dots = value
                .split('/')
                .any(|segment| matches!(segment, "." | ".."));
            assert!(value.is_empty() || dots, "{value:?}");
        }
        Err(error) => panic!("{error}"),
    }
}

fn ask(client: &TestClient, path: &str, seen: &Seen) -> Option<Match> {
    let response = block_on(client.get(path).send());
    let found = seen.0.lock().unwrap().take();
    let expected: &[u16] = if found.is_some() { &[200] } else { &[400, 404] };
    assert!(
        expected.contains(&response.status().as_u16()),
        "{}",
        response.status()
    );
    found
}

/// Each route has its pattern for a name.
fn router(patterns: &[&str], seen: &Seen) -> Option<Router> {
    let routes = Routes::new().state(seen.clone());
    let named = |&pattern: &&str| Route::get(pattern, handler(tell)).named(pattern);
    let routes = patterns.iter().map(named).fold(routes, Routes::route);
    routes.build().ok()
}

/// Extracted, the parameters are the same.
async fn tell(cx: &mut Context) -> Result<(), BoxError> {
    let name = cx
        .route()
        .and_then(|route| route.name())
        .expect("each has one");
    let name = name.to_owned();
    let params = cx
        .params()
        .map(|(name, value)| (name.to_owned(), value.to_owned()));
    let params: Vec<_> = params.collect();
    let Path(values) = Path::<Vec<String>>::from_exchange(cx).await?;
    assert!(values.iter().eq(params.iter().map(|(_, value)| value)));
    if let [(_, value)] = &params[..] {
        let number = Path::<u64>::from_exchange(cx).await.ok();
        assert_eq!(number.map(|Path(number)| number), value.parse().ok());
    }
    let State(seen) = cx.state::<Seen>()?;
    *seen.0.lock().unwrap() = Some((name, params));
    Ok(())
}
