//! The release build of the example `hello`, under the load generators that everyone knows.

use std::{
    io,
    net::TcpStream,
    process::{Child, Command, Stdio},
    thread,
    time::Duration,
};

use crate::{
    Error,
    cargo::{self, cargo},
    load::report::Report,
    step,
};

/// Where the example listens.
const ADDRESS: &str = "127.0.0.1:8080";
const EXAMPLE: &str = "hello";

struct Tool {
    program: &'static str,
    /// Of Debian.
    package: &'static str,
    protocol: &'static str,
    arguments: &'static [&'static str],
    read: fn(&str) -> Option<Report>,
}

const TOOLS: [Tool; 3] = [
    Tool {
        program: "wrk",
        package: "wrk",
        protocol: "HTTP/1.1",
        arguments: &["--threads=1", "--connections=64", "--duration=3s"],
        read: Report::of_wrk,
    },
    Tool {
        program: "h2load",
        package: "nghttp2-client",
        protocol: "HTTP/1.1",
        arguments: &["--h1", "--clients=64", "--duration=3"],
        read: Report::of_h2load,
    },
    Tool {
        program: "h2load",
        package: "nghttp2-client",
        protocol: "HTTP/2",
        arguments: &["--clients=8", "--max-concurrent-streams=16", "--duration=3"],
        read: Report::of_h2load,
    },
];

/// Prints a table. A tool that is not there is named, and is no failure.
///
/// # Errors
///
/// When a request failed, or none was answered.
pub(super) fn run() -> Result<(), Error> {
    let _server = Example::start()?;
    let mut bad = Vec::new();
    println!(
        "{:<8}  {:<8}  {:>10}  {:>8}  {:>10}",
        "tool", "protocol", "answered", "failed", "per second"
    );
    for tool in &TOOLS {
        let Tool {
            program, protocol, ..
        } = tool;
        match tool.run()? {
            None => println!("{program:<8}  {protocol:<8}  {}", tool.help()),
            Some(report) => {
                let (answered, failed) = (report.answered, report.failed);
                let per_second = report.per_second;
                println!(
                    "{program:<8}  {protocol:<8}  {answered:>10}  {failed:>8}  {per_second:>10.0}"
                );
                if !report.is_good() {
                    bad.push(format!("{program} over {protocol}"));
                }
            }
        }
    }
    println!();
    match bad.len() {
        0 => Ok(()),
        _ => Err(Error::failed(TOOLS.len(), bad)),
    }
}

impl Tool {
    /// `None` if it is not installed.
    fn run(&self) -> Result<Option<Report>, Error> {
        let mut command = Command::new(self.program);
        command
            .args(self.arguments)
            .arg(format!("http://{ADDRESS}/"));
        let output = match command.stderr(Stdio::inherit()).output() {
            Ok(output) => output,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(Error::program(self.program.as_ref(), error)),
        };
        let text = String::from_utf8_lossy(&output.stdout);
        let report = (self.read)(&text).ok_or_else(|| Error::unexpected(self.program, &text))?;
        Ok(Some(report))
    }

    fn help(&self) -> String {
        format!("missing; get it with `apt-get install {}`", self.package)
    }
}

/// The example as it runs; it is killed when this is dropped.
struct Example(Child);

impl Example {
    fn start() -> Result<Self, Error> {
        let mut build = cargo();
        build.args(["build", "--release", "--example", EXAMPLE]);
        build.args([
            "--package=peristyle-examples",
            "--message-format=json-render-diagnostics",
        ]);
        let executable = cargo::executable(&step::output(&mut build)?, EXAMPLE)
            .ok_or_else(|| Error::unexpected("cargo", "no name of an executable"))?;
        if is_listening() {
            return Err(Error::taken(ADDRESS));
        }
        let started = Command::new(&executable).spawn();
        let started = started.map_err(|source| Error::program(EXAMPLE.as_ref(), source))?;
        let mut example = Self(started);
        example.wait()?;
        Ok(example)
    }

    /// Waits until it listens.
    fn wait(&mut self) -> Result<(), Error> {
        while !is_listening() {
            let ended = self.0.try_wait();
            let ended = ended.map_err(|source| Error::program(EXAMPLE.as_ref(), source))?;
            if let Some(status) = ended {
                return Err(Error::command(EXAMPLE.to_owned(), status));
            }
            thread::sleep(Duration::from_millis(10));
        }
        Ok(())
    }
}

impl Drop for Example {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ended = self.0.kill();
        let _reaped = self.0.wait();
    }
}

fn is_listening() -> bool {
    TcpStream::connect(ADDRESS).is_ok()
}
