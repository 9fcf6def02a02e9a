//! Instructions per interceptor, as a second figure beside the time: one that can be repeated.
//!
//! A benchmark lists its cases with `--cases`, as `KIND/DEPTH` from depth 0 up, and runs one of them with
//! `--case CASE --runs N`.

use std::{fs, path::PathBuf, process::Command};

use serde_json::{Value, json};

use crate::{
    Error,
    bench::{binary::Binary, callgrind},
    cargo::root,
    step,
};

/// Each case is counted twice. The difference is that of the runs alone, without what it takes to begin and end.
const RUNS: [u32; 2] = [4, 12];

/// Prints a table and writes `target/bench/TITLE-instructions.json`.
pub(super) fn run(binary: &Binary) -> Result<(), Error> {
    callgrind::look_for()?;
    let counter = Counter::new(binary)?;
    println!(
        "{:<20}  {:>17}  {:>24}",
        "case", "instructions/run", "instructions/interceptor"
    );
    let mut figures = Vec::new();
    let mut empty = 0.0;
    for name in counter.cases()?.lines() {
        let per_run = counter.per_run(name)?;
        figures.push(figure(name, "per_run", per_run));
        print!("{name:<20}  {per_run:>17.1}  ");
        match depth(name) {
            None => return Err(Error::unexpected("--cases", name)),
            Some(0) => {
                empty = per_run;
                println!("{:>24}", "-");
            }
            Some(depth) => {
                let per_interceptor = (per_run - empty) / f64::from(depth);
                figures.push(figure(name, "per_interceptor", per_interceptor));
                println!("{per_interceptor:>24.1}");
            }
        }
    }
    write(&binary.title, &figures)
}

/// The depth of the case `KIND/DEPTH`.
fn depth(case: &str) -> Option<u32> {
    case.rsplit_once('/')?.1.parse().ok()
}

fn figure(case: &str, what: &str, value: f64) -> Value {
    json!({"name": format!("{case}/{what}"), "value": value, "unit": "instructions"})
}

fn write(title: &str, figures: &[Value]) -> Result<(), Error> {
    let path = folder().join(format!("{title}-instructions.json"));
    let text = format!("{:#}", Value::from(figures));
    fs::write(&path, text).map_err(|source| Error::file(&path, source))
}

fn folder() -> PathBuf {
    root().join("target/bench")
}

struct Counter {
    executable: PathBuf,
    profiles: PathBuf,
}

impl Counter {
    fn new(binary: &Binary) -> Result<Self, Error> {
        let executable = binary.build()?;
        let profiles = folder().join(&binary.title);
        fs::create_dir_all(&profiles).map_err(|source| Error::file(&profiles, source))?;
        Ok(Self {
            executable,
            profiles,
        })
    }

    fn cases(&self) -> Result<String, Error> {
        step::output(Command::new(&self.executable).arg("--cases"))
    }

    fn per_run(&self, case: &str) -> Result<f64, Error> {
        let [few, many] = RUNS;
        let difference = self.count(case, many)? - self.count(case, few)?;
        Ok(difference / f64::from(many - few))
    }

    fn count(&self, case: &str, runs: u32) -> Result<f64, Error> {
        let mut program = Command::new(&self.executable);
        program.args(["--case", case, "--runs", &runs.to_string()]);
        let profile = format!("{}.callgrind", case.replace('/', "-"));
        callgrind::count(&program, &self.profiles.join(profile))
    }
}
