//! The cases of a benchmark, each run under callgrind.
//!
//! A benchmark lists its cases with `--cases`, and runs one of them with `--case CASE --runs N`.

use std::{fs, path::PathBuf, process::Command};

use serde_json::{Value, json};

use crate::{
    Error,
    bench::{binary::Binary, callgrind},
    cargo::root,
    step,
};

pub(super) struct Counter<'a> {
    binary: &'a Binary,
    executable: PathBuf,
    profiles: PathBuf,
    /// Each case is counted twice. The difference is that of the runs alone, without what it takes to begin and end.
    runs: [u32; 2],
}

impl<'a> Counter<'a> {
    /// # Errors
    ///
    /// When there is no valgrind, or the program cannot be built.
    pub(super) fn new(binary: &'a Binary, runs: [u32; 2]) -> Result<Self, Error> {
        callgrind::look_for()?;
        let executable = binary.build()?;
        let profiles = folder().join(&binary.title);
        fs::create_dir_all(&profiles).map_err(|source| Error::file(&profiles, source))?;
        Ok(Self {
            binary,
            executable,
            profiles,
            runs,
        })
    }

    pub(super) fn cases(&self) -> Result<String, Error> {
        let mut command = Command::new(&self.executable);
        step::output(command.arg("--cases").args(self.binary.choice()))
    }

    pub(super) fn per_run(&self, case: &str) -> Result<f64, Error> {
        let [few, many] = self.runs;
        let difference = self.count(case, many)? - self.count(case, few)?;
        Ok(difference / f64::from(many - few))
    }

    fn count(&self, case: &str, runs: u32) -> Result<f64, Error> {
        let mut program = Command::new(&self.executable);
        program.args(["--case", case, "--runs", &runs.to_string()]);
        let profile = format!("{}.callgrind", case.replace('/', "-"));
        callgrind::count(&program, &self.profiles.join(profile))
    }

    /// Writes `target/bench/TITLE-instructions.json`.
    pub(super) fn write(&self, figures: &[Value]) -> Result<(), Error> {
        let path = folder().join(format!("{}-instructions.json", self.binary.title));
        let text = format!("{:#}", Value::from(figures));
        fs::write(&path, text).map_err(|source| Error::file(&path, source))
    }
}

pub(super) fn figure(case: &str, what: &str, value: f64, unit: &str) -> Value {
    json!({"name": format!("{case}/{what}"), "value": value, "unit": unit})
}

fn folder() -> PathBuf {
    root().join("target/bench")
}
