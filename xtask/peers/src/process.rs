//! What the system knows of a process.

use std::{fs, io, time::Duration};

/// A process by its number.
#[derive(Debug, Clone, Copy)]
pub struct Process(u32);

impl Process {
    /// The process that the system knows by this number, if there is one.
    pub fn of(id: u32) -> Self {
        Self(id)
    }

    /// The number.
    pub fn id(self) -> u32 {
        self.0
    }

    /// The CPU time that its threads have used so far, user and system. It is exact while they all wait.
    ///
    /// # Errors
    ///
    /// When it has ended, or the system does not count.
    pub fn cpu(self) -> io::Result<Duration> {
        let mut nanos = 0;
        for task in fs::read_dir(format!("/proc/{}/task", self.0))? {
            nanos += run_time(&fs::read_to_string(task?.path().join("schedstat"))?)?;
        }
        Ok(Duration::from_nanos(nanos))
    }

    /// The CPU time in ticks of the system's clock: user's, then the system's. Coarser than [`cpu`](Self::cpu).
    ///
    /// # Errors
    ///
    /// When it has ended.
    pub fn ticks(self) -> io::Result<[u64; 2]> {
        let stat = fs::read_to_string(format!("/proc/{}/stat", self.0))?;
        ticks(&stat).ok_or_else(|| io::Error::other("`stat` has no times"))
    }

    /// How much of its memory is in the machine's, in bytes.
    ///
    /// # Errors
    ///
    /// When it has ended.
    pub fn resident(self) -> io::Result<u64> {
        let status = fs::read_to_string(format!("/proc/{}/status", self.0))?;
        resident(&status).ok_or_else(|| io::Error::other("`status` has no size"))
    }

    /// The processes that it has started.
    ///
    /// # Errors
    ///
    /// When it has ended.
    pub fn children(self) -> io::Result<Vec<Self>> {
        let Self(id) = self;
        let children = fs::read_to_string(format!("/proc/{id}/task/{id}/children"))?;
        let ids = children.split_whitespace();
        Ok(ids.filter_map(|id| id.parse().ok()).map(Self).collect())
    }
}

/// `/proc/PID/schedstat`: nanoseconds on a core, nanoseconds in the queue for one, and how often it was given one.
fn run_time(schedstat: &str) -> io::Result<u64> {
    let nanos = schedstat.split(' ').next().and_then(|it| it.parse().ok());
    nanos.ok_or_else(|| io::Error::other("`schedstat` has no time"))
}

/// `/proc/PID/stat`: the 14th and 15th of its fields. The second is a name in parentheses, with whatever it has inside.
fn ticks(stat: &str) -> Option<[u64; 2]> {
    let (_, fields) = stat.rsplit_once(") ")?;
    let mut times = fields.split(' ').skip(11);
    Some([times.next()?.parse().ok()?, times.next()?.parse().ok()?])
}

/// `/proc/PID/status`: a line for each, in units of 1024 bytes.
fn resident(status: &str) -> Option<u64> {
    let size = status.lines().find_map(|it| it.strip_prefix("VmRSS:"))?;
    let kib: u64 = size.trim().strip_suffix(" kB")?.parse().ok()?;
    Some(kib * 1024)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_time_on_a_core_is_the_first_of_three() {
        assert_eq!(run_time("301337 99 7\n").unwrap(), 301_337);
        assert!(run_time("\n").is_err());
    }

    #[test]
    fn the_ticks_are_found_behind_any_name() {
        let stat = "42 (a) 7 (b) S 1 2 3 4 5 6 7 8 9 10 111 22 0 0\n";
        assert_eq!(ticks(stat), Some([111, 22]));
        assert_eq!(ticks("42 (a) S 1"), None);
    }

    #[test]
    fn the_size_is_in_bytes() {
        let status = "Name:\tfeed\nVmHWM:\t     99 kB\nVmRSS:\t     12 kB\n";
        assert_eq!(resident(status), Some(12 * 1024));
        assert_eq!(resident("Name:\tfeed\n"), None);
    }
}
