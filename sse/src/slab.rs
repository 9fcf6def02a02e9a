//! Things with small numbers that are used again.

use std::num::NonZeroU32;

/// The number of a thing in a [`Slab`], from 1, so that an `Option` of it takes no more room.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Id(NonZeroU32);

impl Id {
    pub(crate) fn index(self) -> usize {
        self.0.get() as usize - 1
    }

    pub(crate) fn of(index: usize) -> Self {
        let number = u32::try_from(index + 1).ok().and_then(NonZeroU32::new);
        Self(number.expect("memory ends before 2^32 of them"))
    }
}

/// It never shrinks: it has room for as many as there once were.
#[derive(Debug)]
pub(crate) struct Slab<T> {
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
    /// The number of what is [inserted](Self::insert) next.
    pub(crate) fn next(&self) -> Id {
        let free = self.free.last().copied();
        free.unwrap_or_else(|| Id::of(self.slots.len()))
    }

    pub(crate) fn insert(&mut self, value: T) -> Id {
        let id = self.next();
        match self.free.pop() {
            Some(_) => self.slots[id.index()] = Some(value),
            None => self.slots.push(Some(value)),
        }
        id
    }

    /// # Panics
    ///
    /// When there is none, as [`get`](Self::get) and [`get_mut`](Self::get_mut).
    pub(crate) fn remove(&mut self, id: Id) -> T {
        let value = self.slots[id.index()].take();
        self.free.push(id);
        value.expect(PRESENT)
    }

    pub(crate) fn get(&self, id: Id) -> &T {
        self.slots[id.index()].as_ref().expect(PRESENT)
    }

    pub(crate) fn get_mut(&mut self, id: Id) -> &mut T {
        self.slots[id.index()].as_mut().expect(PRESENT)
    }

    pub(crate) fn find_mut(&mut self, id: Id) -> Option<&mut T> {
        self.slots.get_mut(id.index())?.as_mut()
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = (Id, &T)> {
        let slots = self.slots.iter().enumerate();
        slots.filter_map(|(index, slot)| Some((Id::of(index), slot.as_ref()?)))
    }

    pub(crate) fn iter_mut(&mut self) -> impl Iterator<Item = &mut T> {
        self.slots.iter_mut().flatten()
    }

    pub(crate) fn len(&self) -> usize {
        self.slots.len() - self.free.len()
    }
}

const PRESENT: &str = "whoever has the number has not given it back";
