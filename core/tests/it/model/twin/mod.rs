//! The naive twin: the walk as it is described, with a queue and a stack, recursion, and no futures.
//!
//! To wait is to let ticks pass, and at each of them to ask who breaks the wait off.

mod stage;
mod wait;

use std::{
    collections::{BTreeMap, VecDeque},
    mem,
    sync::Arc,
};

use peristyle_core::Stage;

use super::{
    event::{Bound, Ended, Event, Raised, Refusal, Saw, Source, Told},
    plan::{Callback, Case, Condition, Host, Interrupt, Part, Plan, Watch},
};

/// How often each thing has happened.
pub(in crate::model) type Tally = BTreeMap<&'static str, u32>;

/// What happens when the twin walks a case.
pub(in crate::model) fn walk(case: &Case, tally: &mut Tally) -> Vec<Event> {
    let mut twin = Twin {
        events: Vec::new(),
        clock: 0,
        dropped_at: None,
        value: 0,
        bound: [None; 2],
        terminators: Vec::new(),
        observers: Vec::new(),
        ahead: Ahead::default(),
        runs: Vec::new(),
        tally,
    };
    for trip in &case.trips {
        for deed in &trip.before {
            let done = twin.deed(deed, true);
            assert!(done.is_ok(), "a host runs no chain as a deed");
        }
        let ended = twin.trip(&trip.plan, trip.host);
        let mut saw = twin.saw();
        // Nobody sees a binding who is not part of a run.
        saw.bound = [None; 2];
        twin.events.push(Event::Ended(ended, saw));
    }
    twin.events
}

struct Twin<'t> {
    events: Vec<Event>,
    clock: u32,
    /// When the host will lose its patience.
    dropped_at: Option<u32>,
    value: u32,
    bound: Bound,
    terminators: Vec<Condition>,
    observers: Vec<Watch>,
    ahead: Ahead,
    /// The runs under way, the innermost last.
    runs: Vec<Run>,
    tally: &'t mut Tally,
}

/// What was set for the next run, or is in force in this one.
#[derive(Default)]
struct Ahead {
    interrupt: Option<Armed>,
    first_wait: Vec<Callback>,
}

struct Armed {
    due: u32,
    /// The stage that set it, as counted by the events before it; none for the host.
    by: Option<usize>,
    interrupt: Interrupt,
}

struct Run {
    queue: VecDeque<Arc<Part>>,
    stack: Vec<Arc<Part>>,
    going_in: bool,
    can_wait: bool,
    first_terminator: usize,
    pending: Option<Told>,
    recovered: Option<Told>,
    in_force: Ahead,
    /// The stage that is running.
    stage: Stage,
    name: u32,
    began: usize,
}

/// How a stage ended that was not broken off.
#[derive(Clone, Copy, PartialEq)]
enum Answer {
    Absent,
    Done,
    Waited,
    Declined,
}

/// What breaks a stage off.
enum Broken {
    Raised(Source),
    /// By an interrupt of the run at this depth.
    Interrupted(usize, Source),
    /// The same of the innermost run, and then the future of the stage panicked.
    InterruptedAndDropped(Source, Source),
    /// The run at this depth was not to wait; its error.
    WouldWait(usize, Told),
    DroppedByHost,
}

impl Twin<'_> {
    /// `None` when the host drops it.
    fn trip(&mut self, plan: &Plan, host: Host) -> Option<Result<(), Told>> {
        self.dropped_at = match host {
            Host::Drops { after } => Some(self.clock + after),
            _ => None,
        };
        if host == Host::DropsUnpolled {
            self.come_to("dropped before it was polled");
            return None;
        }
        let ahead = mem::take(&mut self.ahead);
        let error = self.run(plan, host != Host::CannotWait, ahead).ok()?;
        Some(error.map_or(Ok(()), Err))
    }

    /// `Err` when more than this run is broken off.
    fn run(&mut self, plan: &Plan, can_wait: bool, ahead: Ahead) -> Result<Option<Told>, Broken> {
        let (terminators, observers) = (self.terminators.len(), self.observers.len());
        let bound = self.bound;
        let depth = self.runs.len();
        self.runs.push(Run {
            queue: plan.iter().cloned().collect(),
            stack: Vec::new(),
            going_in: true,
            can_wait,
            first_terminator: if depth == 0 { 0 } else { terminators },
            pending: None,
            recovered: None,
            in_force: ahead,
            stage: Stage::Enter,
            name: 0,
            began: 0,
        });
        let walked = self.walk();
        if walked.is_err() {
            self.cancel();
        }
        if self.bound != bound {
            self.come_to("a binding ends with its run");
        }
        let run = self.runs.pop().unwrap();
        self.terminators.truncate(terminators);
        self.observers.truncate(observers);
        self.bound = bound;
        match walked {
            Ok(()) => Ok(run.pending),
            Err(Broken::WouldWait(run, error)) if run == depth => Ok(Some(error)),
            Err(broken) => Err(broken),
        }
    }

    fn walk(&mut self) -> Result<(), Broken> {
        while let Some(part) = self.here().queue.pop_front() {
            self.here().stack.push(Arc::clone(&part));
            self.visit(&part, Stage::Enter)?;
            if self.here().pending.is_some() {
                break;
            }
        }
        self.here().queue.clear();
        self.here().going_in = false;
        while let Some(part) = self.here().stack.pop() {
            let stage = match self.here().pending {
                None => Stage::Leave,
                Some(_) => Stage::Error,
            };
            self.visit(&part, stage)?;
        }
        Ok(())
    }

    fn cancel(&mut self) {
        self.here().queue.clear();
        self.here().going_in = false;
        while let Some(part) = self.here().stack.pop() {
            let saw = self.saw();
            self.events.push(Event::Cancel(part.name, saw));
            self.come_to(if part.cancel_panics {
                "cancel panics"
            } else {
                "cancel"
            });
        }
    }

    fn visit(&mut self, part: &Part, stage: Stage) -> Result<(), Broken> {
        let Some(script) = part.script(stage) else {
            self.come_to("skipped");
            return Ok(());
        };
        for observer in self.observers.clone() {
            self.events.push(Event::Before {
                observer: observer.id,
                stage,
                name: part.name,
            });
        }
        let timed = !self.observers.is_empty();
        let depth = self.runs.len() - 1;
        let began = self.events.len();
        let run = self.here();
        (run.stage, run.name, run.began) = (stage, part.name, began);
        let mut answer = self.stage(part, stage, script);
        if let (Stage::Enter, Ok(Answer::Done | Answer::Waited)) = (stage, &answer) {
            answer = self.ask_terminators().and(answer);
        }
        let (mut interrupted, mut handled) = (false, None);
        match &answer {
            Ok(Answer::Done | Answer::Waited) => {
                handled = self.here().pending.take();
                if handled.is_some() {
                    self.come_to("handled");
                    self.here().recovered.clone_from(&handled);
                }
            }
            Ok(Answer::Absent) => self.come_to("absent"),
            Ok(Answer::Declined) => self.come_to("declined"),
            Err(Broken::Raised(source)) => self.raise(part, stage, source.clone()),
            Err(Broken::Interrupted(run, source)) if *run == depth => {
                interrupted = matches!(source, Source::Own(_));
                self.raise(part, stage, source.clone());
            }
            Err(Broken::InterruptedAndDropped(interrupt, drop)) => {
                self.raise(part, stage, interrupt.clone());
                self.raise(part, stage, drop.clone());
            }
            Err(_) => {
                self.tell_after(part, stage, timed, &Ended::Cancelled);
                return answer.map(drop);
            }
        }
        let ended = match (self.here().pending.clone(), answer) {
            (Some(error), _) if interrupted => Ended::Interrupted(error),
            (Some(error), _) => Ended::Failed(error),
            (None, Ok(Answer::Waited)) => Ended::Waited,
            (None, _) => Ended::Done,
        };
        self.tell_after(part, stage, timed, &ended);
        if let Some(error) = handled {
            for observer in self.observers.clone() {
                self.events.push(Event::Handled {
                    observer: observer.id,
                    name: part.name,
                    error: error.clone(),
                });
            }
        }
        Ok(())
    }

    fn tell_after(&mut self, part: &Part, stage: Stage, timed: bool, ended: &Ended) {
        if !timed && !self.observers.is_empty() {
            self.come_to("an observer sees the end of the stage that added it");
        }
        for observer in self.observers.clone() {
            if observer.panics {
                self.come_to("an observer panics");
            }
            self.events.push(Event::After {
                observer: observer.id,
                stage,
                name: part.name,
                ended: ended.clone(),
                timed,
                value: self.value,
                bound: self.bound,
            });
        }
    }

    fn raise(&mut self, part: &Part, stage: Stage, source: Source) {
        self.come_to(match (&source, stage) {
            (Source::Own(Refusal::Stage(..)), Stage::Enter) => "enter fails",
            (Source::Own(Refusal::Stage(..)), Stage::Leave) => "leave fails",
            (Source::Own(Refusal::Stage(..)), Stage::Error) => "error fails",
            (Source::Panicked(_), Stage::Enter) => "enter panics",
            (Source::Panicked(_), Stage::Leave) => "leave panics",
            (Source::Panicked(_), Stage::Error) => "error panics",
            (Source::Closed, Stage::Enter) => "enter drops its sender",
            (Source::Closed, Stage::Leave) => "leave drops its sender",
            (Source::Closed, Stage::Error) => "error drops its sender",
            (Source::Error(_), _) => "raises an error with another inside",
            (_, Stage::Enter) => "enter is broken off",
            (_, Stage::Leave) => "leave is broken off",
            (_, Stage::Error) => "error is broken off",
        });
        let run = self.here();
        let mut told = vec![Raised {
            stage,
            name: part.name,
            source,
        }];
        told.extend(run.pending.take().into_iter().flatten());
        run.pending = Some(told);
    }

    /// Newest first, up to the first yes.
    fn ask_terminators(&mut self) -> Result<(), Broken> {
        let first = self.here().first_terminator;
        let newest_first: Vec<_> = self.terminators[first..].iter().rev().copied().collect();
        for condition in newest_first {
            self.events.push(Event::Asked {
                terminator: condition.id,
                value: self.value,
                bound: self.bound,
            });
            if self.value < condition.at_least {
                continue;
            }
            if condition.panics {
                self.come_to("a terminator panics");
                let refusal = Refusal::Terminator(condition.id);
                return Err(Broken::Raised(refusal.panicked()));
            }
            self.come_to("a terminator says yes");
            self.here().queue.clear();
            break;
        }
        Ok(())
    }

    fn here(&mut self) -> &mut Run {
        self.runs.last_mut().expect("a run is under way")
    }

    fn ahead(&mut self) -> &mut Ahead {
        match self.runs.last_mut() {
            Some(run) => &mut run.in_force,
            None => &mut self.ahead,
        }
    }

    fn saw(&self) -> Saw {
        let mut saw = Saw {
            value: self.value,
            bound: self.bound,
            named: self.bound.map(|bound| bound.is_some()),
            ..Saw::default()
        };
        if let Some(run) = self.runs.last() {
            saw.entered = run.stack.iter().map(|part| part.name).collect();
            saw.queue = run.queue.iter().map(|part| part.name).collect();
            saw.recovered.clone_from(&run.recovered);
        }
        saw
    }

    fn come_to(&mut self, what: &'static str) {
        *self.tally.entry(what).or_default() += 1;
    }
}
