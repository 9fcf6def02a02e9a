//! Which trace a request belongs to.

use std::sync::{Arc, Mutex};

use http::HeaderValue;
use peristyle_core::{Link, before};
use peristyle_server::{
    Context, TestClient,
    interceptors::{Trace, TraceContext},
};

use super::{greeter, name, value};

const COMES: &str = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-00";

fn traced(context: TraceContext) -> (TestClient, Arc<Mutex<Vec<Trace>>>) {
    let traces = Arc::new(Mutex::new(Vec::new()));
    let seen = traces.clone();
    let see = before(move |cx: &mut Context| seen.lock().unwrap().push(*cx.get().unwrap()));
    (greeter([Link::new(context), see]), traces)
}

#[tokio::test]
async fn a_trace_that_comes_goes_on_with_an_id_of_its_own() {
    let (client, traces) = traced(TraceContext::new());
    for _ in 0..2 {
        let request = client.get("/").header(name("traceparent"), value(COMES));
        request.send().await;
    }
    let traces = traces.lock().unwrap();
    for trace in traces.iter() {
        assert_eq!(trace.trace_id(), 0x0af7_6519_16cd_43dd_8448_eb21_1c80_319c);
        assert_eq!(trace.parent_id(), Some(0xb7ad_6b71_6920_3331));
        assert!(!trace.is_sampled());
        let span = trace.span_id();
        let outgoing = format!("00-0af7651916cd43dd8448eb211c80319c-{span:016x}-00");
        assert_eq!(HeaderValue::from(*trace), outgoing);
    }
    assert_ne!(traces[0].span_id(), traces[1].span_id());
}

#[tokio::test]
async fn a_trace_begins_when_none_comes_or_it_is_not_wanted() {
    let (client, traces) = traced(TraceContext::new());
    client.get("/").send().await;
    let twice = client.get("/").header(name("traceparent"), value(COMES));
    twice.header(name("traceparent"), value(COMES)).send().await;
    let bad = client
        .get("/")
        .header(name("traceparent"), value("00-1-2-3"));
    bad.send().await;
    let (strict, restarted) = traced(TraceContext::new().restart());
    let request = strict.get("/").header(name("traceparent"), value(COMES));
    request.send().await;
    let mut all = traces.lock().unwrap().clone();
    all.extend(restarted.lock().unwrap().iter());
    assert_eq!(all.len(), 4);
    for (at, trace) in all.iter().enumerate() {
        assert_eq!(trace.parent_id(), None);
        assert!(trace.is_sampled());
        let others = all[..at].iter();
        let mut ids = others.map(Trace::trace_id);
        assert!(ids.all(|id| id != trace.trace_id()));
    }
}
