//! Times that can be compared: the servers of a case take turns, each streaming as many values.

#![expect(
    clippy::disallowed_types,
    reason = "what passes is measured beside what is used, and no runtime is here whose time can be paused"
)]

use std::time::Instant;

use peristyle_peers::{Child, Failure, Figures, Sample};

use crate::{
    case::{Case, Server},
    file,
};

/// Of the machine: one for the server and one for who reads.
const CORES: [u32; 2] = [0, 1];
const ROUNDS: usize = 9;
/// Of what a round streams, before the first one.
const WARM_UP: u32 = 8;

/// A server and who reads from it, each on its core.
struct Pair {
    server: &'static Server,
    values: u32,
    serving: Child,
    reading: Child,
    samples: Vec<Sample>,
}

/// Measures all servers of a case.
pub(crate) fn all(case: &Case, peers: bool) -> Result<Vec<Figures>, Failure> {
    let files = [case.values / WARM_UP, case.values];
    for values in files {
        file::make(case, values)?;
    }
    let pairs = case.servers(peers).map(|server| Pair::start(case, server));
    let mut pairs = pairs.collect::<Result<Vec<_>, _>>()?;
    for _ in 0..ROUNDS {
        for pair in &mut pairs {
            pair.round()?;
        }
    }
    for values in files {
        file::remove(case, values)?;
    }
    let first = pairs[0].samples.clone();
    Ok(pairs.iter().map(|pair| pair.figures(&first)).collect())
}

impl Pair {
    fn start(case: &Case, server: &'static Server) -> Result<Self, Failure> {
        let name = format!("{}/{}", case.name, server.name);
        let [server_core, other_core] = CORES;
        let mut serving = Child::on_core(server_core, &["--serve", &name])?;
        let address = serving.hear()?;
        let mut reading = Child::on_core(other_core, &["--load", &name, &address])?;
        reading.tell(&(case.values / WARM_UP).to_string())?;
        Ok(Self {
            server,
            values: case.values,
            serving,
            reading,
            samples: Vec::with_capacity(ROUNDS),
        })
    }

    fn round(&mut self) -> Result<(), Failure> {
        let (start, used) = (Instant::now(), self.serving.cpu()?);
        self.reading.tell(&self.values.to_string())?;
        let (wall, cpu) = (start.elapsed(), self.serving.cpu()?.saturating_sub(used));
        self.samples.push(Sample::of(cpu, wall, self.values));
        Ok(())
    }

    fn figures(&self, first: &[Sample]) -> Figures {
        Figures::of(self.server.name, &self.samples, first)
    }
}
