//! What a client asks for, as it is drawn and as it is said in a query.

use std::iter;

use fastrand::Rng;
use peristyle_peers::Failure;
use peristyle_sse::feed::{Follow, Lag, Topics};
use serde::Deserialize;

use crate::{
    ledger::{self, Account},
    wire::{GROUP, TOPICS, topic},
};

/// What a client asks for.
#[derive(Debug)]
pub(crate) struct Asked {
    /// Names and patterns, none of which is all.
    topics: Vec<String>,
    /// A bit for each topic.
    bits: u64,
    exact: bool,
    lag: ledger::Lag,
    start: &'static str,
    age: bool,
}

impl Asked {
    pub(crate) fn draw(rng: &mut Rng) -> Self {
        let (topics, bits, exact) = match rng.u8(..10) {
            0..3 => (Vec::new(), u64::MAX, false),
            3..7 => names(rng),
            _ => patterns(rng),
        };
        let lags = [ledger::Lag::Resume, ledger::Lag::Gap, ledger::Lag::Latest];
        Self {
            topics,
            bits,
            exact,
            lag: lags[rng.usize(..lags.len())],
            start: STARTS[rng.usize(..STARTS.len())],
            age: rng.u8(..4) == 0,
        }
    }

    pub(crate) fn account(&self) -> Account {
        Account::new(self.bits, self.lag, self.exact)
    }

    /// Whether it is given every event, as soon as it is there.
    pub(crate) fn is_everything(&self) -> bool {
        self.bits == u64::MAX && self.lag != ledger::Lag::Latest
    }

    pub(crate) fn query(&self) -> String {
        let lag = match self.lag {
            ledger::Lag::Resume => "resume",
            ledger::Lag::Gap => "gap",
            ledger::Lag::Latest => "latest",
        };
        let (topics, start, age) = (self.topics.join(","), self.start, self.age);
        format!("topics={topics}&lag={lag}&start={start}&age={age}")
    }
}

const STARTS: [&str; 5] = ["live", "live", "live", "last", "earliest"];

/// Up to eight.
fn names(rng: &mut Rng) -> (Vec<String>, u64, bool) {
    let count = rng.usize(1..=8);
    let numbers: Vec<u8> = iter::repeat_with(|| rng.u8(..TOPICS)).take(count).collect();
    let bits = numbers.iter().map(|number| 1 << number);
    let bits = bits.fold(0, |bits: u64, bit: u64| bits | bit);
    (numbers.into_iter().map(topic).collect(), bits, true)
}

/// All of one group, or one of each.
fn patterns(rng: &mut Rng) -> (Vec<String>, u64, bool) {
    let groups = TOPICS / GROUP;
    let in_group = |group: u8| ((1 << GROUP) - 1) << (group * GROUP);
    if rng.bool() {
        let group = rng.u8(..groups);
        let pattern = format!("{}/**", char::from(b'a' + group));
        return (vec![pattern], in_group(group), false);
    }
    let number = rng.u8(..GROUP);
    let bits = (0..groups).fold(0, |bits: u64, group| bits | 1 << (group * GROUP + number));
    (vec![format!("*/{number}")], bits, false)
}

/// The same, as the server reads it.
#[derive(Debug, Deserialize)]
pub(crate) struct Query {
    topics: String,
    lag: String,
    start: String,
    /// Whether the stream ends at an age.
    pub(crate) age: bool,
}

impl Query {
    pub(crate) fn follow(&self) -> Result<Follow, Failure> {
        let follow = match &*self.start {
            "live" => Follow::live(),
            "last" => Follow::last(100),
            "earliest" => Follow::earliest(),
            start => return Err(format!("there is no start `{start}`").into()),
        };
        let topics = match &*self.topics {
            "" => Topics::all(),
            topics => Topics::new(topics.split(','))?,
        };
        let lag = match &*self.lag {
            "resume" => Lag::Resume,
            "gap" => Lag::Gap,
            "latest" => Lag::Latest,
            lag => return Err(format!("there is no lag `{lag}`").into()),
        };
        Ok(follow.topics(topics).lag(lag))
    }
}

#[cfg(test)]
mod tests {
    use peristyle_sse::feed::Topic;

    use super::*;

    #[test]
    fn what_is_asked_for_is_what_the_account_takes_for_it() {
        let mut rng = Rng::with_seed(7);
        for _ in 0..1_000 {
            let asked = Asked::draw(&mut rng);
            let topics = match &asked.topics[..] {
                [] => Topics::all(),
                topics => Topics::new(topics.iter().map(String::as_str)).unwrap(),
            };
            for number in 0..TOPICS {
                let topic: Topic = topic(number).parse().unwrap();
                let expected = topics.contains(&topic);
                assert_eq!(asked.bits >> number & 1 == 1, expected, "{asked:?}");
            }
        }
    }
}
