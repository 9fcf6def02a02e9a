//! Things with small numbers that are used again.

use std::num::NonZeroU32;

/// The number of a thing in a [`Slab`], from 1, so that an `Option` of it takes no more room.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(in crate::feed) struct Id(NonZeroU32);

impl Id {
    fn index(self) -> usize {
        self.0.get() as usize - 1
    }

    fn of(index: usize) -> Self {
        let number = u32::try_from(index + 1).ok().and_then(NonZeroU32::new);
        Self(number.expect("memory ends before 2^32 of them"))
    }
}

/// It never shrinks: it has room for as many as there once were.
#[derive(Debug)]
pub(super) struct Slab<T> {
    slots: Vec<Option<T>>,
    free: Vec<Id>,
}

impl<T> Default for Slab<T> {
    fn default() -> Self {
        Self {
            slots: Vec::new(),
            free: Vec::new(),
        }
    }
}

impl<T> Slab<T> {
    pub(super) fn insert(&mut self, value: T) -> Id {
        if let Some(id) = self.free.pop() {
            self.slots[id.index()] = Some(value);
            return id;
        }
        self.slots.push(Some(value));
        Id::of(self.slots.len() - 1)
    }

    /// # Panics
    ///
    /// When there is none, as [`get`](Self::get) and [`get_mut`](Self::get_mut).
    pub(super) fn remove(&mut self, id: Id) -> T {
        let value = self.slots[id.index()].take();
        self.free.push(id);
        value.expect(PRESENT)
    }

    pub(super) fn get(&self, id: Id) -> &T {
        self.slots[id.index()].as_ref().expect(PRESENT)
    }

    pub(super) fn get_mut(&mut self, id: Id) -> &mut T {
        self.slots[id.index()].as_mut().expect(PRESENT)
    }

    pub(super) fn find_mut(&mut self, id: Id) -> Option<&mut T> {
        self.slots[id.index()].as_mut()
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = (Id, &T)> {
        let slots = self.slots.iter().enumerate();
        slots.filter_map(|(index, slot)| Some((Id::of(index), slot.as_ref()?)))
    }

    pub(super) fn iter_mut(&mut self) -> impl Iterator<Item = &mut T> {
        self.slots.iter_mut().flatten()
    }

    pub(super) fn len(&self) -> usize {
        self.slots.len() - self.free.len()
    }
}

const PRESENT: &str = "whoever has the number has not given it back";
