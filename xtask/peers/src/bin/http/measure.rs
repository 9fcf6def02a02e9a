//! Times that can be compared: the servers of a case take turns, each answering as many requests.

#![expect(
    clippy::disallowed_types,
    reason = "what passes is measured beside what is used, and no runtime is here whose time can be paused"
)]

use std::{net::SocketAddr, time::Instant};

use peristyle_peers::{Child, Failure, Figures, Sample};

use crate::{
    ANEW,
    case::{Case, Server},
    load,
};

/// Of the machine: one for the server and one for who asks.
const CORES: [u32; 2] = [0, 1];
const CONNECTIONS: &str = "32";
const ROUNDS: usize = 9;
const REQUESTS: u32 = 24_000;
/// At the start of each round, on its connections.
const WARM_UP: u32 = 1_600;

/// A server and who asks it, each on its core.
struct Pair {
    server: &'static Server,
    address: SocketAddr,
    serving: Child,
    asking: Child,
    samples: Vec<Sample>,
}

/// Measures all servers of a case.
pub(crate) fn all(case: &Case, peers: bool) -> Result<Vec<Figures>, Failure> {
    let pairs = case.servers(peers).map(|server| Pair::start(case, server));
    let mut pairs = pairs.collect::<Result<Vec<_>, _>>()?;
    for _ in 0..ROUNDS {
        for pair in &mut pairs {
            pair.round()?;
        }
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
        let asking = Child::on_core(other_core, &["--load", &name, &address, CONNECTIONS])?;
        Ok(Self {
            server,
            address: address.parse()?,
            serving,
            asking,
            samples: Vec::with_capacity(ROUNDS),
        })
    }

    fn round(&mut self) -> Result<(), Failure> {
        self.asking.tell(ANEW)?;
        self.asking.tell(&WARM_UP.to_string())?;
        let passes = self.passes()?;
        let (start, used) = (Instant::now(), self.serving.cpu()?);
        self.asking.tell(&REQUESTS.to_string())?;
        let (wall, cpu) = (start.elapsed(), self.serving.cpu()?.saturating_sub(used));
        // The question itself was on its way out when it was answered the first time.
        let expected = passes + self.server.passes * (REQUESTS as usize + 1);
        assert_eq!(self.passes()?, expected, "each interceptor, in and out");
        self.samples.push(Sample::of(cpu, wall, REQUESTS));
        Ok(())
    }

    fn passes(&self) -> Result<usize, Failure> {
        match self.server.passes {
            0 => Ok(0),
            _ => load::passes(self.address),
        }
    }

    fn figures(&self, first: &[Sample]) -> Figures {
        Figures::of(self.server.name, &self.samples, first)
    }
}
