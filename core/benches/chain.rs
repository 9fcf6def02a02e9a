//! What the chain alone costs: nanoseconds per interceptor and allocations per run, by depth.
//!
//! Prints a table and writes `target/bench/chain.json`. What is measured is asserted first.
//!
//! ```text
//! chain                          measure all
//! chain --cases                  list the cases: KIND/DEPTH
//! chain --case CASE --runs N     run one case N times and print nothing: for callgrind
//! ```

#![expect(clippy::print_stdout, reason = "a bench prints its table")]

use std::{env, error::Error, fs, hint::black_box, path::Path, time::Duration};

use peristyle_core::{Chain, Context, Link, around};
use serde_json::json;
use tokio::time::Instant;

/// Each figure is the median of this many samples; the two kinds alternate, so that drift falls on both.
const SAMPLES: usize = 15;
/// A sample runs for at least this long.
const SAMPLE: Duration = Duration::from_millis(20);
const DEPTHS: [usize; 7] = [0, 1, 4, 16, 256, 1024, 4096];

/// The kinds of interceptor.
const KINDS: [(&str, fn() -> Link<u64>); 2] = [
    ("at_once", || around(count, count)),
    ("waiting", || around(count_later, count_later)),
];

fn main() -> Result<(), Box<dyn Error>> {
    // Cargo adds `--bench`.
    let arguments: Vec<String> = env::args().skip(1).filter(|it| it != "--bench").collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match arguments[..] {
        [] => measure_all(),
        ["--cases"] => {
            list();
            Ok(())
        }
        ["--case", case, "--runs", runs] => run_one(case, runs.parse()?),
        _ => Err("usage: chain [--cases | --case CASE --runs N]".into()),
    }
}

fn measure_all() -> Result<(), Box<dyn Error>> {
    println!("{:>6}  {:>22}  {:>22}", "", "at once", "waiting");
    println!(
        "{:>6}  {:>12} {:>9}  {:>12} {:>9}",
        "depth", "ns/intercept", "allocs", "ns/stage", "allocs"
    );
    let mut figures = Vec::new();
    for depth in DEPTHS {
        let [at_once, waiting] = KINDS.map(|(_, link)| Case::new(depth, link));
        let (a, w) = measure(&at_once, &waiting);
        println!(
            "{depth:>6}  {:>12.2} {:>9}  {:>12.2} {:>9}",
            a.per_link,
            a.allocations,
            w.per_link / 2.0,
            w.allocations
        );
        figures.extend([
            json!({"name": format!("at_once/{depth}/per_interceptor"), "value": a.per_link, "unit": "ns"}),
            json!({"name": format!("at_once/{depth}/per_run"), "value": a.per_run, "unit": "ns"}),
            json!({"name": format!("at_once/{depth}/allocations"), "value": a.allocations, "unit": "allocations/run"}),
            json!({"name": format!("waiting/{depth}/per_stage"), "value": w.per_link / 2.0, "unit": "ns"}),
            json!({"name": format!("waiting/{depth}/per_run"), "value": w.per_run, "unit": "ns"}),
            json!({"name": format!("waiting/{depth}/allocations"), "value": w.allocations, "unit": "allocations/run"}),
        ]);
    }
    write(&figures)
}

fn list() {
    for (kind, _) in KINDS {
        for depth in DEPTHS {
            println!("{kind}/{depth}");
        }
    }
}

fn run_one(case: &str, runs: u32) -> Result<(), Box<dyn Error>> {
    let case = Case::named(case).ok_or_else(|| format!("there is no case `{case}`"))?;
    case.verify();
    case.repeat(runs);
    Ok(())
}

fn count(cx: &mut Context<u64>) {
    **cx += 1;
}

async fn count_later(cx: &mut Context<u64>) {
    **cx += 1;
}

struct Case {
    chain: Chain<u64>,
}

struct Figures {
    /// Nanoseconds of enter and leave together, without what an empty chain costs; at depth 0 the empty chain itself.
    per_link: f64,
    per_run: f64,
    allocations: u64,
}

impl Case {
    fn new(depth: usize, link: impl Fn() -> Link<u64>) -> Self {
        let chain = (0..depth).map(|_| link()).collect();
        Self { chain }
    }

    fn named(name: &str) -> Option<Self> {
        let (kind, depth) = name.split_once('/')?;
        let (_, link) = KINDS.into_iter().find(|(name, _)| *name == kind)?;
        Some(Self::new(depth.parse().ok()?, link))
    }

    fn run(&self) -> u64 {
        let mut cx = Context::new(0);
        cx.terminate_when(|cx| **cx == u64::MAX);
        self.chain.run_now(&mut cx).expect("no stage fails");
        *cx
    }

    fn verify(&self) {
        let stages = 2 * self.chain.len() as u64;
        assert_eq!(self.run(), stages, "each stage ran once");
    }

    fn allocations(&self) -> u64 {
        self.verify();
        allocation_counter::measure(|| {
            black_box(self.run());
        })
        .count_total
    }

    /// Runs without counting allocations, which would make each of them cost more.
    fn repeat(&self, runs: u32) {
        allocation_counter::opt_out(|| {
            for _ in 0..runs {
                black_box(black_box(self).run());
            }
        });
    }

    /// Nanoseconds per run, over one sample.
    fn sample(&self, runs: u32) -> f64 {
        let start = Instant::now();
        self.repeat(runs);
        start.elapsed().as_secs_f64() * 1e9 / f64::from(runs)
    }

    fn runs_per_sample(&self) -> u32 {
        let mut runs = 1;
        while f64::from(runs) * self.sample(runs) < SAMPLE.as_secs_f64() * 1e9 {
            runs *= 2;
        }
        runs
    }

    fn figures(&self, mut samples: Vec<f64>, empty: f64) -> Figures {
        samples.sort_by(f64::total_cmp);
        let per_run = samples[samples.len() / 2];
        let links = u32::try_from(self.chain.len()).expect("a depth of the table");
        Figures {
            per_link: if links == 0 {
                per_run
            } else {
                (per_run - empty) / f64::from(links)
            },
            per_run,
            allocations: self.allocations(),
        }
    }
}

fn measure(at_once: &Case, waiting: &Case) -> (Figures, Figures) {
    let empty = Case::new(0, || unreachable!("an empty chain has no link"));
    let cases = [&empty, at_once, waiting];
    let runs = cases.map(Case::runs_per_sample);
    let mut samples = [const { Vec::new() }; 3];
    for _ in 0..SAMPLES {
        for ((case, runs), samples) in cases.iter().zip(runs).zip(&mut samples) {
            samples.push(case.sample(runs));
        }
    }
    let [nothing, a, w] = samples;
    let nothing = empty.figures(nothing, 0.0).per_run;
    (at_once.figures(a, nothing), waiting.figures(w, nothing))
}

fn write(figures: &[serde_json::Value]) -> Result<(), Box<dyn Error>> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../target/bench");
    fs::create_dir_all(&folder)?;
    fs::write(
        folder.join("chain.json"),
        serde_json::to_string_pretty(figures)?,
    )?;
    Ok(())
}
