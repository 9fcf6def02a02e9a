//! The way in.

use peristyle_core::{Chain, Context, Error};

use crate::feed::{Cursor, Feed, Publish};

/// Publishes what a chain of interceptors lets through, as the chain leaves it.
///
/// A part of a program that is to publish only what was checked is given this, and not the
/// [`Feed`]. Each part can have a chain of its own. Clones share the chain.
///
/// ```
/// use peristyle_core::{Chain, Context, before};
/// use peristyle_sse::{
///     Event,
///     feed::{Feed, Publish},
/// };
///
/// struct User(&'static str);
///
/// fn authorise(cx: &mut Context<Publish>) -> Result<(), &'static str> {
///     match cx.get::<User>() {
///         Some(User("Ada")) => Ok(()),
///         _ => Err("only Ada may publish"),
///     }
/// }
///
/// async fn enrich(cx: &mut Context<Publish>) -> Result<(), peristyle_sse::feed::InvalidTopic> {
///     let topic = "orders/eu".parse()?;
///     **cx = cx.clone().topic(topic);
///     Ok(())
/// }
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), peristyle_core::Error> {
/// let feed = Feed::new();
/// let publisher = feed.publisher(Chain::new([
///     before(authorise).named("authorise"),
///     before(enrich),
/// ]));
///
/// let mut cx = Context::new(Publish::new(Event::data("paid")));
/// cx.insert(User("Ada"));
/// let cursor = publisher.publish_with(&mut cx).await?;
/// assert_eq!(cursor.offset(), 1);
///
/// let refused = publisher.publish(Event::data("paid")).await.unwrap_err();
/// assert_eq!(refused.to_string(), "enter of `authorise` failed");
/// assert_eq!(feed.cursor(), cursor);
/// # Ok(())
/// # }
/// ```
///
/// The event is published when the whole chain has ended well, leave stages included: whatever
/// fails or panics in it, nothing is published. As ever in a chain, an error stage that *handles*
/// the error has the walk go on, and what it leaves in the context is published; one that only
/// notes it declines.
///
/// Of events that are in their chains at once, the one whose chain ends first is first in the log.
/// An event with an [idempotency key](Publish::idempotency_key) goes through the chain again when it
/// is published again.
#[derive(Clone, Debug)]
pub struct Publisher {
    feed: Feed,
    chain: Chain<Publish>,
}

impl Feed {
    /// Publishes to this feed through a chain. [`publish`](Self::publish) goes past it.
    pub fn publisher(&self, chain: impl Into<Chain<Publish>>) -> Publisher {
        Publisher {
            feed: self.clone(),
            chain: chain.into(),
        }
    }
}

impl Publisher {
    /// Publishes what the chain makes of `publish`. Returns its cursor.
    ///
    /// # Errors
    ///
    /// That of the chain, its panics included; then nothing was published.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future cancels the chain where it waits, and nothing is published.
    pub async fn publish(&self, publish: impl Into<Publish>) -> Result<Cursor, Error> {
        let mut cx = Context::new(publish.into());
        self.publish_with(&mut cx).await
    }

    /// Publishes what the chain makes of the value of `cx`, which may carry what stages ask for:
    /// who publishes, an observer, an identity. Afterwards it has what they left in it.
    ///
    /// # Errors
    ///
    /// As [`publish`](Self::publish).
    ///
    /// # Cancel safety
    ///
    /// As [`publish`](Self::publish). The context can be used again.
    pub async fn publish_with(&self, cx: &mut Context<Publish>) -> Result<Cursor, Error> {
        self.chain.run(cx).await?;
        Ok(self.feed.publish(Publish::clone(cx)))
    }

    /// Publishes through a chain whose stages all answer at once, outside of any runtime.
    ///
    /// # Errors
    ///
    /// As [`publish`](Self::publish). When a stage would have to wait, nothing is published and the
    /// error [names it](Error::would_wait).
    pub fn publish_now(&self, publish: impl Into<Publish>) -> Result<Cursor, Error> {
        let mut cx = Context::new(publish.into());
        self.chain.run_now(&mut cx)?;
        Ok(self.feed.publish(cx.into_inner()))
    }
}
