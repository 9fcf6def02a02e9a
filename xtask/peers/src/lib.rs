//! What the programs that measure have in common: children on cores of their own, responses as they come, spreads, figures for
//! programs, and charts for people.

pub mod chart;
mod child;
mod figures;
mod framing;
mod head;
mod process;
pub mod runtime;
mod served;
mod spread;

pub use self::{
    child::Child,
    figures::{figure, spread_figures, write, write_picture},
    framing::Framing,
    head::Head,
    process::Process,
    served::{Figures, Sample},
    spread::Spread,
};

/// A failure of whatever kind, which ends the program.
pub type Failure = Box<dyn std::error::Error + Send + Sync>;
