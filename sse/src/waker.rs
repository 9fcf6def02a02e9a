//! Which waker somebody has.

use std::{num::NonZeroUsize, ptr, task::Waker};

/// What tells one waker from others for as long as it is kept, without keeping it here too; see [`Waker::will_wake`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Identity {
    data: usize,
    vtable: NonZeroUsize,
}

impl Identity {
    pub(crate) fn of(waker: &Waker) -> Self {
        let vtable = ptr::from_ref(waker.vtable()).addr();
        Self {
            data: waker.data().addr(),
            vtable: NonZeroUsize::new(vtable).expect("no reference is null"),
        }
    }
}
