use std::sync::{Arc, atomic::Ordering::Relaxed};

use peristyle::{BoxError, server::TestClient};
use serde_json::{Value, json};

#[path = "../../ndjson_import.rs"]
#[expect(dead_code, reason = "its `main` is not run")]
mod example;

use self::example::{Till, router};

/// What was stored, and the answer.
async fn imported(lines: &'static str) -> Result<((u64, u64), u16, Value), BoxError> {
    let till = Arc::<Till>::default();
    let client = TestClient::new(router(till.clone())?);
    let response = client.post("/orders", lines).send().await;
    let status = response.status().as_u16();
    let answer = serde_json::from_str(&response.text().await?)?;
    let stored = (till.orders.load(Relaxed), till.cents.load(Relaxed));
    Ok((stored, status, answer))
}

#[tokio::test]
async fn every_order_is_stored() -> Result<(), BoxError> {
    let lines = "{\"cents\":5}\r\n{\"cents\":7}";
    let imported = imported(lines).await?;
    assert_eq!(imported, ((2, 12), 200, json!({ "orders": 2 })));
    Ok(())
}

#[tokio::test]
async fn an_order_that_is_none_is_named_and_those_before_it_are_stored() -> Result<(), BoxError> {
    let (stored, status, answer) =
        imported("{\"cents\":5}\n{\"cents\":-7}\n{\"cents\":9}\n").await?;
    assert_eq!((stored, status), ((1, 5), 400));
    assert_eq!(
        answer["detail"],
        "value 2, at byte 12, is not the JSON expected"
    );
    assert_eq!(answer["value"], 2);
    Ok(())
}
