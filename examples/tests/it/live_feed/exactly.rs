//! A page goes on exactly where it was, whatever happens to its connection and its tab.

use peristyle::{BoxError, sse::feed::Feed};
use serde_json::{Value, json};

use super::{
    PUBLISHED,
    example::{
        feed::{NEWEST, feed, publish},
        router,
    },
    shows,
};
use crate::{browser::Browser, network::Network, tool, wire::Running};

/// A page, the feed that it shows, and what lies between.
struct Scene {
    feed: Feed,
    server: Running,
    network: Network,
    browser: Browser,
    /// How many messages were published, each of them its number.
    published: usize,
}

impl Scene {
    /// `None` where there is no browser.
    async fn open() -> Result<Option<Self>, BoxError> {
        let Some(chromium) = tool::require("chromium") else {
            return Ok(None);
        };
        let feed = feed();
        let server = Running::start(router(&feed)?).await;
        let mut scene = Self {
            network: Network::before(server.address).await?,
            browser: Browser::start(&chromium),
            published: 0,
            feed,
            server,
        };
        scene.load();
        scene.publish(5);
        scene.shows_all();
        Ok(Some(scene))
    }

    fn load(&mut self) {
        self.browser
            .open(&format!("http://{}/", self.network.address));
    }

    fn publish(&mut self, count: usize) {
        for _ in 0..count {
            self.published += 1;
            publish(&self.feed, "published", &self.published.to_string());
        }
    }

    /// Each message once, in order, and nothing of a gap.
    fn shows_all(&mut self) {
        let newest = self.published.to_string();
        self.browser.wait_for(&shows("#published li", &newest));
        let all: Vec<Value> = (1..=self.published)
            .rev()
            .map(|number| json!(number.to_string()))
            .collect();
        assert_eq!(self.browser.evaluate(PUBLISHED), Value::from(all));
        let gap = self
            .browser
            .evaluate("document.querySelector('#gap').textContent");
        assert_eq!(gap, "");
    }

    async fn end(self) {
        drop(self.browser);
        drop(self.network);
        self.server.ended().await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_tab_that_is_loaded_again_goes_on_exactly_where_it_was() -> Result<(), BoxError> {
    let Some(mut scene) = Scene::open().await? else {
        return Ok(());
    };
    scene.publish(5);
    scene.load();
    scene.publish(5);
    scene.shows_all();

    // More than a new tab would get.
    scene.browser.open("about:blank");
    scene.publish(NEWEST + 20);
    scene.load();
    scene.shows_all();
    scene.end().await;
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_page_whose_connection_is_cut_wherever_goes_on_exactly_where_it_was()
-> Result<(), BoxError> {
    let Some(mut scene) = Scene::open().await? else {
        return Ok(());
    };
    scene.network.cut();
    scene.publish(NEWEST + 20);
    // Within the head, in its first event, and in some event after that.
    for bytes in [10, 350, 1003] {
        scene.network.mend_for(bytes).await;
    }
    scene.network.mend();
    scene.shows_all();
    scene.publish(1);
    scene.shows_all();
    scene.end().await;
    Ok(())
}
