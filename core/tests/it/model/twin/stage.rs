//! What a stage does.

use std::{mem, sync::Arc};

use peristyle_core::Stage;

use super::{
    super::{
        event::{Event, Refusal, Saw, Source},
        plan::{Deed, End, Part, Script, Way},
    },
    Ahead, Answer, Armed, Broken, Twin,
};

impl Twin<'_> {
    pub(super) fn stage(
        &mut self,
        part: &Part,
        stage: Stage,
        script: &Script,
    ) -> Result<Answer, Broken> {
        let saw = Saw {
            given: self.here().pending.clone(),
            ..self.saw()
        };
        if saw.bound != [None; 2] {
            self.come_to("a stage sees a binding");
        }
        self.events.push(Event::Stage(stage, part.name, saw));
        if script.end == End::PanicsFirst {
            return Err(Broken::Raised(Refusal::Stage(stage, part.name).panicked()));
        }
        match script.way {
            Way::AtOnce => {
                self.deeds(&script.first, false)?;
                self.deeds(&script.then, false)?;
                self.end(part, stage, script.end)?;
                Ok(match script.end {
                    End::Absent => Answer::Absent,
                    End::Declines => Answer::Declined,
                    _ => Answer::Done,
                })
            }
            Way::Waits {
                ticks,
                deeds_before,
                drop_panics,
            } => {
                if deeds_before {
                    self.deeds(&script.first, false)?;
                }
                let first: &[_] = if deeds_before { &[] } else { &script.first };
                let answer = self.later(part, stage, script, first, ticks);
                self.events.push(Event::Dropped(part.name, self.bound));
                if drop_panics {
                    return self.drop_panics(part, answer);
                }
                answer
            }
            Way::Conveys { ticks } => {
                self.deeds(&script.first, false)?;
                self.deeds(&script.then, false)?;
                if script.end == End::Panics {
                    self.end(part, stage, script.end)?;
                }
                self.before_waiting()?;
                self.wait(ticks)?;
                self.end(part, stage, script.end)?;
                if script.end == End::Declines {
                    return Ok(Answer::Declined);
                }
                self.come_to("conveys");
                self.value += 100;
                Ok(Answer::Waited)
            }
        }
    }

    /// What the future of a stage does.
    fn later(
        &mut self,
        part: &Part,
        stage: Stage,
        script: &Script,
        first: &[Deed],
        ticks: u32,
    ) -> Result<Answer, Broken> {
        self.before_waiting()?;
        self.deeds(first, true)?;
        self.wait(ticks)?;
        let saw = self.saw();
        self.events.push(Event::GoesOn(part.name, saw));
        self.deeds(&script.then, true)?;
        self.end(part, stage, script.end)?;
        if script.end == End::Declines {
            return Ok(Answer::Declined);
        }
        Ok(Answer::Waited)
    }

    /// The panic takes the place of what the stage ended with, unless the stage is panicking already, and comes after an
    /// interrupt. Nobody is there to be told when the whole run is dropped.
    fn drop_panics(
        &mut self,
        part: &Part,
        answer: Result<Answer, Broken>,
    ) -> Result<Answer, Broken> {
        let here = self.runs.len() - 1;
        let panicked = Refusal::Drop(part.name).panicked();
        match &answer {
            Err(Broken::Raised(Source::Panicked(_))) => return answer,
            Err(Broken::Interrupted(run, interrupt)) if *run == here => {
                self.come_to("an interrupted stage panics when it is dropped");
                return Err(Broken::InterruptedAndDropped(interrupt.clone(), panicked));
            }
            Err(Broken::Raised(_)) | Ok(_) => self.come_to("a stage panics when it is dropped"),
            Err(_) => {
                self.come_to("a stage of a dropped run panics when it is dropped");
                return answer;
            }
        }
        Err(Broken::Raised(panicked))
    }

    fn end(&mut self, part: &Part, stage: Stage, end: End) -> Result<(), Broken> {
        let refusal = Refusal::Stage(stage, part.name);
        let source = match end {
            End::Well | End::Declines | End::Absent => return Ok(()),
            End::Fails => Source::Own(refusal),
            End::Panics | End::PanicsFirst => refusal.panicked(),
            End::DropsSender => Source::Closed,
            End::Wraps => {
                let given = self.here().pending.as_ref().expect("of error stages only");
                Source::Error(Box::new(given[0].clone()))
            }
        };
        Err(Broken::Raised(source))
    }

    fn before_waiting(&mut self) -> Result<(), Broken> {
        let callbacks = mem::take(&mut self.here().in_force.first_wait);
        for callback in callbacks {
            self.events.push(Event::Called {
                callback: callback.id,
                bound: self.bound,
            });
            let refusal = Refusal::Callback(callback.id);
            match callback.end {
                End::Fails => {
                    self.come_to("a callback before the first wait fails");
                    return Err(Broken::Raised(Source::Own(refusal)));
                }
                End::Panics => {
                    self.come_to("a callback before the first wait panics");
                    return Err(Broken::Raised(refusal.panicked()));
                }
                _ => self.come_to("a callback before the first wait"),
            }
        }
        Ok(())
    }

    fn deeds(&mut self, deeds: &[Deed], can_wait: bool) -> Result<(), Broken> {
        deeds.iter().try_for_each(|deed| self.deed(deed, can_wait))
    }

    pub(super) fn deed(&mut self, deed: &Deed, can_wait: bool) -> Result<(), Broken> {
        let going_in = self.runs.last().is_some_and(|run| run.going_in);
        match deed {
            Deed::Add(more) => self.value += more,
            Deed::Enqueue(plan) => {
                self.events.push(Event::Enqueued(going_in));
                if going_in {
                    self.come_to("enqueued");
                    self.here().queue.extend(plan.iter().cloned());
                } else {
                    self.come_to("enqueuing is refused");
                }
            }
            Deed::EnqueueNext(plan) => {
                self.events.push(Event::EnqueuedNext(going_in));
                if going_in {
                    self.come_to("enqueued next");
                    for part in plan.iter().rev() {
                        self.here().queue.push_front(Arc::clone(part));
                    }
                }
            }
            Deed::Terminate if going_in => {
                self.come_to("terminated");
                self.here().queue.clear();
            }
            Deed::Terminate => {}
            Deed::TerminateWhen(condition) => self.terminators.push(*condition),
            Deed::Bind(at, value) => self.bound[*at] = Some(*value),
            Deed::Unbind(at) => {
                if self.bound[*at].take().is_some() {
                    self.come_to("unbound");
                }
            }
            Deed::Interrupt(interrupt) => {
                let armed = Armed {
                    due: self.clock + interrupt.after,
                    by: self.runs.last().map(|run| run.began),
                    interrupt: *interrupt,
                };
                if self.ahead().interrupt.replace(armed).is_some() {
                    self.come_to("an interrupt is replaced");
                }
            }
            Deed::Uninterrupt => {
                if self.ahead().interrupt.take().is_some() {
                    self.come_to("an interrupt is removed");
                }
            }
            Deed::OnFirstWait(callback) => self.ahead().first_wait.push(*callback),
            Deed::Observe(watch) => self.observers.push(*watch),
            Deed::Run { plan, raises } => {
                let error = self.run(plan, can_wait, Ahead::default())?;
                self.come_to(match &error {
                    None => "an inner run ends well",
                    Some(_) => "an inner run fails",
                });
                let saw = self.saw();
                self.events.push(Event::InnerEnded(error.clone(), saw));
                if let (Some(mut error), true) = (error, *raises) {
                    let inner = Box::new(error.swap_remove(0));
                    return Err(Broken::Raised(Source::Error(inner)));
                }
            }
        }
        Ok(())
    }
}
