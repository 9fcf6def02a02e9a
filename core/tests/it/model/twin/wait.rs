//! How time passes, and what breaks a wait off.

use peristyle_core::Stage;

use super::{
    super::event::{Raised, Refusal, Source},
    Armed, Broken, Twin,
};

impl Twin<'_> {
    pub(super) fn wait(&mut self, ticks: u32) -> Result<(), Broken> {
        self.come_to(if ticks == 0 { "ready" } else { "waits" });
        for _ in 0..ticks {
            self.pass_a_tick()?;
        }
        Ok(())
    }

    fn pass_a_tick(&mut self) -> Result<(), Broken> {
        for depth in (0..self.runs.len()).rev() {
            if let Some(armed) = self.interrupt_due(depth) {
                let refusal = Refusal::Interrupt(armed.interrupt.id);
                self.come_to_interrupt(depth, &armed);
                let source = if armed.interrupt.panics {
                    refusal.panicked()
                } else {
                    Source::Own(refusal)
                };
                return Err(Broken::Interrupted(depth, source));
            }
            let run = &self.runs[depth];
            if !run.can_wait {
                let mut error = vec![Raised {
                    stage: run.stage,
                    name: run.name,
                    source: Source::WouldWait,
                }];
                error.extend(run.pending.iter().flatten().cloned());
                self.come_to("would wait");
                return Err(Broken::WouldWait(depth, error));
            }
        }
        if self.dropped_at.is_some_and(|at| at <= self.clock) {
            let stage = self.here().stage;
            self.come_to(match stage {
                Stage::Enter => "dropped in enter",
                Stage::Leave => "dropped in leave",
                Stage::Error => "dropped in error",
            });
            if self.runs.len() > 1 {
                self.come_to("dropped in an inner run");
            }
            return Err(Broken::DroppedByHost);
        }
        self.clock += 1;
        Ok(())
    }

    /// An error stage is not interrupted.
    fn interrupt_due(&mut self, depth: usize) -> Option<Armed> {
        let run = &mut self.runs[depth];
        let due = run.in_force.interrupt.as_ref()?.due <= self.clock;
        if due && run.stage == Stage::Error {
            self.come_to("an interrupt is due while an error stage waits");
            return None;
        }
        if due {
            run.in_force.interrupt.take()
        } else {
            None
        }
    }

    fn come_to_interrupt(&mut self, depth: usize, armed: &Armed) {
        let run = &self.runs[depth];
        let (stage, began) = (run.stage, run.began);
        self.come_to(match armed.by {
            None => "an interrupt of the host",
            Some(by) if by == began => "an interrupt of the stage itself",
            Some(_) => "an interrupt of an earlier stage",
        });
        if armed.interrupt.panics {
            self.come_to("an interrupt panics");
        }
        if stage == Stage::Leave {
            self.come_to("leave is interrupted");
        }
        if depth + 1 < self.runs.len() {
            self.come_to("an interrupt drops an inner run");
        }
    }
}
