//! What is tried, and what must hold.

use std::{fmt, net::SocketAddr};

use peristyle_peers::{Child, Failure};

use crate::{drain, slowloris, unread};

pub(crate) struct Scenario {
    name: &'static str,
    /// Runs in the process of the clients.
    pub(crate) clients: fn(SocketAddr) -> Result<(), Failure>,
    /// Hears what the clients say.
    judge: fn(&mut Run) -> Result<Vec<Row>, Failure>,
}

pub(crate) const SCENARIOS: [Scenario; 3] = [
    Scenario {
        name: "slowloris",
        clients: slowloris::clients,
        judge: slowloris::judge,
    },
    Scenario {
        name: "unread",
        clients: unread::clients,
        judge: unread::judge,
    },
    Scenario {
        name: "drain",
        clients: drain::clients,
        judge: drain::judge,
    },
];

/// A server and its clients, as they run.
pub(crate) struct Run {
    pub(crate) server: Option<Child>,
    pub(crate) clients: Child,
}

/// One thing that was measured.
pub(crate) struct Row {
    pub(crate) what: String,
    pub(crate) measured: String,
    pub(crate) bound: String,
    pub(crate) holds: bool,
}

impl Scenario {
    pub(crate) fn named(name: &str) -> Result<&'static Self, Failure> {
        let scenario = SCENARIOS.iter().find(|it| it.name == name);
        Ok(scenario.ok_or_else(|| format!("there is no scenario `{name}`"))?)
    }

    pub(crate) fn run(&self) -> Result<Vec<Row>, Failure> {
        let mut server = Child::start(&["--serve"])?;
        let address = server.hear()?;
        let clients = Child::start(&["--clients", self.name, &address])?;
        (self.judge)(&mut Run {
            server: Some(server),
            clients,
        })
    }
}

impl Run {
    /// The value that the clients say next, which has this name.
    pub(crate) fn value(&mut self, name: &str) -> Result<u64, Failure> {
        let line = self.clients.hear()?;
        let value = line.strip_prefix(name).map(str::trim_start);
        let value = value.and_then(|value| value.parse().ok());
        Ok(value.ok_or_else(|| format!("the clients said `{line}` where `{name}` was due"))?)
    }
}

/// Says a value to who judges.
pub(crate) fn say(name: &str, value: impl fmt::Display) {
    println!("{name} {value}");
}

pub(crate) fn heading() -> String {
    format!("{:<58}  {:>12}  {:<12}", "what", "measured", "bound")
}

impl fmt::Display for Row {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            what,
            measured,
            bound,
            holds,
        } = self;
        let broken = if *holds { "" } else { "BROKEN" };
        write!(f, "{what:<58}  {measured:>12}  {bound:<12}  {broken}")
    }
}
