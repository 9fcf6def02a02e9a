//! The chain without a server: a worker takes messages from a channel, tries again what may go well later, and puts aside what
//! will not. It uses the chain and the channel alone, for which no feature is needed.

use std::{
    fmt,
    io::{self, Write},
    num::ParseIntError,
    time::Duration,
};

use peristyle::{
    BoxError, Chain, Context, Error, ExecutionId, Interceptor, Link, Stages, Step, before, channel,
    channel::{Receiver, SendError, Sender},
    on_error,
};
use tokio::time::sleep;

/// A message on its way, and what became of it.
struct Job {
    text: &'static str,
    report: Vec<String>,
}

/// What the message asks for: left in the context by `parse`, required by `pay`.
struct Payment {
    account: &'static str,
    amount: u32,
}

/// Which try this is.
struct Try(u32);

#[derive(Debug)]
struct Busy;

impl fmt::Display for Busy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the bank is busy")
    }
}

impl std::error::Error for Busy {}

fn parse(cx: &mut Context<Job>) -> Result<(), ParseIntError> {
    let (account, amount) = cx.text.split_once(' ').unwrap_or((cx.text, ""));
    let amount = amount.parse()?;
    cx.insert(Payment { account, amount });
    Ok(())
}

/// The bank lets Ada in at the second try, and Bob never.
async fn pay(cx: &mut Context<Job>) -> Result<(), BoxError> {
    let &Try(this_try) = cx.require()?;
    let &Payment { account, amount } = cx.require()?;
    sleep(Duration::from_millis(1)).await;
    if account == "bob" || (account == "ada" && this_try < 2) {
        return Err(Busy.into());
    }
    cx.report
        .push(format!("{account} paid {amount} at try {this_try}"));
    Ok(())
}

/// Runs its chain again when the bank is busy.
struct Again {
    chain: Chain<Job>,
    tries: u32,
    pause: Duration,
}

impl Interceptor<Job> for Again {
    fn stages(&self) -> Stages {
        Stages::ENTER
    }

    fn enter<'a>(&'a self, cx: &'a mut Context<Job>) -> Step<'a, Job> {
        Step::later(async {
            let mut this_try = 1;
            loop {
                cx.insert(Try(this_try));
                match cx.run(&self.chain).await {
                    Err(error) if error.is::<Busy>() && this_try < self.tries => {
                        sleep(self.pause).await;
                    }
                    result => return Ok(result?),
                }
                this_try += 1;
            }
        })
    }
}

/// Handles what is wrong with one message, so that the worker goes on with the next. Any other error ends it.
fn put_aside(cx: &mut Context<Job>, error: Error) -> Result<(), Error> {
    if !(error.is::<ParseIntError>() || error.is::<Busy>()) {
        return Err(error);
    }
    let cause = innermost(&error);
    let line = format!("{} put `{}` aside: {cause}", cx.id(), cx.text);
    cx.report.push(line);
    Ok(())
}

fn innermost(error: &dyn std::error::Error) -> &dyn std::error::Error {
    error.source().map_or(error, innermost)
}

async fn work(mut messages: Receiver<&'static str>, mut out: impl Write) -> Result<(), BoxError> {
    let again = Again {
        chain: before(pay).into(),
        tries: 3,
        pause: Duration::from_millis(10),
    };
    let chain = Chain::new([on_error(put_aside), before(parse), Link::new(again)]);
    let mut number = 0;
    while let Some(text) = messages.recv().await.transpose()? {
        number += 1;
        let job = Job {
            text,
            report: Vec::new(),
        };
        let mut cx = Context::with_id(job, ExecutionId::given(format!("message {number}")));
        chain.run(&mut cx).await?;
        for line in &cx.report {
            writeln!(out, "{line}")?;
        }
    }
    Ok(())
}

async fn send(queue: Sender<&'static str>) -> Result<(), SendError<&'static str>> {
    queue
        .send_all(["ada 12", "eve lots", "bob 7", "cy 30"])
        .await?;
    queue.finish();
    Ok(())
}

pub(crate) async fn without_http(out: impl Write) -> Result<(), BoxError> {
    let (queue, messages) = channel(2);
    let (sent, worked) = tokio::join!(send(queue), work(messages, out));
    worked?;
    Ok(sent?)
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), BoxError> {
    without_http(io::stdout()).await
}
