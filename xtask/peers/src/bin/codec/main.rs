//! What it costs to decode and encode Server-Sent Events, here and elsewhere.
//!
//! Everyone decodes the same bytes in the same chunks, from a body or a stream that never waits, and encodes the same events.
//! What came out is compared with what should before anything is measured. A figure is the median of several rounds in which
//! they take turns, with the least and the greatest; a ratio is to Peristyle in the same round, above 1 when it is faster.
//!
//! - `decode-SHAPE-CHUNK`: a stream of some 256 KiB, in chunks of so many bytes.
//! - `encode-SHAPE`: the same events, one by one from their fields to their bytes.
//! - `body-SHAPE`: the same events as the body of a response, frame by frame.
//!
//! ```text
//! codec [--peers] [CASE…]         measure these cases, or all; print a table, write target/bench/codec.json or codec-peers.json
//! codec --cases [--peers]         list the cases, CASE/CODEC
//! codec --case NAME --runs N      run one case N times and print nothing: for callgrind
//! ```

#![expect(clippy::print_stdout, reason = "a bench prints its table")]

mod axum_event;
mod case;
mod eventsource_stream;
mod measure;
mod peristyle;
mod ready;
mod shape;
mod sse_stream;
mod table;

use std::env;

use peristyle_peers::Failure;

use crate::case::{Case, Turn};

fn main() -> Result<(), Failure> {
    let arguments: Vec<String> = env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match arguments[..] {
        ["--cases"] => list(false),
        ["--cases", "--peers"] => list(true),
        ["--case", name, "--runs", runs] => return run(name, runs.parse()?),
        ["--peers", ref cases @ ..] => return measure("codec-peers", cases, true),
        ref cases => return measure("codec", cases, false),
    }
    Ok(())
}

fn list(peers: bool) {
    for case in case::all() {
        for turn in case.turns(peers) {
            println!("{}/{}", case.name, turn.codec);
        }
    }
}

fn run(name: &str, runs: u32) -> Result<(), Failure> {
    let unknown = || format!("there is no case `{name}`");
    let (case, codec) = name.split_once('/').ok_or_else(unknown)?;
    let case = case::all().into_iter().find(|it| it.name == case);
    let case = case.ok_or_else(unknown)?;
    let mut turns = case.turns(true);
    let turn: Turn<'_> = turns.find(|it| it.codec == codec).ok_or_else(unknown)?;
    turn.verify();
    for _ in 0..runs {
        turn.run();
    }
    Ok(())
}

/// Without names all cases.
fn measure(title: &str, names: &[&str], peers: bool) -> Result<(), Failure> {
    let cases = case::all();
    if let Some(unknown) = names
        .iter()
        .find(|name| !cases.iter().any(|it| it.name == **name))
    {
        return Err(format!("there is no case `{unknown}`").into());
    }
    let chosen = |case: &&Case| names.is_empty() || names.contains(&case.name.as_str());
    let mut figures = Vec::new();
    println!("{}", table::heading());
    for case in cases.iter().filter(chosen) {
        for measured in measure::all(case, peers) {
            println!("{}", table::row(&measured));
            figures.extend(table::json(&measured));
        }
        println!();
    }
    Ok(peristyle_peers::write(title, &figures)?)
}
