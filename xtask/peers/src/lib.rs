//! What the programs that measure have in common: children on cores of their own, spreads, and figures for programs.

mod child;
mod figures;
pub mod runtime;
mod spread;

pub use self::{
    child::Child,
    figures::{figure, write},
    spread::Spread,
};

/// A failure of whatever kind, which ends the program.
pub type Failure = Box<dyn std::error::Error + Send + Sync>;
