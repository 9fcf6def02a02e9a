//! The engine against a naive twin: the walk as `queue` and `stack`, over thousands of random chains, event by event.
//!
//! A chain is made from a seed: its interceptors say, for each stage that they have, what it does to the walk, how it
//! answers, and how it ends. [`Twin`] walks the same plan with two lists and recursion, and no futures.

use std::{
    collections::VecDeque,
    fmt::Write,
    sync::{Arc, Mutex},
    task::Poll,
};

use peristyle_core::{
    Chain, Context, Ending, Error, Interceptor, Invocation, Link, Name, Observer, Outcome, Stage,
    Stages, Step,
};
use tokio::sync::oneshot;

use crate::probe::{pending_once, story};

const SEEDS: u64 = 6_000;

/// What a chain is to do.
type Plan = Vec<Arc<Part>>;

struct Part {
    name: String,
    enter: Option<Script>,
    leave: Option<Script>,
    error: Option<Script>,
}

struct Script {
    deeds: Vec<Deed>,
    way: Way,
    end: End,
}

enum Deed {
    Add(u32),
    Enqueue(Plan),
    EnqueueNext(Plan),
    Terminate,
    TerminateWhen(Condition),
    /// Runs a chain in the stage; its error is raised, or noted and forgotten.
    Run {
        plan: Plan,
        raises: bool,
    },
}

#[derive(Clone, Copy)]
struct Condition {
    id: u32,
    at_least: u32,
    panics: bool,
}

#[derive(Clone, Copy, PartialEq)]
enum Way {
    AtOnce,
    Ready,
    Pending(u8),
    /// By a `oneshot` channel: filled before the stage returns, or while it waits.
    Conveying {
        at_once: bool,
    },
}

#[derive(Clone, Copy, PartialEq)]
enum End {
    Well,
    Fails,
    Panics,
    /// In an error stage: raises what it was given.
    Declines,
    /// Of a stage at once: as if the interceptor did not have it.
    Absent,
    /// Of a conveying stage.
    DropsSender,
}

impl Part {
    fn script(&self, stage: Stage) -> Option<&Script> {
        match stage {
            Stage::Enter => self.enter.as_ref(),
            Stage::Leave => self.leave.as_ref(),
            Stage::Error => self.error.as_ref(),
        }
    }

    fn text(&self, stage: Stage) -> String {
        format!("{stage} of {} says no", self.name)
    }
}

/// Makes plans from a seed (xorshift64*).
struct Seeded {
    state: u64,
    names: u32,
}

impl Seeded {
    fn new(seed: u64) -> Self {
        Self {
            state: seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1,
            names: 0,
        }
    }

    fn below(&mut self, bound: u32) -> u32 {
        self.state ^= self.state >> 12;
        self.state ^= self.state << 25;
        self.state ^= self.state >> 27;
        let high = self.state.wrapping_mul(0x2545_F491_4F6C_DD1D) >> 32;
        u32::try_from(high % u64::from(bound)).unwrap()
    }

    fn one_in(&mut self, bound: u32) -> bool {
        self.below(bound) == 0
    }

    /// `waits` is whether a stage of it may be pending.
    fn plan(&mut self, most: u32, depth: u32, waits: bool) -> Plan {
        let mut plan = Plan::new();
        for _ in 0..self.below(most + 1) {
            if !plan.is_empty() && self.one_in(8) {
                let again = self.below(u32::try_from(plan.len()).unwrap());
                plan.push(Arc::clone(&plan[again as usize]));
            } else {
                plan.push(Arc::new(self.part(depth, waits)));
            }
        }
        plan
    }

    fn part(&mut self, depth: u32, waits: bool) -> Part {
        self.names += 1;
        let name = format!("i{}", self.names);
        let mut script = |stage| (!self.one_in(4)).then(|| self.script(stage, depth, waits));
        let (enter, leave) = (script(Stage::Enter), script(Stage::Leave));
        let mut error = script(Stage::Error);
        if enter.is_none() && leave.is_none() && error.is_none() {
            error = Some(self.script(Stage::Error, depth, waits));
        }
        Part {
            name,
            enter,
            leave,
            error,
        }
    }

    fn script(&mut self, stage: Stage, depth: u32, waits: bool) -> Script {
        let way = match self.below(8) {
            0 | 1 if waits => Way::Pending(1 + u8::from(self.one_in(3))),
            2 if waits => Way::Conveying { at_once: false },
            3 => Way::Conveying { at_once: true },
            4 => Way::Ready,
            _ => Way::AtOnce,
        };
        let end = match (self.below(20), stage) {
            (0 | 1, _) => End::Fails,
            (2, _) => End::Panics,
            (3, _) if matches!(way, Way::Conveying { .. }) => End::DropsSender,
            (4, _) if way == Way::AtOnce => End::Absent,
            (5..13, Stage::Error) => End::Declines,
            _ => End::Well,
        };
        let inner_waits = matches!(way, Way::Pending(_));
        let deeds = (0..self.below(3))
            .map(|_| self.deed(depth, waits, inner_waits))
            .collect();
        Script { deeds, way, end }
    }

    fn deed(&mut self, depth: u32, waits: bool, inner_waits: bool) -> Deed {
        match self.below(if depth == 0 { 5 } else { 12 }) {
            0 if self.one_in(2) => Deed::Terminate,
            1 => Deed::TerminateWhen(Condition {
                id: self.below(1000),
                at_least: self.below(400),
                panics: self.one_in(4),
            }),
            5 | 6 => Deed::Enqueue(self.plan(3, depth - 1, waits)),
            7 | 8 => Deed::EnqueueNext(self.plan(3, depth - 1, waits)),
            9 | 10 => Deed::Run {
                plan: self.plan(3, depth - 1, inner_waits),
                raises: self.one_in(2),
            },
            _ => Deed::Add(self.below(50)),
        }
    }
}

type Events = Arc<Mutex<Vec<String>>>;

/// What the interceptors share: the events, and what will be done while the engine waits.
#[derive(Clone, Default)]
struct World {
    events: Events,
    due: Arc<Mutex<VecDeque<Box<dyn FnOnce() + Send>>>>,
}

impl World {
    fn note(&self, event: impl Into<String>) {
        self.events.lock().unwrap().push(event.into());
    }

    fn chain(&self, plan: &Plan) -> Chain<u32> {
        let link = |part: &Arc<Part>| {
            Link::new(Scripted {
                part: Arc::clone(part),
                world: self.clone(),
            })
        };
        plan.iter().map(link).collect()
    }

    fn terminate_when(&self, cx: &mut Context<u32>, condition: Condition) {
        let world = self.clone();
        cx.terminate_when(move |cx| {
            world.note(format!("t{} asked at {}", condition.id, **cx));
            let yes = **cx >= condition.at_least;
            if yes && condition.panics {
                std::panic::resume_unwind(Box::new(format!("t{} does not know", condition.id)));
            }
            yes
        });
    }
}

/// A part of the plan as an interceptor.
struct Scripted {
    part: Arc<Part>,
    world: World,
}

fn names<'a>(names: impl Iterator<Item = &'a Name>) -> String {
    names.map(Name::as_str).collect::<Vec<_>>().join(" ")
}

impl Scripted {
    fn stage<'a>(
        &'a self,
        stage: Stage,
        cx: &'a mut Context<u32>,
        given: Option<Error>,
    ) -> Step<'a, u32> {
        let mut event = format!(
            "{stage} {} value {} entered [{}] queue [{}]",
            self.part.name,
            **cx,
            names(cx.entered()),
            names(cx.queue()),
        );
        if let Some(recovered) = cx.recovered() {
            write!(event, " recovered {:?}", story(recovered)).unwrap();
        }
        if let Some(given) = &given {
            write!(event, " given {:?}", story(given)).unwrap();
        }
        self.world.note(event);
        let script = self
            .part
            .script(stage)
            .expect("only stages that there are run");
        match script.way {
            Way::AtOnce => match (self.act_now(script, cx), script.end) {
                (Ok(()), End::Absent) => Step::Absent,
                (Ok(()), _) => Step::Now(self.end(stage, script, given)),
                (failed, _) => Step::Now(failed),
            },
            Way::Ready => Step::later(async move {
                self.act(script, cx).await?;
                self.end(stage, script, given)
            }),
            Way::Pending(polls) => Step::later(async move {
                for _ in 0..polls {
                    pending_once().await;
                }
                self.world.note(format!("{} goes on", self.part.name));
                self.act(script, cx).await?;
                self.end(stage, script, given)
            }),
            Way::Conveying { at_once } => match self.act_now(script, cx) {
                Ok(()) => self.convey(stage, script, at_once, **cx, given),
                failed => Step::Now(failed),
            },
        }
    }

    fn convey<'a>(
        &self,
        stage: Stage,
        script: &Script,
        at_once: bool,
        value: u32,
        given: Option<Error>,
    ) -> Step<'a, u32> {
        use peristyle_core::IntoStep;

        let (sender, receiver) = oneshot::channel::<Result<u32, peristyle_core::BoxError>>();
        let answer = match script.end {
            End::DropsSender => None,
            _ => Some(self.end(stage, script, given).map(|()| value + 100)),
        };
        let send = move || {
            if let Some(answer) = answer {
                sender.send(answer).expect("the engine waits for it");
            }
        };
        if at_once {
            send();
        } else {
            self.world.due.lock().unwrap().push_back(Box::new(send));
        }
        receiver.into_step()
    }

    async fn act(&self, script: &Script, cx: &mut Context<u32>) -> Outcome {
        for deed in &script.deeds {
            if let Deed::Run { plan, raises } = deed {
                let result = self.world.chain(plan).run(cx).await;
                self.inner_ended(result, *raises)?;
            } else {
                self.steer(deed, cx);
            }
        }
        Ok(())
    }

    fn act_now(&self, script: &Script, cx: &mut Context<u32>) -> Outcome {
        for deed in &script.deeds {
            if let Deed::Run { plan, raises } = deed {
                let result = self.world.chain(plan).run_now(cx);
                self.inner_ended(result, *raises)?;
            } else {
                self.steer(deed, cx);
            }
        }
        Ok(())
    }

    fn steer(&self, deed: &Deed, cx: &mut Context<u32>) {
        match deed {
            Deed::Add(more) => **cx += more,
            Deed::Enqueue(plan) => {
                let queued = cx.enqueue(self.world.chain(plan)).is_ok();
                self.world.note(format!("enqueued {queued}"));
            }
            Deed::EnqueueNext(plan) => {
                let queued = cx.enqueue_next(self.world.chain(plan)).is_ok();
                self.world.note(format!("enqueued next {queued}"));
            }
            Deed::Terminate => cx.terminate(),
            Deed::TerminateWhen(condition) => self.world.terminate_when(cx, *condition),
            Deed::Run { .. } => unreachable!("`act` and `act_now` run chains"),
        }
    }

    fn inner_ended(&self, result: Result<(), Error>, raises: bool) -> Outcome {
        self.world.note(format!(
            "inner ended {:?}",
            result.as_ref().err().map(story)
        ));
        match result {
            Err(error) if raises => Err(error.into()),
            _ => Ok(()),
        }
    }

    fn end(&self, stage: Stage, script: &Script, given: Option<Error>) -> Outcome {
        match script.end {
            End::Well => Ok(()),
            End::Fails => Err(self.part.text(stage).into()),
            End::Panics => std::panic::resume_unwind(Box::new(self.part.text(stage))),
            End::Declines => Err(given.expect("only error stages decline").into()),
            End::Absent | End::DropsSender => unreachable!("of their own kinds of stage"),
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
        Name::new(self.part.name.clone()).unwrap()
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
}

impl Observer<u32> for World {
    fn before(&self, _: &Context<u32>, at: &Invocation<'_>) {
        self.note(format!("before {} {}", at.stage, at.interceptor));
    }

    fn after(&self, cx: &Context<u32>, at: &Invocation<'_>, ending: &Ending<'_>) {
        let ending = match ending {
            Ending::Done => "done".to_owned(),
            Ending::Waited => "waited".to_owned(),
            Ending::Failed(error) => format!("{:?}", story(error)),
            other => format!("{other:?}"),
        };
        self.note(format!(
            "after {} {}: {ending} value {}",
            at.stage, at.interceptor, **cx
        ));
    }
}

/// The naive walk.
struct Twin {
    value: u32,
    events: Vec<String>,
}

/// An error and those that it suppresses, newest first.
type Raised = Vec<String>;

/// One run of a chain.
struct Walk {
    queue: VecDeque<Arc<Part>>,
    stack: Vec<Arc<Part>>,
    terminators: Vec<Condition>,
    pending: Option<Raised>,
    recovered: Option<Raised>,
    going_in: bool,
}

/// How a stage of the twin ended.
enum Ended {
    Absent,
    Well,
    Declined,
    Raised(String),
}

impl Twin {
    fn run(&mut self, plan: &Plan, terminators: Vec<Condition>) -> Option<Raised> {
        let mut walk = Walk {
            queue: plan.iter().cloned().collect(),
            stack: Vec::new(),
            terminators,
            pending: None,
            recovered: None,
            going_in: true,
        };
        while let Some(part) = walk.queue.pop_front() {
            walk.stack.push(Arc::clone(&part));
            self.visit(&mut walk, &part, Stage::Enter);
            if walk.pending.is_some() {
                break;
            }
        }
        walk.queue.clear();
        walk.going_in = false;
        while let Some(part) = walk.stack.pop() {
            let stage = if walk.pending.is_some() {
                Stage::Error
            } else {
                Stage::Leave
            };
            self.visit(&mut walk, &part, stage);
        }
        walk.pending
    }

    fn visit(&mut self, walk: &mut Walk, part: &Part, stage: Stage) {
        let Some(script) = part.script(stage) else {
            return;
        };
        self.events.push(format!("before {stage} {}", part.name));
        let mut ended = self.stage(walk, part, stage, script);
        if stage == Stage::Enter && matches!(ended, Ended::Well) {
            ended = self.ask_terminators(walk);
        }
        match ended {
            Ended::Absent | Ended::Declined => {}
            Ended::Well => walk.recovered = walk.pending.take().or_else(|| walk.recovered.take()),
            Ended::Raised(text) => {
                let mut raised = vec![format!("{stage} {}: {text}", part.name)];
                raised.extend(walk.pending.take().unwrap_or_default());
                walk.pending = Some(raised);
            }
        }
        let ending = match &walk.pending {
            Some(error) => format!("{error:?}"),
            None if script.way == Way::AtOnce => "done".to_owned(),
            None => "waited".to_owned(),
        };
        let value = self.value;
        self.events.push(format!(
            "after {stage} {}: {ending} value {value}",
            part.name
        ));
    }

    fn ask_terminators(&mut self, walk: &mut Walk) -> Ended {
        for condition in walk.terminators.iter().rev() {
            self.events
                .push(format!("t{} asked at {}", condition.id, self.value));
            if self.value >= condition.at_least {
                if condition.panics {
                    return Ended::Raised(format!("panicked: t{} does not know", condition.id));
                }
                walk.queue.clear();
                break;
            }
        }
        Ended::Well
    }

    fn stage(&mut self, walk: &mut Walk, part: &Part, stage: Stage, script: &Script) -> Ended {
        let names = |parts: &mut dyn Iterator<Item = &Arc<Part>>| {
            parts
                .map(|part| part.name.as_str())
                .collect::<Vec<_>>()
                .join(" ")
        };
        let mut event = format!(
            "{stage} {} value {} entered [{}] queue [{}]",
            part.name,
            self.value,
            names(&mut walk.stack.iter()),
            names(&mut walk.queue.iter()),
        );
        if let Some(recovered) = &walk.recovered {
            write!(event, " recovered {recovered:?}").unwrap();
        }
        if let Some(given) = &walk.pending {
            write!(event, " given {given:?}").unwrap();
        }
        self.events.push(event);
        if let Way::Pending(_) = script.way {
            self.events.push(format!("{} goes on", part.name));
        }
        for deed in &script.deeds {
            if let Err(raised) = self.deed(walk, deed) {
                return Ended::Raised(raised);
            }
        }
        match script.end {
            End::Fails => return Ended::Raised(part.text(stage)),
            End::Panics => return Ended::Raised(format!("panicked: {}", part.text(stage))),
            End::DropsSender => return Ended::Raised("closed before conveying a value".to_owned()),
            End::Declines => return Ended::Declined,
            End::Absent => return Ended::Absent,
            End::Well => {}
        }
        if let Way::Conveying { .. } = script.way {
            self.value += 100;
        }
        Ended::Well
    }

    /// `Err` is the text of an inner error that the stage raises again.
    fn deed(&mut self, walk: &mut Walk, deed: &Deed) -> Result<(), String> {
        match deed {
            Deed::Add(more) => self.value += more,
            Deed::Enqueue(plan) => {
                if walk.going_in {
                    walk.queue.extend(plan.iter().cloned());
                }
                self.events.push(format!("enqueued {}", walk.going_in));
            }
            Deed::EnqueueNext(plan) => {
                if walk.going_in {
                    plan.iter()
                        .rev()
                        .for_each(|part| walk.queue.push_front(Arc::clone(part)));
                }
                self.events.push(format!("enqueued next {}", walk.going_in));
            }
            Deed::Terminate => walk.queue.clear(),
            Deed::TerminateWhen(condition) => walk.terminators.push(*condition),
            Deed::Run { plan, raises } => {
                let error = self.run(plan, Vec::new());
                self.events.push(format!("inner ended {error:?}"));
                if let (Some(error), true) = (error, raises) {
                    let (origin, _) = error[0].split_once(": ").unwrap();
                    let (stage, name) = origin.split_once(' ').unwrap();
                    return Err(format!("{stage} of `{name}` failed"));
                }
            }
        }
        Ok(())
    }
}

/// What happened, how it ended, and the value at the end.
type Ran = (Vec<String>, Option<Raised>, u32);

fn walked_by_the_engine(plan: &Plan, terminator: Option<Condition>) -> Ran {
    let world = World::default();
    let chain = world.chain(plan);
    let mut cx = Context::new(0);
    cx.observe(Arc::new(world.clone()));
    if let Some(condition) = terminator {
        world.terminate_when(&mut cx, condition);
    }
    let mut run = tokio_test::task::spawn(chain.run(&mut cx));
    let result = loop {
        if let Poll::Ready(result) = run.poll() {
            break result;
        }
        let due = world.due.lock().unwrap().pop_front();
        if let Some(act) = due {
            act();
        }
        assert!(run.is_woken(), "pending, and nothing will wake it");
    };
    drop(run);
    assert_eq!((cx.queue().count(), cx.entered().count()), (0, 0));
    assert!(cx.recovered().is_none());
    let events = world.events.lock().unwrap().clone();
    (events, result.err().as_ref().map(story), *cx)
}

fn walked_by_the_twin(plan: &Plan, terminator: Option<Condition>) -> Ran {
    let mut twin = Twin {
        value: 0,
        events: Vec::new(),
    };
    let error = twin.run(plan, terminator.into_iter().collect());
    (twin.events, error, twin.value)
}

fn compare(seed: u64, waits: bool) -> Ran {
    let mut seeded = Seeded::new(seed);
    let plan = seeded.plan(6, 3, waits);
    let terminator = seeded.one_in(3).then(|| Condition {
        id: 0,
        at_least: 300,
        panics: seeded.one_in(5),
    });
    let (events, error, value) = walked_by_the_engine(&plan, terminator);
    let twin = walked_by_the_twin(&plan, terminator);
    for (at, (seen, expected)) in events.iter().zip(&twin.0).enumerate() {
        assert_eq!(seen, expected, "event {at} of seed {seed}, waits {waits}");
    }
    assert_eq!(
        events.len(),
        twin.0.len(),
        "events of seed {seed}, waits {waits}"
    );
    assert_eq!(
        (&error, value),
        (&twin.1, twin.2),
        "end of seed {seed}, waits {waits}"
    );
    (events, error, value)
}

#[test]
fn the_engine_walks_every_random_chain_as_the_naive_twin_does() {
    for seed in 0..SEEDS {
        compare(seed, true);
    }
}

#[test]
fn the_engine_walks_random_chains_that_never_wait_as_the_naive_twin_does() {
    for seed in 0..SEEDS {
        compare(seed, false);
    }
}

#[test]
fn the_random_chains_come_to_everything_that_can_happen() {
    let mut seen: Vec<_> = [
        "panicked: t",
        "panicked: leave",
        "panicked: error",
        "closed before",
        "goes on",
        " queue [i",
        "recovered [",
        "enqueued false",
        "enqueued true",
        "enqueued next false",
        "enqueued next true",
        "inner ended None",
        "inner ended Some",
        "of `i",
        ": waited",
        ": done",
        "asked at",
    ]
    .map(|what| (what, 0))
    .into();
    let (mut failed, mut well, mut longest) = (0, 0, 0);
    for seed in 0..SEEDS {
        let (events, error, _) = compare(seed, true);
        for (what, times) in &mut seen {
            *times += events.iter().filter(|event| event.contains(*what)).count();
        }
        *if error.is_some() {
            &mut failed
        } else {
            &mut well
        } += 1;
        longest = longest.max(events.len());
    }
    assert!(seen.iter().all(|(_, times)| *times > 100), "{seen:?}");
    assert!(
        failed > 500 && well > 500 && longest > 100,
        "{failed} {well} {longest}"
    );
}
