//! What a case is to do, made from its seed.

use std::{fmt, sync::Arc};

use peristyle_core::Stage;

/// What a host does with one context.
pub(super) struct Case {
    pub(super) trips: Vec<Trip>,
}

/// One run of a chain.
pub(super) struct Trip {
    /// What the host does to the context before.
    pub(super) before: Vec<Deed>,
    pub(super) plan: Plan,
    pub(super) host: Host,
}

/// How the host runs it.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Host {
    Polls,
    /// Drops the run where it waits after so many ticks.
    Drops {
        after: u32,
    },
    DropsUnpolled,
    /// By `run_now`.
    CannotWait,
}

pub(super) type Plan = Vec<Arc<Part>>;

/// An interceptor.
#[derive(Debug)]
pub(super) struct Part {
    pub(super) name: u32,
    enter: Option<Script>,
    leave: Option<Script>,
    error: Option<Script>,
    pub(super) cancel_panics: bool,
}

/// What a stage does: the first deeds, then it waits, then the others, then it ends.
#[derive(Debug)]
pub(super) struct Script {
    pub(super) first: Vec<Deed>,
    pub(super) way: Way,
    pub(super) then: Vec<Deed>,
    pub(super) end: End,
}

#[derive(Debug)]
pub(super) enum Deed {
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
    Bind(usize, u32),
    Unbind(usize),
    Interrupt(Interrupt),
    Uninterrupt,
    OnFirstWait(Callback),
    Observe(Watch),
}

#[derive(Debug, Clone, Copy)]
pub(super) struct Condition {
    pub(super) id: u32,
    pub(super) at_least: u32,
    pub(super) panics: bool,
}

#[derive(Debug, Clone, Copy)]
pub(super) struct Interrupt {
    pub(super) id: u32,
    /// In ticks from when it was set.
    pub(super) after: u32,
    pub(super) panics: bool,
}

#[derive(Debug, Clone, Copy)]
pub(super) struct Callback {
    pub(super) id: u32,
    pub(super) end: End,
}

#[derive(Debug, Clone, Copy)]
pub(super) struct Watch {
    pub(super) id: u32,
    pub(super) panics: bool,
}

#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Way {
    AtOnce,
    /// With a future.
    Waits {
        /// None for one that is ready.
        ticks: u32,
        /// Whether the first deeds are done before the future is made.
        deeds_before: bool,
        drop_panics: bool,
    },
    /// By a `oneshot` channel, filled before the stage returns or so many ticks later.
    Conveys {
        ticks: u32,
    },
}

#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum End {
    Well,
    Fails,
    Panics,
    /// Panics before it has done anything.
    PanicsFirst,
    /// In an error stage: raises what it was given.
    Declines,
    /// In an error stage: raises another error with the given one inside.
    Wraps,
    /// Of a stage at once: as if the interceptor did not have it.
    Absent,
    /// Of a conveying stage.
    DropsSender,
}

impl Part {
    pub(super) fn script(&self, stage: Stage) -> Option<&Script> {
        match stage {
            Stage::Enter => self.enter.as_ref(),
            Stage::Leave => self.leave.as_ref(),
            Stage::Error => self.error.as_ref(),
        }
    }
}

impl Case {
    /// The first thousands are the smaller, the lower the seed. Without `waits` nothing is ever pending.
    pub(super) fn new(seed: u64, waits: bool) -> Self {
        let size = match seed {
            0..10_000 => 1 + seed / 2_000,
            _ => 2 + seed % 5,
        };
        let size = u32::try_from(size).unwrap();
        let mut seeded = Seeded {
            state: seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1,
            count: 0,
            waits,
            size,
        };
        // The first numbers are as alike as the seeds.
        for _ in 0..4 {
            seeded.below(2);
        }
        let trips = if seeded.one_in(4) { 2 } else { 1 };
        let trips = (0..trips).map(|_| seeded.trip()).collect();
        Self { trips }
    }
}

impl fmt::Display for Case {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for Trip { before, plan, host } in &self.trips {
            writeln!(f, "the host, after {before:?}: {host:?}")?;
            for part in plan {
                writeln!(f, "    {part:?}")?;
            }
        }
        Ok(())
    }
}

/// A source of random plans (xorshift64*).
struct Seeded {
    state: u64,
    count: u32,
    waits: bool,
    size: u32,
}

impl Seeded {
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

    fn next(&mut self) -> u32 {
        self.count += 1;
        self.count
    }

    fn trip(&mut self) -> Trip {
        let mut before = Vec::new();
        if !self.one_in(4) {
            before.push(Deed::Observe(self.watch()));
        }
        for _ in 0..self.below(3) {
            before.push(self.deed(0));
        }
        let depth = self.size.min(3) - 1;
        let plan = self.plan(self.size, depth);
        let host = match self.below(20) {
            0 => Host::CannotWait,
            1 => Host::DropsUnpolled,
            2..8 => Host::Drops {
                after: self.below(3 + 2 * self.size),
            },
            _ => Host::Polls,
        };
        Trip { before, plan, host }
    }

    fn plan(&mut self, most: u32, depth: u32) -> Plan {
        let mut plan = Plan::new();
        for _ in 0..self.below(most + 1) {
            if !plan.is_empty() && self.one_in(8) {
                let again = self.below(u32::try_from(plan.len()).unwrap());
                plan.push(Arc::clone(&plan[again as usize]));
            } else {
                plan.push(Arc::new(self.part(depth)));
            }
        }
        plan
    }

    fn part(&mut self, depth: u32) -> Part {
        let name = self.next();
        let mut script = |stage| (!self.one_in(4)).then(|| self.script(stage, depth));
        let (enter, leave) = (script(Stage::Enter), script(Stage::Leave));
        let mut error = script(Stage::Error);
        if enter.is_none() && leave.is_none() && error.is_none() {
            error = Some(self.script(Stage::Error, depth));
        }
        Part {
            name,
            enter,
            leave,
            error,
            cancel_panics: self.one_in(8),
        }
    }

    fn script(&mut self, stage: Stage, depth: u32) -> Script {
        let ticks = if self.waits { self.below(4) } else { 0 };
        let way = match self.below(8) {
            0..3 => Way::Waits {
                ticks,
                deeds_before: self.one_in(2),
                drop_panics: self.one_in(12),
            },
            3 => Way::Conveys { ticks },
            _ => Way::AtOnce,
        };
        let end = match (self.below(24), stage) {
            (0 | 1, _) => End::Fails,
            (2, _) => End::Panics,
            (3, _) => End::PanicsFirst,
            (4 | 5, _) if matches!(way, Way::Conveys { .. }) => End::DropsSender,
            (6, _) if way == Way::AtOnce => End::Absent,
            (7..14, Stage::Error) => End::Declines,
            (14, Stage::Error) => End::Wraps,
            _ => End::Well,
        };
        Script {
            first: self.deeds(depth),
            way,
            then: self.deeds(depth),
            end,
        }
    }

    fn deeds(&mut self, depth: u32) -> Vec<Deed> {
        let many = self.below(5) / 2;
        (0..many).map(|_| self.deed(depth)).collect()
    }

    fn deed(&mut self, depth: u32) -> Deed {
        match self.below(if depth == 0 { 14 } else { 22 }) {
            0 if self.one_in(2) => Deed::Terminate,
            1 => Deed::TerminateWhen(Condition {
                id: self.next(),
                at_least: self.below(400),
                panics: self.one_in(4),
            }),
            2 | 3 => Deed::Bind(self.below(2) as usize, self.below(100)),
            4 => Deed::Unbind(self.below(2) as usize),
            5 | 6 => Deed::Interrupt(Interrupt {
                id: self.next(),
                after: self.below(6),
                panics: self.one_in(8),
            }),
            7 if self.one_in(2) => Deed::Uninterrupt,
            8 | 9 => Deed::OnFirstWait(Callback {
                id: self.next(),
                end: match self.below(8) {
                    0 => End::Fails,
                    1 => End::Panics,
                    _ => End::Well,
                },
            }),
            10 => Deed::Observe(self.watch()),
            11 if self.one_in(2) => Deed::Enqueue(Plan::new()),
            14..17 => Deed::Enqueue(self.plan(3, depth - 1)),
            17..19 => Deed::EnqueueNext(self.plan(3, depth - 1)),
            19..22 => Deed::Run {
                plan: self.plan(3, depth - 1),
                raises: self.one_in(2),
            },
            _ => Deed::Add(self.below(50)),
        }
    }

    fn watch(&mut self) -> Watch {
        Watch {
            id: self.next(),
            panics: self.one_in(8),
        }
    }
}
