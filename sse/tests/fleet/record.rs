//! What happens in a world.

use std::{
    hash::{DefaultHasher, Hash, Hasher},
    sync::{Mutex, MutexGuard},
    time::Duration,
};

use tokio::time::Instant;

use crate::feed::{Cursor, Epoch};

use super::{plan::Plan, progress::Tally};

pub(super) struct Record {
    began: Instant,
    state: Mutex<State>,
}

/// What was published: of each life of the log the topics and texts, in order.
#[derive(Debug, Default)]
pub(super) struct Published(Vec<Vec<(u64, String)>>);

#[derive(Default)]
struct State {
    published: Published,
    digest: DefaultHasher,
    counts: Counts,
}

/// What was counted, by seconds since the begin where it says so.
#[derive(Debug, Default, Clone)]
pub(super) struct Counts {
    /// Connections that clients tried to make in each second.
    pub(super) attempts: Vec<u32>,
    /// Streams that began in each second, by instance.
    pub(super) begun: Vec<Vec<u32>>,
    /// Tries that found no connection.
    pub(super) unconnected: u32,
    /// Tries that were told to come back later.
    pub(super) refused: u32,
    /// After what time those were told to come.
    pub(super) told: Vec<Duration>,
    /// Tries that were made before the time that the client was told.
    pub(super) early: u32,
    /// When instances went down, and with how many streams.
    pub(super) downs: Vec<(Duration, u32)>,
    /// From the loss of each stream until its client had all again.
    pub(super) absences: Vec<Duration>,
    /// Clients that will not come back.
    pub(super) given_up: u32,
    /// Clients that had no stream at the end.
    pub(super) away: u32,
}

/// What is known of a world when it is over.
pub(super) struct Account {
    pub(super) plan: Plan,
    pub(super) counts: Counts,
    pub(super) tallies: Vec<Tally>,
    pub(super) published: usize,
    pub(super) digest: u64,
}

impl Record {
    pub(super) fn begin() -> Self {
        Self {
            began: Instant::now(),
            state: Mutex::default(),
        }
    }

    pub(super) fn now(&self) -> Duration {
        self.began.elapsed()
    }

    pub(super) fn attempt(&self, client: usize) {
        self.note("attempt", client);
        let second = self.second();
        count(&mut self.state().counts.attempts, second);
    }

    pub(super) fn unconnected(&self, client: usize) {
        self.note("unconnected", client);
        self.state().counts.unconnected += 1;
    }

    pub(super) fn refused(&self, instance: usize) {
        self.note("refused", instance);
        self.state().counts.refused += 1;
    }

    /// A client that is refused is told to come after this time.
    pub(super) fn told(&self, time: Option<Duration>) {
        self.state().counts.told.extend(time);
    }

    pub(super) fn comes_early(&self, client: usize) {
        self.note("comes early", client);
        self.state().counts.early += 1;
    }

    pub(super) fn begun(&self, instance: usize) {
        self.note("begun", instance);
        let second = self.second();
        let mut state = self.state();
        let begun = &mut state.counts.begun;
        if begun.len() <= instance {
            begun.resize(instance + 1, Vec::new());
        }
        count(&mut begun[instance], second);
    }

    /// An instance is told to end, or ends without a word.
    pub(super) fn down(&self, streams: usize) {
        self.note("down", streams);
        let now = self.now();
        let streams = u32::try_from(streams).expect("no more than clients");
        self.state().counts.downs.push((now, streams));
    }

    pub(super) fn back(&self, client: usize, absence: Duration) {
        self.note("back", client);
        self.state().counts.absences.push(absence);
    }

    pub(super) fn gives_up(&self, client: usize) {
        self.note("gives up", client);
        self.state().counts.given_up += 1;
    }

    pub(super) fn away(&self, client: usize) {
        self.note("away", client);
        self.state().counts.away += 1;
    }

    /// Bytes of a stream, comments among them.
    pub(super) fn read(&self, client: usize, bytes: &[u8]) {
        self.note("read", (client, bytes));
    }

    /// The log begins anew.
    pub(super) fn epoch(&self) -> Epoch {
        let mut state = self.state();
        state.published.0.push(Vec::new());
        Epoch::new(state.published.0.len() as u64)
    }

    pub(super) fn publish(&self, cursor: Cursor, topic: u64, text: String) {
        self.note("publish", (cursor, topic));
        let mut state = self.state();
        let life = state.published.0.last_mut().expect("there is a log");
        life.push((topic, text));
        assert_eq!(cursor.offset(), life.len() as u64, "others publish too");
    }

    pub(super) fn with_published<R>(&self, f: impl FnOnce(&Published) -> R) -> R {
        f(&self.state().published)
    }

    pub(super) fn end(&self, plan: Plan, tallies: Vec<Tally>) -> Account {
        let state = self.state();
        Account {
            plan,
            counts: state.counts.clone(),
            tallies,
            published: state.published.0.iter().map(Vec::len).sum(),
            digest: state.digest.finish(),
        }
    }

    fn note(&self, what: &str, whom: impl Hash) {
        let now = self.now();
        (now, what, whom).hash(&mut self.state().digest);
    }

    fn second(&self) -> usize {
        index(self.now().as_secs())
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().expect("nobody panics with it")
    }
}

impl Account {
    /// Of all clients.
    pub(super) fn tally(&self) -> Tally {
        let mut sum = Tally::default();
        for tally in &self.tallies {
            sum.add(*tally);
        }
        sum
    }

    /// From the shortest to the longest.
    pub(super) fn absences(&self) -> Vec<Duration> {
        let mut absences = self.counts.absences.clone();
        absences.sort_unstable();
        absences
    }
}

impl Counts {
    /// Connections that clients tried to make in each second since the service first went down.
    pub(super) fn attempts_since(&self) -> &[u32] {
        let (first, _) = self.downs.first().expect("the service goes down");
        &self.attempts[index(first.as_secs())..]
    }
}

impl Published {
    pub(super) fn get(&self, cursor: Cursor) -> Option<&(u64, String)> {
        self.life(cursor.epoch())
            .get(index(cursor.offset().checked_sub(1)?))
    }

    /// The cursors and topics of what came after `at` in its life of the log, up to this offset.
    pub(super) fn between(&self, at: Cursor, to: u64) -> impl Iterator<Item = (Cursor, u64)> {
        let life = self.life(at.epoch());
        let first = index(at.offset()).min(life.len());
        let last = index(to).clamp(first, life.len());
        let numbered = (at.offset() + 1..).zip(&life[first..last]);
        numbered.map(move |(offset, (topic, _))| (Cursor::new(at.epoch(), offset), *topic))
    }

    /// How many events later lives of the log had.
    pub(super) fn after(&self, epoch: Epoch) -> u64 {
        self.0
            .iter()
            .skip(index(epoch.number()))
            .map(|life| life.len() as u64)
            .sum()
    }

    fn life(&self, epoch: Epoch) -> &[(u64, String)] {
        let life = index(epoch.number()).checked_sub(1);
        life.and_then(|life| self.0.get(life))
            .map_or(&[], Vec::as_slice)
    }
}

/// Before all that was published.
pub(super) const ORIGIN: Cursor = Cursor::new(Epoch::new(1), 0);

fn index(number: u64) -> usize {
    usize::try_from(number).unwrap_or(usize::MAX)
}

fn count(seconds: &mut Vec<u32>, second: usize) {
    if seconds.len() <= second {
        seconds.resize(second + 1, 0);
    }
    seconds[second] += 1;
}
