use std::{collections::BTreeMap, net::SocketAddr};

use hyper::Request;
use peristyle::{
    BoxError,
    sse::{
        MessageEvent,
        feed::{Epoch, Feed, FeedBuilder},
    },
};
use tokio::{
    net::{TcpSocket, TcpStream},
    task::yield_now,
};

use crate::{
    browser::Browser,
    client::{Answer, Events},
    tool,
    wire::Running,
};

#[path = "../../prices.rs"]
#[expect(dead_code, reason = "its `main` is not run")]
mod example;

use example::{Board, router};

struct Market {
    board: Board,
    feed: Feed,
    server: Running,
}

impl Market {
    async fn open() -> Result<Self, BoxError> {
        Self::open_with(Feed::builder()).await
    }

    async fn open_with(builder: FeedBuilder) -> Result<Self, BoxError> {
        // In base 36 the epoch is `e`.
        let feed = builder.epoch(Epoch::new(14)).build();
        let board = Board::new(feed.clone());
        let server = Running::start(router(board.clone())?).await;
        Ok(Self {
            board,
            feed,
            server,
        })
    }

    async fn follow(&self) -> Result<Events, BoxError> {
        let prices = Request::get("/prices");
        let answer = Answer::to(self.server.address, prices, "").await?;
        Ok(answer.events())
    }

    async fn resume(&self, id: &str) -> Result<Events, BoxError> {
        let prices = Request::get("/prices").header("last-event-id", id);
        let answer = Answer::to(self.server.address, prices, "").await?;
        Ok(answer.events())
    }
}

fn price(event: &MessageEvent) -> Result<(String, u64), BoxError> {
    assert_eq!(event.event(), "price");
    Ok(serde_json::from_str(event.data())?)
}

#[tokio::test]
async fn a_newcomer_starts_with_all_prices_and_goes_on_from_there() -> Result<(), BoxError> {
    let market = Market::open().await?;
    for (symbol, cents) in [("A", 1), ("B", 2), ("A", 3)] {
        market.board.set(symbol, cents)?;
    }
    let mut prices = market.follow().await?;
    prices.gives(["board", "e-3", r#"{"A":3,"B":2}"#]).await?;
    market.board.set("B", 4)?;
    prices.gives(["price", "e-4", r#"["B",4]"#]).await?;
    market.board.set("C", 5)?;
    prices.gives(["price", "e-5", r#"["C",5]"#]).await?;
    drop(prices);
    market.server.ended().await;
    Ok(())
}

#[tokio::test]
async fn who_comes_back_gets_the_newest_of_what_has_changed() -> Result<(), BoxError> {
    let market = Market::open().await?;
    for (symbol, cents) in [("A", 1), ("B", 2), ("A", 3), ("A", 4)] {
        market.board.set(symbol, cents)?;
    }
    let mut prices = market.resume("e-2").await?;
    prices.gives(["price", "e-4", r#"["A",4]"#]).await?;
    drop(prices);
    market.server.ended().await;
    Ok(())
}

#[tokio::test]
async fn who_has_missed_what_the_log_no_longer_has_gets_all_prices_instead_of_a_gap()
-> Result<(), BoxError> {
    let market = Market::open_with(Feed::builder().max_events(2)).await?;
    for (symbol, cents) in [("A", 1), ("B", 2), ("C", 3), ("D", 4)] {
        market.board.set(symbol, cents)?;
    }
    for (id, all) in [
        ("e-0", r#"{"A":1,"B":2,"C":3,"D":4}"#),
        ("f-4", r#"{"A":1,"B":2,"C":3,"D":4}"#),
        ("what?", r#"{"A":1,"B":2,"C":3,"D":4}"#),
    ] {
        let mut prices = market.resume(id).await?;
        prices.gives(["board", "e-4", all]).await?;
    }
    market.server.ended().await;
    Ok(())
}

#[tokio::test]
async fn who_keeps_up_gets_every_price() -> Result<(), BoxError> {
    let market = Market::open().await?;
    let mut prices = market.follow().await?;
    prices.gives(["board", "e-0", "{}"]).await?;
    for cents in 0..1000 {
        market.board.set("A", cents)?;
        assert_eq!(price(&prices.next().await?)?, ("A".to_owned(), cents));
    }
    drop(prices);
    market.server.ended().await;
    Ok(())
}

/// One whose system takes in little that is not read.
async fn connect_slowly(address: SocketAddr) -> Result<TcpStream, BoxError> {
    let socket = TcpSocket::new_v4()?;
    socket.set_recv_buffer_size(4096)?;
    Ok(socket.connect(address).await?)
}

/// Long, so that few prices fill what lies between a server and a client.
fn symbols() -> [String; 3] {
    ["A", "B", "C"].map(|letter| letter.repeat(240))
}

/// Of the prices that are published only so many may have been taken from the log when this is enough: one of so many.
const SLOW: u64 = 4;

/// Changes all prices again and again while somebody does not read, until far more was published than has found room on the way.
async fn change_while_nobody_reads(market: &Market) -> Result<u64, BoxError> {
    let symbols = symbols();
    for cents in 1.. {
        for symbol in &symbols {
            market.board.set(symbol, cents)?;
        }
        // The server goes on for as long as the socket takes something.
        yield_now().await;
        let metrics = market.feed.metrics();
        if metrics.published > 1000 && metrics.published > SLOW * metrics.delivered {
            return Ok(cents);
        }
    }
    Err("it took all".into())
}

#[tokio::test]
async fn who_is_slow_gets_the_newest_price_of_each_symbol_and_no_backlog() -> Result<(), BoxError> {
    let market = Market::open().await?;
    let slow = connect_slowly(market.server.address).await?;
    let prices = Request::get("/prices");
    let mut prices = Answer::over(slow, prices, "").await?.events();
    prices.gives(["board", "e-0", "{}"]).await?;
    let newest = change_while_nobody_reads(&market).await?;

    let (mut seen, mut count) = (BTreeMap::new(), 0);
    while symbols().iter().any(|it| seen.get(it) != Some(&newest)) {
        let (symbol, cents) = price(&prices.next().await?)?;
        let before = seen.insert(symbol, cents);
        assert!(before < Some(cents), "{before:?} is before {cents}");
        count += 1;
    }
    let published = market.feed.metrics().published;
    // Three more may have been on their way, and the newest three were not.
    assert!(
        count <= published / SLOW + 6,
        "{count} of {published} prices"
    );
    // It has caught up.
    market.board.set("A", newest + 1)?;
    assert_eq!(price(&prices.next().await?)?, ("A".to_owned(), newest + 1));
    drop(prices);
    market.server.ended().await;
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_page_starts_full_and_changes() -> Result<(), BoxError> {
    let Some(chromium) = tool::require("chromium") else {
        return Ok(());
    };
    let market = Market::open().await?;
    market.board.set("A", 100)?;
    market.board.set("B", 250)?;
    let mut browser = Browser::start(&chromium);
    browser.open(&format!("http://{}/", market.server.address));
    browser.wait_for("document.querySelector('table')?.innerText === 'A\\t1.00\\nB\\t2.50'");
    market.board.set("B", 7)?;
    browser.wait_for("document.querySelector('table').innerText === 'A\\t1.00\\nB\\t0.07'");
    drop(browser);
    market.server.ended().await;
    Ok(())
}
