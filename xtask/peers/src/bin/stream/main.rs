//! What a stream of many values costs here and elsewhere: CPU time of the server per value over HTTP/1.1.
//!
//! Each server is a process of one thread that serves, on one core; who reads is another process on another core, with one
//! connection. They are started by `taskset`, of the Debian package util-linux, and the machine must have two cores. The
//! servers of a case take turns. Every byte that is read is compared with what it should be, and all are counted, before a
//! figure is printed. A figure is the median of several rounds, with the least and the greatest; a ratio is to the first
//! server of the case in the same round. The cases are listed in [`case::CASES`].
//!
//! ```text
//! stream [--peers] [CASE…]      measure these cases, or all; print a table, write target/bench/stream.json or stream-peers.json
//! stream --cases [--peers]      list the cases, CASE/SERVER
//! stream --case NAME --runs N   serve N values of one case and print nothing: for callgrind
//! stream --serve NAME           serve one case until the standard input ends
//! stream --load NAME ADDRESS    read as many values as each line of the standard input says
//! ```

#![expect(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a bench prints its table"
)]

mod axum_app;
mod case;
mod file;
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

use crate::case::{CASES, Case, Server};

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
        ["--case", name, "--runs", values] => count(name, values),
        ["--serve", name] => serve(find(name)?.1),
        ["--load", name, address] => {
            let (case, server) = find(name)?;
            read(case, server, address.parse()?)
        }
        ["--peers", ref cases @ ..] => measure("stream-peers", &chosen(cases)?, true),
        ref cases => measure("stream", &chosen(cases)?, false),
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
    println!("{}", Figures::heading("value"));
    for case in cases {
        for measured in measure::all(case, peers)? {
            println!("{}", measured.row(case.name));
            figures.extend(measured.json(case.name, "value"));
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

/// Who reads is a process of its own, whose instructions are not counted.
fn count(name: &str, values: &str) -> Result<(), Failure> {
    let (case, server) = find(name)?;
    file::make(case, values.parse()?)?;
    let address = start(server)?.to_string();
    let mut reading = Child::start(&["--load", name, &address])?;
    reading.tell(values)?;
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

fn read(case: &Case, server: &Server, address: SocketAddr) -> Result<(), Failure> {
    for line in io::stdin().lines() {
        let line = line?;
        load::run(address, case, server, line.parse()?)?;
        println!("{line}");
    }
    Ok(())
}
