//! What a request costs here and elsewhere: CPU time of the server per request over HTTP/1.1, connections kept alive.
//!
//! Each server is a process of one thread that serves, on one core; who asks is another process on another core, with 32
//! connections. They are started by `taskset`, of the Debian package util-linux, and the machine must have two cores. The
//! servers of a case take turns. Each answer is checked byte by byte and counted, and each pass of an interceptor that counts.
//! A figure is the median of several rounds, with the least and the greatest; a ratio is to the first server of the case in
//! the same round. The cases are listed in [`case::CASES`].
//!
//! ```text
//! http [--peers] [CASE…]         measure these cases, or all; print a table, write target/bench/http.json or http-peers.json
//! http --cases [--peers]         list the cases, CASE/SERVER
//! http --case NAME --runs N      serve N requests of one case and print nothing: for callgrind
//! http --serve NAME              serve one case until the standard input ends
//! http --load NAME ADDRESS N     open N connections anew, or send as many requests, as each line of the standard input says
//! ```

#![expect(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a bench prints its table"
)]

mod actix_app;
mod axum_router;
mod case;
mod load;
mod measure;
mod peristyle;
mod raw_hyper;
mod work;

use std::{
    env, io,
    net::{SocketAddr, TcpListener},
    thread,
};

use peristyle_peers::{Child, Failure, Figures};

use crate::{
    case::{CASES, Case, Server},
    load::Load,
};

/// Tells who asks to open connections: servers close those that are idle while others take their turns.
const ANEW: &str = "anew";

fn main() -> Result<(), Failure> {
    let arguments: Vec<String> = env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match arguments[..] {
        ["--cases"] => {
            list(false);
            Ok(())
        }
        ["--cases", "--peers"] => {
            list(true);
            Ok(())
        }
        ["--case", name, "--runs", runs] => count(name, runs),
        ["--serve", name] => serve(find(name)?.1),
        ["--load", name, address, connections] => {
            let case = find(name)?.0;
            ask(case, address.parse()?, connections.parse()?)
        }
        ["--peers", ref cases @ ..] => measure("http-peers", &chosen(cases)?, true),
        ref cases => measure("http", &chosen(cases)?, false),
    }
}

/// The cases of these names; without names all.
fn chosen(names: &[&str]) -> Result<Vec<&'static Case>, Failure> {
    if names.is_empty() {
        return Ok(CASES.iter().collect());
    }
    let case = |name: &&str| {
        let case = CASES.iter().find(|case| case.name == *name);
        case.ok_or_else(|| format!("there is no case `{name}`").into())
    };
    names.iter().map(case).collect()
}

fn measure(title: &str, cases: &[&Case], peers: bool) -> Result<(), Failure> {
    let mut figures = Vec::new();
    println!("{}", Figures::heading("req"));
    for case in cases {
        for measured in measure::all(case, peers)? {
            println!("{}", measured.row(case.name));
            figures.extend(measured.json(case.name, "request"));
        }
        println!();
    }
    Ok(peristyle_peers::write(title, &figures)?)
}

fn list(peers: bool) {
    for name in case::names(peers) {
        println!("{name}");
    }
}

fn find(name: &str) -> Result<(&'static Case, &'static Server), Failure> {
    Ok(case::named(name).ok_or_else(|| format!("there is no case `{name}`"))?)
}

/// Who asks is a process of its own, whose instructions are not counted. It has one connection: how many requests a server
/// finds when it wakes depends on the moment, and one is always the same.
fn count(name: &str, runs: &str) -> Result<(), Failure> {
    let address = start(find(name)?.1)?.to_string();
    let mut asking = Child::start(&["--load", name, &address, "1"])?;
    asking.tell(ANEW)?;
    asking.tell(runs)?;
    Ok(())
}

fn serve(server: &Server) -> Result<(), Failure> {
    println!("{}", start(server)?);
    io::read_to_string(io::stdin())?;
    Ok(())
}

/// Serves on a thread that ends with the process.
fn start(server: &Server) -> Result<SocketAddr, Failure> {
    let listener = TcpListener::bind("127.0.0.1:0")?;
    let address = listener.local_addr()?;
    let serve = server.serve;
    thread::spawn(move || {
        if let Err(error) = serve(listener) {
            eprintln!("the server ended: {error}");
        }
    });
    Ok(address)
}

fn ask(case: &Case, address: SocketAddr, connections: usize) -> Result<(), Failure> {
    let mut load = Load::new(address, case);
    for line in io::stdin().lines() {
        let line = line?;
        match line.as_str() {
            ANEW => load.connect(connections)?,
            requests => load.run(requests.parse()?)?,
        }
        println!("{line}");
    }
    Ok(())
}
