//! A child process: this program with other arguments.

use std::{
    env, fs,
    io::{self, BufRead, BufReader, Write},
    process::{self, ChildStdin, ChildStdout, Command, Stdio},
    time::Duration,
};

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
        let mut command = Command::new("taskset");
        command.args(["--cpu-list", &core.to_string()]);
        Self::of(command.arg(env::current_exe()?).args(arguments))
            .map_err(|error| without_taskset(&error))
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

    /// The CPU time that its threads have used so far, user and system. It is exact while they all wait.
    ///
    /// # Errors
    ///
    /// When it has ended, or the system does not count.
    pub fn cpu(&self) -> io::Result<Duration> {
        let tasks = fs::read_dir(format!("/proc/{}/task", self.process.id()))?;
        let mut nanos = 0;
        for task in tasks {
            nanos += run_time(&fs::read_to_string(task?.path().join("schedstat"))?)?;
        }
        Ok(Duration::from_nanos(nanos))
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

/// `/proc/PID/schedstat`: nanoseconds on a core, nanoseconds in the queue for one, and how often it was given one.
fn run_time(schedstat: &str) -> io::Result<u64> {
    let nanos = schedstat.split(' ').next().and_then(|it| it.parse().ok());
    nanos.ok_or_else(|| io::Error::other("`schedstat` has no time"))
}

fn without_taskset(error: &io::Error) -> io::Error {
    let help = "`taskset` did not start; get it with `apt-get install util-linux`";
    io::Error::new(error.kind(), format!("{help}: {error}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_time_on_a_core_is_the_first_of_three() {
        assert_eq!(run_time("301337 99 7\n").unwrap(), 301_337);
        assert!(run_time("\n").is_err());
    }
}
