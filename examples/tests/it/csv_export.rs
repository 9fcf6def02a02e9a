use std::{
    future::pending,
    io,
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
    time::Duration,
};

use peristyle::{
    BoxError,
    server::{Server, TestClient},
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    task::{JoinSet, yield_now},
    time::timeout,
};

#[path = "../../csv_export.rs"]
#[expect(dead_code, reason = "its `main` is not run")]
mod example;

use self::example::{Table, router};

fn table(rows: u64, damaged: Option<u64>) -> Arc<Table> {
    let read = AtomicU64::new(0);
    Arc::new(Table {
        rows,
        damaged,
        read,
    })
}

/// A connection that asks for the file, to a server on this thread.
async fn ask(table: &Arc<Table>) -> Result<(TcpStream, JoinSet<io::Result<()>>), BoxError> {
    let server = Server::bind("127.0.0.1:0").await?;
    let address: SocketAddr = server.local_addr()?;
    let mut serving = JoinSet::new();
    serving.spawn(server.serve_until(router(table.clone())?, pending()));
    let mut client = TcpStream::connect(address).await?;
    let request = "GET /orders.csv HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n";
    client.write_all(request.as_bytes()).await?;
    Ok((client, serving))
}

/// Only a hang takes this long.
const TOO_LONG: Duration = Duration::from_secs(30);

/// All that comes.
async fn rest(mut client: TcpStream) -> Result<String, BoxError> {
    let mut text = String::new();
    let read = client.read_to_string(&mut text);
    timeout(TOO_LONG, read).await??;
    Ok(text)
}

#[tokio::test]
async fn the_fields_are_the_first_row_and_the_rest_are_the_orders() -> Result<(), BoxError> {
    let client = TestClient::new(router(table(2, None))?);
    let response = client.get("/orders.csv").send().await;
    let headers = response.headers();
    assert_eq!(headers["content-type"], "text/csv; charset=utf-8");
    assert_eq!(
        headers["content-disposition"],
        "attachment; filename=\"orders.csv\""
    );
    assert_eq!(
        response.text().await?,
        "id,customer,cents\r\n1,\"Customer, the 1th\",5\r\n2,\"Customer, the 2th\",10\r\n"
    );
    Ok(())
}

#[tokio::test]
async fn no_row_is_read_before_the_client_has_the_one_before_it() -> Result<(), BoxError> {
    let table = table(10_000, None);
    let client = TestClient::new(router(table.clone())?);
    let mut response = client.get("/orders.csv").send().await;
    assert_eq!(table.read.load(Relaxed), 0);
    let mut rows = 0;
    while let Some(row) = response.chunk().await.transpose()? {
        rows += 1;
        assert_eq!(table.read.load(Relaxed), rows);
        assert!(row.ends_with(b"\r\n"));
    }
    assert_eq!(rows, 10_000);
    Ok(())
}

#[tokio::test]
async fn a_client_that_does_not_read_a_million_rows_holds_the_table_back() -> Result<(), BoxError> {
    let table = table(1_000_000, None);
    let (mut client, _serving) = ask(&table).await?;
    let mut read = 0;
    loop {
        for _ in 0..1000 {
            yield_now().await;
        }
        let now = table.read.load(Relaxed);
        if now > 0 && now == read {
            break;
        }
        read = now;
    }
    assert!(read < 500_000, "{read} rows were read for nobody");
    let mut some = vec![0; 8 << 20];
    timeout(TOO_LONG, client.read_exact(&mut some)).await??;
    timeout(TOO_LONG, async {
        while table.read.load(Relaxed) == read {
            yield_now().await;
        }
    })
    .await?;
    Ok(())
}

#[tokio::test]
async fn a_row_that_cannot_be_read_breaks_the_transfer_off() -> Result<(), BoxError> {
    let (client, _serving) = ask(&table(3, Some(3))).await?;
    let answer = rest(client).await?;
    let (_, body) = answer.split_once("\r\n\r\n").ok_or("a head")?;
    assert_eq!(
        body,
        "2C\r\nid,customer,cents\r\n1,\"Customer, the 1th\",5\r\n\r\n\
         1A\r\n2,\"Customer, the 2th\",10\r\n\r\n",
        "the last chunk is not sent"
    );
    Ok(())
}
