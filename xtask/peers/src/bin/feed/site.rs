//! A server as it runs, on a core of its own.

use std::{env, path::PathBuf, time::Duration};

use peristyle_peers::{Child, Failure, Process};
use rustix::process::{Pid, Signal, kill_process};

use crate::{
    nginx::Nginx,
    server::{Kind, Server},
    target::Target,
};

/// Of the machine: one for the server and one for the crowd.
pub(crate) const CORES: [u32; 2] = [0, 1];

/// What serves so many routes, and counts its heap or does not.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Setting {
    pub(crate) routes: usize,
    pub(crate) heap: bool,
}

#[derive(Debug)]
pub(crate) struct Site {
    pub(crate) target: Target,
    running: Running,
}

#[derive(Debug)]
enum Running {
    Ours { child: Child, heap: bool },
    Nginx(Nginx),
    Elsewhere(Option<Process>),
}

/// What a process has used of a core so far.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Used {
    cpu: Duration,
    ticks: [u64; 2],
}

impl Site {
    pub(crate) fn start(server: &Server, setting: Setting) -> Result<Self, Failure> {
        let (target, running) = match server.kind {
            Kind::Ours => ours(server.name, setting)?,
            Kind::Nginx => {
                let nginx = Nginx::start(CORES[0])?;
                (Target::at(nginx.address()), Running::Nginx(nginx))
            }
            Kind::Elsewhere => return Err("it is started elsewhere".into()),
        };
        Ok(Self { target, running })
    }

    /// A server that runs already.
    pub(crate) fn elsewhere(target: Target, process: Option<Process>) -> Self {
        let running = Running::Elsewhere(process);
        Self { target, running }
    }

    fn process(&self) -> Result<Option<Process>, Failure> {
        Ok(match &self.running {
            Running::Ours { child, .. } => Some(child.process()),
            Running::Nginx(nginx) => Some(nginx.worker()?),
            Running::Elsewhere(process) => *process,
        })
    }

    /// What it has used so far, if it is known which process it is.
    pub(crate) fn used(&self) -> Result<Option<Used>, Failure> {
        let Some(process) = self.process()? else {
            return Ok(None);
        };
        Ok(Some(Used {
            cpu: process.cpu()?,
            ticks: process.ticks()?,
        }))
    }

    /// Its memory, in bytes, if it is known which process it is.
    pub(crate) fn resident(&self) -> Result<Option<u64>, Failure> {
        let Some(process) = self.process()? else {
            return Ok(None);
        };
        Ok(Some(process.resident()?))
    }

    /// Its live heap, in bytes, if it counts it.
    pub(crate) fn heap(&mut self) -> Result<Option<u64>, Failure> {
        match &mut self.running {
            Running::Ours { child, heap: true } => {
                child.say("heap")?;
                Ok(Some(child.hear()?.parse()?))
            }
            _ => Ok(None),
        }
    }

    /// Sends SIGTERM.
    pub(crate) fn terminate(&self) -> Result<(), Failure> {
        match &self.running {
            Running::Ours { child, .. } => {
                let pid = Pid::from_raw(i32::try_from(child.id())?);
                Ok(kill_process(
                    pid.ok_or("a child has a number")?,
                    Signal::TERM,
                )?)
            }
            Running::Nginx(nginx) => nginx.terminate(),
            Running::Elsewhere(_) => Err("it is not ours to end".into()),
        }
    }

    /// Waits until it has ended.
    pub(crate) fn ended(self) -> Result<(), Failure> {
        match self.running {
            Running::Ours { child, .. } => Ok(child.ended()?),
            Running::Nginx(mut nginx) => nginx.ended(),
            Running::Elsewhere(_) => Ok(()),
        }
    }
}

fn ours(name: &str, setting: Setting) -> Result<(Target, Running), Failure> {
    let Setting { routes, heap } = setting;
    let arguments = ["--serve", name, &routes.to_string()];
    let mut child = if heap {
        Child::of_program(CORES[0], &counting()?, &arguments)?
    } else {
        Child::on_core(CORES[0], &arguments)?
    };
    let target = Target::at(child.hear()?.parse()?);
    Ok((target, Running::Ours { child, heap }))
}

/// The program beside this one that serves the same, and counts its heap.
fn counting() -> Result<PathBuf, Failure> {
    let program = env::current_exe()?.with_file_name("feed_heap");
    if !program.exists() {
        let help =
            "there is no `feed_heap` beside this program; `cargo xtask bench feed` builds it";
        return Err(help.into());
    }
    Ok(program)
}

impl Used {
    /// CPU time from another moment to this, and how much of it was not the system's, from 0 to 1.
    pub(crate) fn since(self, earlier: Self) -> (Duration, f64) {
        let [user, system] = [0, 1].map(|it| self.ticks[it].saturating_sub(earlier.ticks[it]));
        (self.cpu.saturating_sub(earlier.cpu), share(user, system))
    }
}

#[expect(clippy::cast_precision_loss, reason = "a figure to be read")]
fn share(user: u64, system: u64) -> f64 {
    user as f64 / (user + system).max(1) as f64
}
