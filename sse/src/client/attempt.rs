//! One try to open the stream, through all redirects.

use std::{sync::Arc, time::Duration};

use tokio::time::timeout;

use super::{
    connect::Connector,
    error::{Error, Kind, Phase},
    exchange::Exchange,
    head::{Verdict, judge},
    outgoing::Outgoing,
};

/// As many as browsers follow (Fetch §4.4).
const MAX_REDIRECTS: usize = 20;

/// What every try begins with.
#[derive(Debug)]
pub(super) struct Plan {
    pub(super) outgoing: Outgoing,
    pub(super) connector: Connector,
    pub(super) connect_timeout: Duration,
    pub(super) read_timeout: Duration,
}

/// The open stream, or `None` when the server wants no further try.
///
/// Begins at the URL that was given, also after a try that was redirected: a server that moves its
/// clients for a time gets them back.
pub(super) async fn attempt(
    plan: Arc<Plan>,
    last_event_id: String,
) -> Result<Option<Exchange>, Error> {
    let mut outgoing = plan.outgoing.clone();
    for _ in 0..=MAX_REDIRECTS {
        let (status, verdict, exchange) = plan.ask(&outgoing, &last_event_id).await?;
        match verdict {
            Verdict::Open => return Ok(Some(exchange)),
            Verdict::Stop => return Ok(None),
            Verdict::Redirect(location) => outgoing = outgoing.redirected(status, &location)?,
        }
    }
    Err(Kind::Redirects.into())
}

impl Plan {
    async fn ask(
        &self,
        outgoing: &Outgoing,
        last_event_id: &str,
    ) -> Result<(http::StatusCode, Verdict, Exchange), Error> {
        let request = outgoing.request(last_event_id)?;
        let connecting = self.connector.connect(&outgoing.uri, self.connect_timeout);
        let exchange = Exchange::start(connecting.await?, request);
        let (head, exchange) = timeout(self.read_timeout, exchange)
            .await
            .map_err(|_| Kind::Timeout(Phase::Head, self.read_timeout))?
            .map_err(Kind::Exchange)?;
        let verdict = judge(head.status, &head.headers)?;
        Ok((head.status, verdict, exchange))
    }
}
