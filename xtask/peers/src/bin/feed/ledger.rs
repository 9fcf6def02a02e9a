//! What was published, and who has got it: every event by every follower once, in order.

use std::time::Duration;

use peristyle_peers::Failure;

use crate::{latency::Latency, message};

#[derive(Debug)]
pub(crate) struct Ledger {
    /// Who is to get each event.
    followers: usize,
    published: Vec<Published>,
    /// So many of the first were received by all.
    complete: usize,
    deliveries: u64,
    latency: Latency,
}

#[derive(Debug)]
struct Published {
    data: Vec<u8>,
    due: Duration,
    receipts: usize,
}

/// How far one follower is.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub(crate) struct Place(usize);

impl Ledger {
    pub(crate) fn new(followers: usize) -> Result<Self, Failure> {
        Ok(Self {
            followers,
            published: Vec::new(),
            complete: 0,
            deliveries: 0,
            latency: Latency::new()?,
        })
    }

    /// Notes an event that is to be published, and returns its data.
    pub(crate) fn publish(&mut self, due: Duration, size: usize) -> Result<&[u8], Failure> {
        let number = u32::try_from(self.published.len())?;
        self.published.push(Published {
            data: message::data(number, due, size),
            due,
            receipts: 0,
        });
        Ok(&self.published[number as usize].data)
    }

    /// Notes that the follower at this place received an event.
    ///
    /// # Errors
    ///
    /// When it is not the one that is due for it, byte by byte.
    pub(crate) fn receive(
        &mut self,
        place: &mut Place,
        data: &[u8],
        now: Duration,
    ) -> Result<(), Failure> {
        let due = self.published.get_mut(place.0);
        let Some(event) = due.filter(|event| event.data == data) else {
            return Err(self.wrong(*place, data));
        };
        event.receipts += 1;
        let latency = now.saturating_sub(event.due);
        self.latency.record(latency)?;
        place.0 += 1;
        self.deliveries += 1;
        while self.is_complete(self.complete) {
            self.complete += 1;
        }
        Ok(())
    }

    fn wrong(&self, place: Place, data: &[u8]) -> Failure {
        let got = match message::number(data) {
            Some(number) => format!("event {number}"),
            None => format!("{:?}", String::from_utf8_lossy(data)),
        };
        let Place(due) = place;
        let published = self.published.len();
        format!("a follower got {got} where event {due} of {published} was due").into()
    }

    fn is_complete(&self, number: usize) -> bool {
        let event = self.published.get(number);
        event.is_some_and(|event| event.receipts == self.followers)
    }

    /// How many events were published.
    pub(crate) fn published(&self) -> usize {
        self.published.len()
    }

    /// How many were not received by all yet.
    pub(crate) fn outstanding(&self) -> usize {
        self.published.len() - self.complete
    }

    /// Deliveries since the last [restart](Self::restart).
    pub(crate) fn deliveries(&self) -> u64 {
        self.deliveries
    }

    /// Of those.
    pub(crate) fn latency(&self) -> &Latency {
        &self.latency
    }

    /// Begins to count anew; what was published stays published.
    ///
    /// # Errors
    ///
    /// While an event is outstanding.
    pub(crate) fn restart(&mut self) -> Result<(), Failure> {
        self.audit([])?;
        self.deliveries = 0;
        self.latency = Latency::new()?;
        Ok(())
    }

    /// Notes what was published before, from this number on, as if it were now.
    ///
    /// # Errors
    ///
    /// When something was published already.
    pub(crate) fn repeat(
        &mut self,
        other: &Self,
        from: usize,
        due: Duration,
    ) -> Result<(), Failure> {
        if !self.published.is_empty() {
            return Err("what is repeated comes first".into());
        }
        let again = |event: &Published| Published {
            data: event.data.clone(),
            due,
            receipts: 0,
        };
        self.published = other.published[from..].iter().map(again).collect();
        Ok(())
    }

    /// Nobody lacks an event.
    ///
    /// # Errors
    ///
    /// When one of these followers does, or an event has not as many receipts as there are followers.
    pub(crate) fn audit(&self, places: impl IntoIterator<Item = Place>) -> Result<(), Failure> {
        let published = self.published.len();
        if self.complete != published {
            return Err(format!("{} of {published} events are complete", self.complete).into());
        }
        match places.into_iter().find(|place| place.0 != published) {
            Some(Place(received)) => {
                Err(format!("a follower got {received} of {published} events").into())
            }
            None => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Duration = Duration::from_millis(3);

    fn with_events(followers: usize, count: u64) -> (Ledger, Vec<Vec<u8>>) {
        let mut ledger = Ledger::new(followers).unwrap();
        let due = Duration::from_millis(1);
        let data = (0..count).map(|_| ledger.publish(due, 64).unwrap().to_vec());
        let data = data.collect();
        (ledger, data)
    }

    #[test]
    fn an_event_is_complete_when_every_follower_has_it() {
        let (mut ledger, data) = with_events(2, 2);
        let [mut ann, mut bob] = [Place::default(); 2];
        ledger.receive(&mut ann, &data[0], NOW).unwrap();
        ledger.receive(&mut ann, &data[1], NOW).unwrap();
        assert_eq!(ledger.outstanding(), 2);
        assert!(ledger.audit([ann, bob]).is_err());
        ledger.receive(&mut bob, &data[0], NOW).unwrap();
        assert_eq!(ledger.outstanding(), 1);
        ledger.receive(&mut bob, &data[1], NOW).unwrap();
        assert_eq!((ledger.outstanding(), ledger.published()), (0, 2));
        ledger.audit([ann, bob]).unwrap();
        assert_eq!((ledger.deliveries(), ledger.latency().count()), (4, 4));
        assert!((ledger.latency().max() - 2000.0).abs() < 2.0);
        ledger.restart().unwrap();
        assert_eq!((ledger.deliveries(), ledger.latency().count()), (0, 0));
    }

    #[test]
    fn what_is_not_due_is_an_error() {
        let (mut ledger, data) = with_events(1, 3);
        let mut ann = Place::default();
        ledger.receive(&mut ann, &data[0], NOW).unwrap();
        for (wrong, said) in [
            (&data[0][..], "event 0"),
            (&data[2], "event 2"),
            (&data[1][..63], "event 1"),
            (b"gap", "\"gap\""),
        ] {
            let error = ledger.receive(&mut ann, wrong, NOW).unwrap_err();
            let expected = format!("a follower got {said} where event 1 of 3 was due");
            assert_eq!(error.to_string(), expected);
        }
        assert!(ledger.restart().is_err());
    }

    #[test]
    fn a_follower_that_lacks_an_event_is_found_though_all_have_enough_receipts() {
        let (mut ledger, data) = with_events(1, 1);
        let mut ann = Place::default();
        ledger.receive(&mut ann, &data[0], NOW).unwrap();
        let error = ledger.audit([ann, Place::default()]).unwrap_err();
        assert_eq!(error.to_string(), "a follower got 0 of 1 events");
    }

    #[test]
    fn what_is_repeated_is_due_from_the_number_on() {
        let (first, data) = with_events(1, 3);
        let mut ledger = Ledger::new(1).unwrap();
        ledger.repeat(&first, 1, NOW).unwrap();
        assert_eq!(ledger.outstanding(), 2);
        let mut bob = Place::default();
        assert!(ledger.receive(&mut bob, &data[0], NOW).is_err());
        for event in &data[1..] {
            ledger.receive(&mut bob, event, NOW).unwrap();
        }
        ledger.audit([bob]).unwrap();
        assert!(ledger.latency().max() < 1.0);
        assert!(ledger.repeat(&first, 1, NOW).is_err());
    }

    #[test]
    fn an_event_more_than_was_published_is_an_error() {
        let (mut ledger, data) = with_events(1, 1);
        let mut ann = Place::default();
        ledger.receive(&mut ann, &data[0], NOW).unwrap();
        assert!(ledger.receive(&mut ann, &data[0], NOW).is_err());
    }
}
