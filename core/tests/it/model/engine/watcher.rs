//! An observer that notes what it is told.

use std::panic::resume_unwind;

use peristyle_core::{Context, Ending, Error, Invocation, Observer};

use super::{
    super::{
        event::{Ended, Event},
        plan::Watch,
    },
    World,
    seen::{bound, number, told},
};

pub(super) struct Watcher {
    watch: Watch,
    world: World,
}

impl Watcher {
    pub(super) fn new(watch: Watch, world: World) -> Self {
        Self { watch, world }
    }

    fn tell(&self, event: Event) {
        self.world.note(event);
        if self.watch.panics {
            resume_unwind(Box::new("nobody hears this either"));
        }
    }
}

impl Observer<u32> for Watcher {
    fn before(&self, _: &Context<u32>, at: &Invocation<'_>) {
        self.tell(Event::Before {
            observer: self.watch.id,
            stage: at.stage,
            name: number(at.interceptor),
        });
    }

    fn after(&self, cx: &Context<u32>, at: &Invocation<'_>, ending: &Ending<'_>) {
        let ended = match ending {
            Ending::Done => Ended::Done,
            Ending::Waited => Ended::Waited,
            Ending::Failed(error) => Ended::Failed(told(error)),
            Ending::Interrupted(error) => Ended::Interrupted(told(error)),
            Ending::Cancelled => Ended::Cancelled,
            _ => unreachable!("there are five"),
        };
        self.tell(Event::After {
            observer: self.watch.id,
            stage: at.stage,
            name: number(at.interceptor),
            ended,
            timed: at.elapsed.is_some(),
            value: **cx,
            bound: bound(),
        });
    }

    fn handled(&self, _: &Context<u32>, at: &Invocation<'_>, error: &Error) {
        self.tell(Event::Handled {
            observer: self.watch.id,
            name: number(at.interceptor),
            error: told(error),
        });
    }
}
