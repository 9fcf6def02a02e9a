//! A child process: this program with other arguments.

use std::{
    env,
    io::{self, BufRead, BufReader, Write},
    path::Path,
    process::{self, ChildStdin, ChildStdout, Command, Stdio},
    time::Duration,
};

use crate::Process;

/// A child that hears and says lines. It is killed when this is dropped.
#[derive(Debug)]
pub struct Child {
    process: process::Child,
    input: ChildStdin,
    output: BufReader<ChildStdout>,
}

impl Child {
    /// Starts this program with these arguments.
    ///
    /// # Errors
    ///
    /// When it does not start.
    pub fn start(arguments: &[&str]) -> io::Result<Self> {
        Self::of(Command::new(env::current_exe()?).args(arguments))
    }

    /// Starts this program on one core of the machine, by `taskset`.
    ///
    /// # Errors
    ///
    /// When it does not start; the text says how to get `taskset`. Without such a core the child ends at once.
    pub fn on_core(core: u32, arguments: &[&str]) -> io::Result<Self> {
        Self::of_program(core, &env::current_exe()?, arguments)
    }

    /// Starts another program on one core of the machine, by `taskset`.
    ///
    /// # Errors
    ///
    /// As for [`on_core`](Self::on_core).
    pub fn of_program(core: u32, program: &Path, arguments: &[&str]) -> io::Result<Self> {
        let mut command = Command::new("taskset");
        command.args(["--cpu-list", &core.to_string()]);
        Self::of(command.arg(program).args(arguments)).map_err(|error| without_taskset(&error))
    }

    fn of(command: &mut Command) -> io::Result<Self> {
        let mut process = command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()?;
        let input = process.stdin.take().expect("it is piped");
        let output = process.stdout.take().expect("it is piped");
        Ok(Self {
            process,
            input,
            output: BufReader::new(output),
        })
    }

    /// The number that the system knows it by.
    pub fn id(&self) -> u32 {
        self.process.id()
    }

    /// Says a line to it.
    ///
    /// # Errors
    ///
    /// When it has ended.
    pub fn say(&mut self, line: &str) -> io::Result<()> {
        writeln!(self.input, "{line}")
    }

    /// Waits for the next line that it says.
    ///
    /// # Errors
    ///
    /// When it ends instead.
    pub fn hear(&mut self) -> io::Result<String> {
        let mut line = String::new();
        if self.output.read_line(&mut line)? == 0 {
            let ended = "a child ended; what it wrote before says why";
            return Err(io::Error::new(io::ErrorKind::UnexpectedEof, ended));
        }
        Ok(line.trim_end().to_owned())
    }

    /// Tells it to do something, and waits until it says the same line: it is done.
    ///
    /// # Errors
    ///
    /// When it ends instead, or says something else.
    pub fn tell(&mut self, line: &str) -> io::Result<()> {
        self.say(line)?;
        match self.hear()? {
            heard if heard == line => Ok(()),
            heard => Err(io::Error::other(format!(
                "told `{line}`, a child said `{heard}`"
            ))),
        }
    }

    /// The CPU time that its threads have used so far; see [`Process::cpu`].
    ///
    /// # Errors
    ///
    /// When it has ended, or the system does not count.
    pub fn cpu(&self) -> io::Result<Duration> {
        self.process().cpu()
    }

    /// What the system knows of it.
    pub fn process(&self) -> Process {
        Process::of(self.id())
    }

    /// Waits until it has ended.
    ///
    /// # Errors
    ///
    /// When it did not succeed.
    pub fn ended(mut self) -> io::Result<()> {
        match self.process.wait()? {
            status if status.success() => Ok(()),
            status => Err(io::Error::other(format!("a child failed ({status})"))),
        }
    }
}

impl Drop for Child {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ended = self.process.kill();
        let _reaped = self.process.wait();
    }
}

fn without_taskset(error: &io::Error) -> io::Error {
    let help = "`taskset` did not start; get it with `apt-get install util-linux`";
    io::Error::new(error.kind(), format!("{help}: {error}"))
}
