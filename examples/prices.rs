//! Prices faster than some can read them: open `http://127.0.0.1:8080`, or be slow by `curl -N --limit-rate 2k
//! http://127.0.0.1:8080/prices`.
//!
//! Who keeps up gets every price. Who does not gets of each symbol the newest, and no backlog: nothing is kept for a client but
//! its position. A page starts with all prices, and goes on from there; so does one for which the log has too little left.

use std::{
    collections::BTreeMap,
    future::ready,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use peristyle::{
    BoxError, Outcome, before,
    server::{Context, Html, RouteErrors, Router, Routes, Server, handler},
    sse::{
        self, Event, JsonError,
        feed::{Feed, Follow, Lag, Publish},
    },
};
use tokio::{task::JoinSet, time::interval};

const PAGE: &str = r#"<!doctype html>
<html lang="en">
<meta charset="utf-8">
<title>Prices</title>
<style>
    body { font: 1.1rem system-ui, sans-serif; max-width: 20rem; margin: 3rem auto; }
    table { width: 100%; border-collapse: collapse; }
    td { padding: .4rem; border-bottom: 1px solid #ddd; }
    td:last-child { text-align: right; font-variant-numeric: tabular-nums; }
</style>
<h1>Prices</h1>
<table></table>
<p id="state">connecting</p>
<script>
const rows = {};
const show = (symbol, cents) => {
    if (!rows[symbol]) {
        const row = rows[symbol] = document.querySelector('table').insertRow();
        row.insertCell().textContent = symbol;
        row.insertCell();
    }
    rows[symbol].cells[1].textContent = (cents / 100).toFixed(2);
};
const state = text => document.getElementById('state').textContent = text;
const source = new EventSource('/prices');
source.addEventListener('price', event => show(...JSON.parse(event.data)));
source.addEventListener('board', event => Object.entries(JSON.parse(event.data)).forEach(price => show(...price)));
source.onopen = () => state('live');
source.onerror = () => state('reconnecting');
</script>
"#;

/// The newest price of each symbol, in cents, and the feed of all that change. Clones share them.
#[derive(Clone)]
pub(crate) struct Board {
    prices: Arc<Mutex<BTreeMap<String, u64>>>,
    feed: Feed,
}

impl Board {
    pub(crate) fn new(feed: Feed) -> Self {
        let prices = Arc::default();
        Self { prices, feed }
    }

    pub(crate) fn set(&self, symbol: &str, cents: u64) -> Result<(), BoxError> {
        let event = Event::builder().event("price");
        let event = event.build_json(&(symbol, cents))?;
        let publish = Publish::new(event).key(symbol)?;
        // As one, so that a price which someone finds here is in the feed: none that is older follows it.
        let mut prices = self.prices();
        prices.insert(symbol.to_owned(), cents);
        self.feed.publish(publish);
        Ok(())
    }

    /// All prices, as one event.
    fn state(&self) -> Result<Event, JsonError> {
        Event::builder().event("board").build_json(&*self.prices())
    }

    fn prices(&self) -> MutexGuard<'_, BTreeMap<String, u64>> {
        self.prices.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

pub(crate) fn router(board: Board) -> Result<Router, RouteErrors> {
    Routes::new()
        .state(board)
        .get("/", handler(|| Html(PAGE)))
        .get("/prices", before(follow))
        .build()
}

async fn follow(cx: &mut Context) -> Outcome {
    let board = cx.state::<Board>()?;
    let (cursor, state) = board.feed.snapshot(|| ready(board.state())).await;
    let again = Board::clone(&board);
    let follow = Follow::after(cursor)
        .first(state?)
        .resume_request(cx.headers(), cx.uri())
        .on_gap(move |_| ready(again.state()))
        .lag(Lag::Latest);
    match board.feed.follow(follow) {
        Ok(prices) => cx.respond(prices.into_response()),
        Err(_finished) => cx.respond(sse::finished()),
    }
}

const SYMBOLS: [&str; 4] = ["ACME", "BOLT", "CORE", "DUNE"];

/// A thousand prices a second, each a cent up or down.
async fn tick(board: Board) -> Result<(), BoxError> {
    let mut prices = SYMBOLS.map(|symbol| (symbol, 10_000_u64));
    let mut random = 1_u64;
    let mut millis = interval(Duration::from_millis(1));
    for at in (0..SYMBOLS.len()).cycle() {
        millis.tick().await;
        // The generator of Knuth's MMIX, of which the highest bits are the best.
        random = random
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        let (symbol, cents) = &mut prices[at];
        *cents = match random >> 63 {
            0 => cents.saturating_sub(1),
            _ => *cents + 1,
        };
        board.set(symbol, *cents)?;
    }
    Ok(())
}

#[tokio::main]
async fn main() -> Result<(), BoxError> {
    let board = Board::new(Feed::new());
    let mut ticker = JoinSet::new();
    ticker.spawn(tick(board.clone()));
    let server = Server::bind("127.0.0.1:8080").await?;
    server.serve(router(board)?).await?;
    ticker.shutdown().await;
    Ok(())
}
