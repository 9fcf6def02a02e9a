//! The text of `/proc`. What is not there, or not a number, counts as 0.

use std::time::Duration;

/// Time that the processors have spent, in ticks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Cpu {
    busy: u64,
    total: u64,
}

impl Cpu {
    /// From `/proc/stat`: `cpu user nice system idle iowait irq softirq steal …`. Guests are within `user` already.
    pub(crate) fn parse(stat: &str) -> Self {
        let all = stat.lines().find_map(|line| line.strip_prefix("cpu "));
        let ticks: Vec<u64> = numbers(all.unwrap_or_default()).take(8).collect();
        let total = ticks.iter().sum();
        let idle: u64 = ticks.iter().skip(3).take(2).sum();
        Self {
            busy: total - idle,
            total,
        }
    }

    /// The share of the time since then that was spent working.
    #[expect(clippy::cast_precision_loss, reason = "a percentage to be looked at")]
    pub(crate) fn percent_since(self, last: Self) -> f64 {
        let busy = self.busy.saturating_sub(last.busy);
        let total = self.total.saturating_sub(last.total).max(1);
        (busy as f64 / total as f64 * 100.0).min(100.0)
    }
}

/// Bytes of main memory.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Memory {
    pub(crate) total: u64,
    available: u64,
}

impl Memory {
    /// From `/proc/meminfo`: `MemTotal: 24684096 kB`.
    pub(crate) fn parse(meminfo: &str) -> Self {
        let bytes = |name| {
            let line = meminfo.lines().find_map(|line| line.strip_prefix(name));
            numbers(line.unwrap_or_default()).next().unwrap_or(0) * 1024
        };
        Self {
            total: bytes("MemTotal:"),
            available: bytes("MemAvailable:"),
        }
    }

    pub(crate) fn used(self) -> u64 {
        self.total.saturating_sub(self.available)
    }
}

/// Bytes that came in (from a network, from a disk) and that went out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Traffic {
    pub(crate) received: u64,
    pub(crate) sent: u64,
}

impl Traffic {
    /// From `/proc/net/dev`: `eth0: received_bytes … (eight columns) sent_bytes …`, without the loopback.
    pub(crate) fn of_network(dev: &str) -> Self {
        let interfaces = dev.lines().filter_map(|line| line.split_once(':'));
        let real = interfaces.filter(|(name, _)| name.trim() != "lo");
        Self::sum(real.map(|(_, columns)| {
            let columns: Vec<u64> = numbers(columns).collect();
            (column(&columns, 0), column(&columns, 8))
        }))
    }

    /// From `/proc/diskstats`: `major minor name reads merged sectors_read ms writes merged sectors_written …`. Only whole
    /// disks are counted: partitions are parts of them, and what lies on top of other disks would count twice.
    pub(crate) fn of_disks(diskstats: &str) -> Self {
        let mut disk = None;
        let lines = diskstats.lines().map(str::split_whitespace);
        let named = lines.filter_map(|mut words| Some((words.nth(2)?, words)));
        let whole = named.filter(|(name, _)| {
            let part = disk.is_some_and(|disk| is_part(disk, name));
            let layer = ["loop", "ram", "zram", "dm-", "md"];
            let layered = layer.iter().any(|layer| name.starts_with(layer));
            if !part && !layered {
                disk = Some(*name);
            }
            !part && !layered
        });
        Self::sum(whole.map(|(_, words)| {
            let columns: Vec<u64> = words.map(number).collect();
            let sectors = (column(&columns, 2), column(&columns, 6));
            (sectors.0 * SECTOR, sectors.1 * SECTOR)
        }))
    }

    /// The bytes of each second since then.
    pub(crate) fn rate_since(self, last: Self, time: Duration) -> Self {
        let millis = u64::try_from(time.as_millis()).unwrap_or(u64::MAX).max(1);
        let rate = |now: u64, then: u64| now.saturating_sub(then).saturating_mul(1000) / millis;
        Self {
            received: rate(self.received, last.received),
            sent: rate(self.sent, last.sent),
        }
    }

    fn sum(parts: impl Iterator<Item = (u64, u64)>) -> Self {
        let (received, sent) = parts.fold((0, 0), |sum, part| (sum.0 + part.0, sum.1 + part.1));
        Self { received, sent }
    }
}

/// The unit of `/proc/diskstats`, whatever the disk's own is.
const SECTOR: u64 = 512;

/// `sda1` is a part of `sda`, and `nvme0n1p2` of `nvme0n1`. The kernel lists parts after their disk.
fn is_part(disk: &str, name: &str) -> bool {
    name.strip_prefix(disk).is_some_and(|rest| {
        let digits = rest.strip_prefix('p').unwrap_or(rest);
        !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit())
    })
}

fn numbers(text: &str) -> impl Iterator<Item = u64> {
    text.split_whitespace().map(number)
}

fn number(word: &str) -> u64 {
    word.parse().unwrap_or(0)
}

fn column(columns: &[u64], at: usize) -> u64 {
    columns.get(at).copied().unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cpu_is_the_share_of_ticks_that_are_not_idle() {
        let last = Cpu::parse("cpu  100 0 100 700 100 0 0 0 50 0\ncpu0 1 2 3 4\n");
        let now = Cpu::parse("cpu  150 0 110 720 120 0 0 0 90 0\n");
        assert_eq!(
            last,
            Cpu {
                busy: 200,
                total: 1000
            }
        );
        assert!((now.percent_since(last) - 60.0).abs() < 1e-9);
        assert!(
            last.percent_since(now).abs() < 1e-9,
            "a counter that went back"
        );
    }

    #[test]
    fn memory_in_use_is_what_is_not_available() {
        let text = "MemTotal:       1000 kB\nMemFree:  10 kB\nMemAvailable:   400 kB\n";
        let memory = Memory::parse(text);
        assert_eq!((memory.total, memory.used()), (1_024_000, 614_400));
    }

    #[test]
    fn network_traffic_leaves_out_the_loopback() {
        let text = "Inter-| Receive | Transmit\n face |bytes packets|bytes packets\n\
            \x20   lo: 5 1 0 0 0 0 0 0 5 1 0 0 0 0 0 0\n\
            \x20 eth0: 70 1 0 0 0 0 0 0 30 1 0 0 0 0 0 0\n\
            \x20 eth1:7 1 0 0 0 0 0 0 3 1 0 0 0 0 0 0\n";
        assert_eq!(
            Traffic::of_network(text),
            Traffic {
                received: 77,
                sent: 33
            }
        );
    }

    #[test]
    fn disk_traffic_counts_each_disk_once() {
        let text = "7 0 loop0 9 0 9 0 9 0 9 0 0 0 0\n\
            8 0 sda 1 0 10 0 1 0 20 0 0 0 0\n 8 1 sda1 1 0 10 0 1 0 20 0 0 0 0\n\
            259 0 nvme0n1 1 0 1 0 1 0 2 0 0 0 0\n259 1 nvme0n1p1 1 0 1 0 1 0 2 0 0 0 0\n\
            253 0 dm-0 1 0 10 0 1 0 20 0 0 0 0\n";
        let expected = Traffic {
            received: 11 * 512,
            sent: 22 * 512,
        };
        assert_eq!(Traffic::of_disks(text), expected);
    }

    #[test]
    fn a_rate_is_by_the_second() {
        let last = Traffic {
            received: 100,
            sent: 0,
        };
        let now = Traffic {
            received: 600,
            sent: 3,
        };
        let rate = now.rate_since(last, Duration::from_millis(500));
        assert_eq!(
            rate,
            Traffic {
                received: 1000,
                sent: 6
            }
        );
    }

    #[test]
    fn text_that_is_something_else_counts_as_nothing() {
        assert_eq!(Cpu::parse("nonsense"), Cpu { busy: 0, total: 0 });
        assert_eq!(Memory::parse("").used(), 0);
        let nothing = Traffic {
            received: 0,
            sent: 0,
        };
        assert_eq!(Traffic::of_network("a:\nb"), nothing);
        assert_eq!(Traffic::of_disks("1 2 sda\n1 2\n"), nothing);
    }
}
