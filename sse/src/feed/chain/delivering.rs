//! The way out.

use peristyle_core::{Chain, Context, Error};

use crate::{
    Event,
    feed::{Follow, Published, subscription::stamped},
};

/// An event on its way to one subscriber, as a chain of interceptors carries it: see
/// [`Follow::on_deliver`].
#[derive(Clone, Debug)]
pub struct Delivering {
    published: Published,
    withheld: bool,
}

impl Delivering {
    /// The event, as the stages before have left it.
    pub fn published(&self) -> &Published {
        &self.published
    }

    /// Sends this event instead, to this subscriber. Its id is the cursor as before, and cursor,
    /// topic and key stay.
    pub fn replace(&mut self, event: &Event) {
        self.published.event = stamped(event, self.published.cursor);
    }

    /// Does not send it to this subscriber. The walk turns back after this stage.
    pub fn withhold(&mut self) {
        self.withheld = true;
    }

    /// Whether a stage has withheld it.
    pub fn is_withheld(&self) -> bool {
        self.withheld
    }

    fn into_published(self) -> Option<Published> {
        (!self.withheld).then_some(self.published)
    }
}

/// Sends an event through the chain; `None` when it was withheld.
pub(in crate::feed) async fn deliver(
    chain: Chain<Delivering>,
    published: Published,
) -> Result<Option<Published>, Error> {
    let mut cx = Context::new(Delivering {
        published,
        withheld: false,
    });
    cx.terminate_when(|cx| cx.is_withheld());
    chain.run(&mut cx).await?;
    Ok(cx.into_inner().into_published())
}

impl Follow {
    /// Sends each event through a chain of interceptors on its way to this subscriber, which can
    /// [withhold](Delivering::withhold) it or [replace](Delivering::replace) it. For
    /// [`Feed::follow`] and [`Feed::deliveries`] only. Default is none, which costs nothing: all
    /// subscribers then send the same bytes, and so they do for what a chain leaves as it is.
    ///
    /// ```
    /// use peristyle_core::{Chain, Context, before};
    /// use peristyle_sse::{
    ///     Event,
    ///     feed::{Delivering, Feed, Follow},
    /// };
    ///
    /// fn redact(cx: &mut Context<Delivering>) {
    ///     cx.replace(&Event::data("something was bought"));
    /// }
    ///
    /// /// A chain costs little: each subscriber has one that knows who it is.
    /// fn only_of(region: String) -> Chain<Delivering> {
    ///     let only = before(move |cx: &mut Context<Delivering>| {
    ///         let topic = cx.published().topic().map_or("", |topic| topic.as_str());
    ///         if !topic.ends_with(&region) {
    ///             cx.withhold();
    ///         }
    ///     });
    ///     Chain::new([only.named("only_of"), before(redact)])
    /// }
    ///
    /// let feed = Feed::new();
    /// let follow = Follow::live().on_deliver(only_of("eu".to_owned()));
    /// let stream = feed.follow(follow)?;
    /// # Ok::<(), peristyle_sse::feed::Finished>(())
    /// ```
    ///
    /// What comes out of the log goes through it, whether it was there before or comes while the
    /// subscriber follows. What is made for the subscriber does not: its [`first`](Self::first)
    /// event, a [gap](crate::feed::Gap), and the state [in place of one](Self::on_gap).
    ///
    /// A stage may wait. Events stay in order, since there is one in the chain at a time; what waits
    /// behind it waits in the log, and is subject to [`Lag`](crate::feed::Lag). Nobody else waits for
    /// it. An error or a panic that no error stage handles ends the stream with it, after what was
    /// sent before: no event is left out because of a failure.
    ///
    /// The client's cursor does not move with what is withheld, so that it may go through the chain
    /// again when the client comes back. It is moved, by an event that has nothing but an id, after
    /// 256 in a row, and where the stream ends after some.
    ///
    /// [`Feed::follow`]: crate::feed::Feed::follow
    /// [`Feed::deliveries`]: crate::feed::Feed::deliveries
    pub fn on_deliver(mut self, chain: impl Into<Chain<Delivering>>) -> Self {
        self.on_deliver = Some(chain.into());
        self
    }
}
