//! The examples of Peristyle: one file per idea. See the files beside this package's `Cargo.toml`.
