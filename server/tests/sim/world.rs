//! One server with its clients, from the beginning to the end of their time.

use std::{sync::Arc, time::Duration};

use peristyle_server::{Listener, Server};
use tokio::{
    io::duplex,
    runtime::Builder,
    sync::{Semaphore, mpsc, oneshot},
    task::JoinSet,
    time::{Instant, sleep, sleep_until, timeout},
};
use tracing::Level;

use crate::{
    http1, http2,
    lines::Lines,
    plan::{Client, Finish, Manner, Plan, QUIET},
    record::{Connection, Record},
    service,
    transport::Faulty,
};

/// What the server may take beyond its grace.
pub(crate) const BEYOND_GRACE: Duration = Duration::from_secs(2);

/// Lives through what the plan says, on a clock that stands still while anything happens.
pub(crate) fn live(plan: &Plan) -> Record {
    let (errors, _guard) = Lines::kept(|metadata| *metadata.level() == Level::ERROR);
    let runtime = Builder::new_current_thread()
        .enable_time()
        .start_paused(true)
        .build()
        .expect("a runtime without descriptors can be had");
    let record = runtime.block_on(through(plan));
    drop(runtime);
    for line in errors.take() {
        if !line.contains("a response is cut off") {
            record.state().wrong.push(format!("logged: {line}"));
        }
    }
    record
}

async fn through(plan: &Plan) -> Record {
    let record = Record::begin();
    let settings = &plan.settings;
    let (connect, connections) = mpsc::channel(settings.backlog);
    let server = Server::on(Listener::handed(connections))
        .head_timeout(settings.head_timeout)
        .keep_alive_timeout(settings.keep_alive_timeout)
        .body_timeout(settings.body_timeout)
        .write_timeout(settings.write_timeout)
        .grace(settings.grace)
        .connections(settings.connections);
    let router = service::router(&record, settings.body_limit, plan.seed);
    let (end, ending) = oneshot::channel::<()>();
    let mut serving = JoinSet::new();
    serving.spawn(server.serve_until(router, async { drop(ending.await) }));
    // Closed when the server has ended. Who waits for it learns it in order.
    let over = Arc::new(Semaphore::new(0));
    let mut clients = JoinSet::new();
    for (number, client) in plan.clients.iter().cloned().enumerate() {
        let (connect, record, over) = (connect.clone(), record.clone(), over.clone());
        clients.spawn(visit(number, client, connect, record, over));
    }
    drop(connect);
    finish(plan, &record).await;
    record.shut_down();
    drop(end);
    let most = settings.grace + BEYOND_GRACE;
    match timeout(most + Duration::from_millis(1), serving.join_next()).await {
        Ok(Some(Ok(Ok(())))) => {}
        Ok(ended) => record.wrong(format_args!("the server ends with {ended:?}")),
        Err(_) => record.wrong("the server does not end within its grace"),
    }
    drop(serving);
    record.note("the server has ended");
    let now = record.now();
    record.state().ended = Some(now);
    over.close();
    let gone = timeout(QUIET, clients.join_all()).await;
    if gone.is_err() {
        record.wrong("a client waits for ever");
    }
    record
}

/// Until the server is to end.
async fn finish(plan: &Plan, record: &Record) {
    let began = Instant::now();
    match plan.finish {
        Finish::Amid(after) => sleep(after).await,
        Finish::Quiet => {
            sleep_until(began + QUIET).await;
            let open = record.state().open;
            record.state().open_in_the_quiet = Some(open);
            sleep(Duration::from_secs(10)).await;
        }
    }
}

async fn visit(
    number: usize,
    client: Client,
    connect: mpsc::Sender<Faulty>,
    record: Record,
    over: Arc<Semaphore>,
) {
    sleep(client.starts).await;
    if over.is_closed() {
        return;
    }
    let (io, theirs) = duplex(client.transport.capacity);
    let connection = Connection::new(&record, number);
    let connected = async {
        let transport = Faulty::new(theirs, &client.transport, connection);
        connect.send(transport).await.is_ok()
    };
    let connected = connected.await;
    drop(connect);
    if !connected {
        return record.note(format_args!("client {number} is turned away"));
    }
    record.note(format_args!("client {number} connects"));
    match &client.manner {
        Manner::Http1(plan) => http1::run(number, plan, io, &record, &over).await,
        Manner::Http2(plan) => http2::run(number, plan, io, &record, &over).await,
    }
}
