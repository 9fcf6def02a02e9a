//! The course of a run: the crowd on a thread of its own, and what happens to its server meanwhile.

#![expect(
    clippy::disallowed_types,
    reason = "a person waits here, and no runtime whose time can be paused"
)]

use std::{
    sync::{Arc, atomic::Ordering::Relaxed},
    thread,
    time::{Duration, Instant},
};

use fastrand::Rng;
use peristyle_peers::{Child, Failure};
use tokio::sync::watch;

use crate::{
    load::{self, Crowd, Target},
    options::Options,
    report::Report,
    server::ENDS,
};

/// How many deliveries lie between two restarts, in the mean.
const BETWEEN: u64 = 400_000;
/// The fewest restarts of a run.
const FEWEST: u64 = 8;
const TICK: Duration = Duration::from_millis(20);
const PROGRESS: Duration = Duration::from_secs(5);
/// After the end of a life of the feed, all have heard of it that ever will.
const HEARD: Duration = Duration::from_secs(3);
/// How long streams may take to be gone that nobody reads any more.
const GONE: u32 = 500;

pub(crate) fn run(options: &Options) -> Result<(), Failure> {
    let started = Instant::now();
    let mut run = Run::start(options)?;
    let crowd = Arc::clone(&run.crowd);
    thread::scope(|scope| {
        let load = scope.spawn(|| load::run(&crowd, options));
        let survived = run.through(options, started);
        crowd.ending.store(true, Relaxed);
        let loaded = load.join().map_err(|_| "the crowd panicked")?;
        survived.and(loaded)
    })?;
    let report = run.end(options, started)?;
    println!("{report}");
    report.write()?;
    report.judge()
}

/// A run, as it goes on.
struct Run {
    crowd: Arc<Crowd>,
    server: Server,
    target: watch::Sender<Target>,
    rng: Rng,
    drained: u64,
    killed: u64,
    ends: [u64; ENDS.len()],
    /// Lives of the feed that are over, and since when.
    over: Vec<(u64, Instant)>,
}

impl Run {
    fn start(options: &Options) -> Result<Self, Failure> {
        let mut rng = Rng::with_seed(options.seed);
        let server = Server::start(rng.u64(..))?;
        let (target, targets) = watch::channel(server.target);
        Ok(Self {
            crowd: Arc::new(Crowd::new(targets)),
            server,
            target,
            rng,
            drained: 0,
            killed: 0,
            ends: [0; ENDS.len()],
            over: Vec::new(),
        })
    }

    /// Until there were as many deliveries as were asked for, and everything has gone wrong that is to.
    fn through(&mut self, options: &Options, started: Instant) -> Result<(), Failure> {
        let between = BETWEEN.min(options.deliveries / FEWEST).max(1);
        let mut due = between;
        let mut shown = started;
        loop {
            thread::sleep(TICK);
            self.close(HEARD);
            let delivered = self.crowd.counts.delivered.load(Relaxed);
            if delivered >= due {
                due = delivered + between / 2 + self.rng.u64(..between);
                self.restart()?;
            }
            if shown.elapsed() >= PROGRESS {
                shown = Instant::now();
                self.show(started)?;
            }
            let enough = delivered >= options.deliveries;
            if enough && self.report(options, started)?.missing().is_empty() {
                return Ok(());
            }
            if started.elapsed() > options.most || !self.crowd.failures().is_empty() {
                return Ok(());
            }
        }
    }

    /// Once each, then either.
    fn restart(&mut self) -> Result<(), Failure> {
        let kill = match (self.drained, self.killed) {
            (0, _) => false,
            (_, 0) => true,
            _ => self.rng.u8(..3) == 0,
        };
        if kill { self.kill() } else { self.drain() }
    }

    /// The next server is there before the one before has ended, which may not come to its end.
    fn drain(&mut self) -> Result<(), Failure> {
        self.drained += 1;
        let target = self.server.drain()?;
        self.target.send_replace(target);
        Ok(())
    }

    fn kill(&mut self) -> Result<(), Failure> {
        self.killed += 1;
        self.count_ends()?;
        let next = Server::start(self.rng.u64(..))?;
        let killed = std::mem::replace(&mut self.server, next);
        self.over.push((killed.target.epoch, Instant::now()));
        drop(killed);
        self.target.send_replace(self.server.target);
        Ok(())
    }

    fn count_ends(&mut self) -> Result<(), Failure> {
        let ends = self.server.ends()?;
        for (all, ends) in self.ends.iter_mut().zip(ends) {
            *all += ends;
        }
        Ok(())
    }

    fn close(&mut self, after: Duration) {
        let crowd = &self.crowd;
        self.over.retain(|(epoch, since)| {
            let heard = since.elapsed() >= after;
            if heard {
                crowd.book().close(*epoch);
            }
            !heard
        });
    }

    fn show(&mut self, started: Instant) -> Result<(), Failure> {
        let counts = &self.crowd.counts;
        let tally = self.crowd.tally();
        let wrong: u64 = tally.wrongs().iter().map(|(_, count)| count).sum();
        println!(
            "{:>4} s  {:>9} deliveries of {:>7} events, {:>6} connects, {:>4} drained, {:>3} killed, gaps {:?}, {} wrong, {} follow",
            started.elapsed().as_secs(),
            counts.delivered.load(Relaxed),
            self.crowd.book().published(),
            counts.connects.load(Relaxed),
            self.drained,
            self.killed,
            tally.gaps,
            wrong,
            self.server.followers()?,
        );
        Ok(())
    }

    fn report(&mut self, options: &Options, started: Instant) -> Result<Report, Failure> {
        let mut ends = self.ends;
        for (all, ends) in ends.iter_mut().zip(self.server.ends()?) {
            *all += ends;
        }
        Ok(Report::new(
            &self.crowd,
            options,
            (self.drained, self.killed),
            ends,
            started.elapsed(),
        ))
    }

    /// All clients have come to the end.
    fn end(mut self, options: &Options, started: Instant) -> Result<Report, Failure> {
        self.close(Duration::ZERO);
        self.crowd.book().close(self.server.target.epoch);
        let tally = self.crowd.close();
        let left = self.server.left()?;
        if left > 0 {
            self.crowd
                .fail(&format!("{left} followers are left behind"));
        }
        let mut report = self.report(options, started)?;
        report.tally = tally;
        self.server.end()?;
        Ok(report)
    }
}

/// The process of the server.
struct Server {
    child: Child,
    target: Target,
}

impl Server {
    fn start(seed: u64) -> Result<Self, Failure> {
        let mut child = Child::start(&["--serve", &seed.to_string()])?;
        let line = child.hear()?;
        let (address, epoch) = line.split_once(' ').ok_or("a server says two words")?;
        let target = Target {
            address: address.parse()?,
            epoch: epoch.parse()?,
        };
        Ok(Self { child, target })
    }

    fn drain(&mut self) -> Result<Target, Failure> {
        self.target.address = self.ask("drain")?.parse()?;
        Ok(self.target)
    }

    fn ends(&mut self) -> Result<[u64; ENDS.len()], Failure> {
        let line = self.ask("ends")?;
        let ends: Result<Vec<u64>, _> = line.split(' ').map(str::parse).collect();
        ends?
            .try_into()
            .map_err(|_| "a server counts otherwise".into())
    }

    fn followers(&mut self) -> Result<u64, Failure> {
        Ok(self.ask("followers")?.parse()?)
    }

    /// How many followers stay, though no client does.
    fn left(&mut self) -> Result<u64, Failure> {
        for _ in 0..GONE {
            if self.followers()? == 0 {
                return Ok(0);
            }
            thread::sleep(TICK);
        }
        self.followers()
    }

    fn end(mut self) -> Result<(), Failure> {
        self.child.say("end")?;
        Ok(self.child.ended()?)
    }

    fn ask(&mut self, what: &str) -> Result<String, Failure> {
        self.child.say(what)?;
        Ok(self.child.hear()?)
    }
}
