//! A world from its begin to its end.

use std::{sync::Arc, time::Duration};

use fastrand::Rng;
use tokio::{
    runtime::Builder,
    sync::Semaphore,
    task::JoinSet,
    time::{Instant, sleep, sleep_until},
};

use crate::{Event, feed::Publish};

use super::{
    client::{ARRIVAL, Client},
    plan::{BOOT, Manner, Plan, SECOND},
    progress,
    record::{Account, Record},
    service::Service,
};

/// From one event to the next.
const EVERY: Duration = Duration::from_secs(3);
/// Before the service goes down, and after each of its instances.
const QUIET: Duration = Duration::from_secs(10);
/// How many instances are on the machine that fails.
const KILLED: usize = 2;

/// Lives through what the plan says, on a clock that stands still while anything happens.
pub(super) fn live(plan: Plan) -> Account {
    let runtime = Builder::new_current_thread()
        .enable_time()
        .start_paused(true)
        .build()
        .expect("a runtime without descriptors can be had");
    runtime.block_on(through(plan))
}

async fn through(plan: Plan) -> Account {
    let mut rng = Rng::with_seed(plan.seed);
    let record = Arc::new(Record::begin());
    let service = Arc::new(Service::start(plan, record.clone()));
    let over = Arc::new(Semaphore::new(0));
    let mut clients = JoinSet::new();
    for number in 0..plan.clients {
        let mut client = Client::new(number, service.clone(), record.clone(), &mut rng);
        let over = over.clone();
        clients.spawn(async move {
            tokio::select! {
                biased;
                _closed = over.acquire() => {}
                () = client.live() => {}
            }
            client.end()
        });
    }
    let publishing = publish(&service, &record, rng);
    let deploying = deploy(plan, &service, &record);
    tokio::select! {
        biased;
        () = deploying => {}
        () = publishing => {}
    }
    // What was published last has its time to be read.
    sleep(SECOND).await;
    over.close();
    let tallies = clients.join_all().await;
    record.end(plan, tallies)
}

/// Something, again and again.
async fn publish(service: &Service, record: &Record, mut rng: Rng) {
    let began = Instant::now();
    for number in 1.. {
        sleep_until(began + EVERY * number).await;
        let Some(feed) = service.feed() else {
            continue;
        };
        let topic = progress::topic(rng.u64(..));
        let text = format!("{{\"number\":{number},\"price\":{}}}", rng.u32(..100_000));
        let name = progress::name(topic).parse().expect("it is a topic");
        let cursor = feed.publish(Publish::new(Event::data(&text)).topic(name));
        record.publish(cursor, topic, text);
    }
}

async fn deploy(plan: Plan, service: &Service, record: &Record) {
    sleep(ARRIVAL + QUIET).await;
    match plan.manner {
        Manner::Rolling => {
            for number in 0..plan.instances() {
                restart(number, plan, service, record).await;
                sleep(QUIET).await;
            }
        }
        Manner::Whole => restart(0, plan, service, record).await,
        Manner::Killed => {
            for number in 0..KILLED {
                let instance = service.instance(number).expect("it runs");
                record.down(instance.open().len());
                service.end(number);
            }
        }
    }
    sleep(plan.longest_absence()).await;
}

async fn restart(number: usize, plan: Plan, service: &Service, record: &Record) {
    let instance = service.instance(number).expect("it runs");
    record.down(instance.drain());
    sleep(plan.grace()).await;
    service.end(number);
    sleep(BOOT).await;
    service.boot(number);
}
