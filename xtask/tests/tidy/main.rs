//! Rules of this repository that no compiler checks.

mod arrows;
mod documents;
mod hygiene;
mod manifests;
mod problems;
mod promises;
mod workspace;
