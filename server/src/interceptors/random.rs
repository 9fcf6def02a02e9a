//! Numbers that nobody guesses and that do not come twice.

use std::{
    hash::{BuildHasher, DefaultHasher, Hasher, RandomState},
    sync::atomic::{AtomicU64, Ordering},
};

/// A count, made unguessable by a keyed hash. It costs no system call and no lock.
#[derive(Debug)]
pub(crate) struct Numbers {
    seed: [u64; 2],
    count: AtomicU64,
}

impl Numbers {
    /// Those of this process.
    pub(crate) fn random() -> Self {
        let state = RandomState::new();
        Self::from_seed([state.hash_one(0), state.hash_one(1)])
    }

    pub(crate) const fn seeded(seed: u64) -> Self {
        Self::from_seed([seed, 0])
    }

    const fn from_seed(seed: [u64; 2]) -> Self {
        let count = AtomicU64::new(0);
        Self { seed, count }
    }

    pub(crate) fn next(&self) -> u64 {
        let mut hasher = DefaultHasher::new();
        hasher.write_u64(self.seed[0]);
        hasher.write_u64(self.seed[1]);
        hasher.write_u64(self.count.fetch_add(1, Ordering::Relaxed));
        hasher.finish()
    }

    /// Two of them. Only their 128 bits are as good as unique among all processes.
    pub(crate) fn next_wide(&self) -> u128 {
        u128::from(self.next()) << 64 | u128::from(self.next())
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn they_do_not_come_twice_and_a_seed_gives_the_same_again() {
        let numbers = Numbers::random();
        let many: HashSet<_> = (0..10_000).map(|_| numbers.next_wide()).collect();
        assert_eq!(many.len(), 10_000);
        let (one, other) = (Numbers::seeded(7), Numbers::seeded(7));
        assert_eq!(one.next_wide(), other.next_wide());
        assert_ne!(Numbers::random().next(), Numbers::random().next());
    }
}
