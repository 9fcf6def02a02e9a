//! The streams that are open, to be told of the end.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use peristyle_core::{Control, End};

/// The streams of a connection, or of a service, and whether it is draining.
#[derive(Debug, Clone, Default)]
pub(crate) struct Streams(Arc<Mutex<Open>>);

#[derive(Debug, Default)]
struct Open {
    controls: Vec<Control>,
    draining: bool,
}

impl Streams {
    pub(crate) fn add(&self, control: &Control) {
        let mut open = self.lock();
        // Those that have ended are looked for as often as the list has doubled: what one costs does not grow with the others.
        if open.controls.len() == open.controls.capacity() {
            open.controls.retain(|control| control.end().is_none());
            let left = open.controls.len();
            open.controls.reserve(left + 1);
        }
        let draining = open.draining;
        open.controls.push(control.clone());
        drop(open);
        if draining {
            control.drain();
        }
    }

    pub(crate) fn drain(&self) {
        let mut open = self.lock();
        open.draining = true;
        let controls = open.controls.clone();
        drop(open);
        controls.iter().for_each(Control::drain);
    }

    pub(crate) fn cut(&self, why: End) {
        let controls = self.lock().controls.clone();
        for control in &controls {
            control.cut(why);
        }
    }

    fn lock(&self) -> MutexGuard<'_, Open> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn streams_that_have_ended_are_forgotten_and_those_that_have_not_are_told() {
        let streams = Streams::default();
        let (open, mut controlled) = Control::new();
        streams.add(&open);
        for _ in 0..1000 {
            let (control, mut controlled) = Control::new();
            streams.add(&control);
            controlled.end(End::Finished);
            assert!(streams.lock().controls.len() <= 8);
        }
        streams.drain();
        let mut waiting = tokio_test::task::spawn(());
        let drained = waiting.enter(|cx, _| controlled.poll_drain(cx));
        assert!(drained.is_ready());
    }
}
