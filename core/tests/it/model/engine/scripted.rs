//! A part of a plan as an interceptor.

use std::{panic::resume_unwind, sync::Arc, thread};

use peristyle_core::{
    BoxError, Context, Error, Interceptor, IntoStep, Name, Outcome, Stage, Stages, Step,
};
use tokio::sync::oneshot;

use super::{
    super::{
        event::{Event, Refusal},
        plan::{Deed, End, Part, Script, Way},
    },
    Alarm, World, panic_as,
    seen::{bound, saw, told},
};

pub(super) struct Scripted {
    part: Arc<Part>,
    world: World,
}

impl Scripted {
    pub(super) fn new(part: Arc<Part>, world: World) -> Self {
        Self { part, world }
    }

    fn stage<'a>(
        &'a self,
        stage: Stage,
        cx: &'a mut Context<u32>,
        given: Option<Error>,
    ) -> Step<'a, u32> {
        let (part, world) = (&*self.part, &self.world);
        let script = part.script(stage).expect("only stages that there are run");
        world.note(Event::Stage(stage, part.name, saw(cx, given.as_ref())));
        if script.end == End::PanicsFirst {
            panic_as(Refusal::Stage(stage, part.name));
        }
        match script.way {
            Way::AtOnce => match self.act_now(script.first.iter().chain(&script.then), cx) {
                Ok(()) if script.end == End::Absent => Step::Absent,
                Ok(()) => Step::Now(self.end(stage, script, given)),
                failed => Step::Now(failed),
            },
            Way::Waits {
                ticks,
                deeds_before,
                drop_panics,
            } => {
                let first = if deeds_before {
                    if let failed @ Err(_) = self.act_now(&script.first, cx) {
                        return Step::Now(failed);
                    }
                    &[]
                } else {
                    &*script.first
                };
                let guard = Guard {
                    name: part.name,
                    panics: drop_panics,
                    world,
                };
                Step::later(async move {
                    let _guard = guard;
                    self.act(first, cx).await?;
                    world.clone().until(world.now() + ticks).await;
                    world.note(Event::GoesOn(part.name, saw(cx, None)));
                    self.act(&script.then, cx).await?;
                    self.end(stage, script, given)
                })
            }
            Way::Conveys { ticks } => {
                match self.act_now(script.first.iter().chain(&script.then), cx) {
                    Ok(()) => self.convey(stage, script, ticks, **cx, given),
                    failed => Step::Now(failed),
                }
            }
        }
    }

    fn convey<'a>(
        &self,
        stage: Stage,
        script: &Script,
        ticks: u32,
        value: u32,
        given: Option<Error>,
    ) -> Step<'a, u32> {
        let (sender, receiver) = oneshot::channel::<Result<u32, BoxError>>();
        let answer = match script.end {
            End::DropsSender => None,
            _ => Some(self.end(stage, script, given).map(|()| value + 100)),
        };
        let send = move || {
            if let Some(answer) = answer {
                // The stage may have been dropped meanwhile.
                let _ = sender.send(answer);
            }
        };
        if ticks == 0 {
            send();
        } else {
            let at = self.world.now() + ticks;
            self.world.alarm(at, Alarm::Do(Box::new(send)));
        }
        receiver.into_step()
    }

    async fn act(&self, deeds: &[Deed], cx: &mut Context<u32>) -> Outcome {
        for deed in deeds {
            if let Deed::Run { plan, raises } = deed {
                let result = cx.run(&self.world.chain(plan)).await;
                self.inner_ended(result, *raises, cx)?;
            } else {
                self.world.steer(deed, cx);
            }
        }
        Ok(())
    }

    fn act_now<'a>(
        &self,
        deeds: impl IntoIterator<Item = &'a Deed>,
        cx: &mut Context<u32>,
    ) -> Outcome {
        for deed in deeds {
            if let Deed::Run { plan, raises } = deed {
                let result = self.world.chain(plan).run_now(cx);
                self.inner_ended(result, *raises, cx)?;
            } else {
                self.world.steer(deed, cx);
            }
        }
        Ok(())
    }

    fn inner_ended(&self, result: Result<(), Error>, raises: bool, cx: &Context<u32>) -> Outcome {
        let error = result.as_ref().err().map(told);
        self.world.note(Event::InnerEnded(error, saw(cx, None)));
        match result {
            Err(error) if raises => Err(error.into()),
            _ => Ok(()),
        }
    }

    fn end(&self, stage: Stage, script: &Script, given: Option<Error>) -> Outcome {
        let refusal = Refusal::Stage(stage, self.part.name);
        let mut given = given.into_iter();
        let mut given = || given.next().expect("of error stages only");
        match script.end {
            End::Well => Ok(()),
            End::Fails => Err(refusal.into()),
            End::Panics => panic_as(refusal),
            End::Declines => Err(given().into()),
            End::Wraps => Err(Error::new(given()).into()),
            End::PanicsFirst | End::Absent | End::DropsSender => unreachable!("ended elsewhere"),
        }
    }
}

impl Interceptor<u32> for Scripted {
    fn stages(&self) -> Stages {
        let has = |stage, stages| self.part.script(stage).map(|_| stages);
        let all = [
            has(Stage::Enter, Stages::ENTER),
            has(Stage::Leave, Stages::LEAVE),
            has(Stage::Error, Stages::ERROR),
        ];
        all.into_iter()
            .flatten()
            .reduce(|all, one| all | one)
            .expect("each part has a stage")
    }

    fn name(&self) -> Name {
        Name::new(self.part.name.to_string()).unwrap()
    }

    fn enter<'a>(&'a self, cx: &'a mut Context<u32>) -> Step<'a, u32> {
        self.stage(Stage::Enter, cx, None)
    }

    fn leave<'a>(&'a self, cx: &'a mut Context<u32>) -> Step<'a, u32> {
        self.stage(Stage::Leave, cx, None)
    }

    fn error<'a>(&'a self, cx: &'a mut Context<u32>, error: Error) -> Step<'a, u32> {
        self.stage(Stage::Error, cx, Some(error))
    }

    fn cancel(&self, cx: &mut Context<u32>) {
        let name = self.part.name;
        self.world.note(Event::Cancel(name, saw(cx, None)));
        if self.part.cancel_panics {
            resume_unwind(Box::new("nobody hears this"));
        }
    }
}

/// What a stage holds while it waits.
struct Guard<'a> {
    name: u32,
    panics: bool,
    world: &'a World,
}

impl Drop for Guard<'_> {
    fn drop(&mut self) {
        self.world.note(Event::Dropped(self.name, bound()));
        // A second panic would end the process.
        if self.panics && !thread::panicking() {
            panic_as(Refusal::Drop(self.name));
        }
    }
}
