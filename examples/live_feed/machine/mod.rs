//! The figures of the machine, each second.

mod proc;

use std::{fs, io, time::Duration};

use peristyle::sse::feed::Feed;
use serde_json::{Value, json};
use tokio::time::{Instant, MissedTickBehavior, interval};

use self::proc::{Cpu, Memory, Traffic};
use super::feed::publish;

/// Publishes the figures each second, for ever. Where there is no `/proc` it publishes nothing.
pub(crate) async fn watch(feed: Feed) {
    let mut seconds = interval(Duration::from_secs(1));
    seconds.set_missed_tick_behavior(MissedTickBehavior::Skip);
    let mut last = None;
    loop {
        seconds.tick().await;
        let Ok(now) = Sample::take() else { continue };
        if let Some(last) = last.replace(now) {
            publish(&feed, "machine", &now.since(&last).to_string());
        }
    }
}

/// The counters of one moment.
#[derive(Clone, Copy)]
struct Sample {
    at: Instant,
    cpu: Cpu,
    memory: Memory,
    network: Traffic,
    disk: Traffic,
}

impl Sample {
    /// These files are made from memory when they are read: no disk is waited for.
    fn take() -> io::Result<Self> {
        Ok(Self {
            at: Instant::now(),
            cpu: Cpu::parse(&fs::read_to_string("/proc/stat")?),
            memory: Memory::parse(&fs::read_to_string("/proc/meminfo")?),
            network: Traffic::of_network(&fs::read_to_string("/proc/net/dev")?),
            disk: Traffic::of_disks(&fs::read_to_string("/proc/diskstats")?),
        })
    }

    fn since(&self, last: &Self) -> Value {
        let time = self.at - last.at;
        let network = self.network.rate_since(last.network, time);
        let disk = self.disk.rate_since(last.disk, time);
        json!({
            "cpu_percent": self.cpu.percent_since(last.cpu),
            "memory_used": self.memory.used(),
            "memory_total": self.memory.total,
            "network_rx": network.received,
            "network_tx": network.sent,
            "disk_read": disk.received,
            "disk_write": disk.sent,
        })
    }
}
