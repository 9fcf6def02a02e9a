//! Rows of comma-separated values.

use std::{collections::BTreeMap, error::Error as _};

use peristyle_core::End;
use peristyle_streaming::{Csv, Error, Streaming, channel, from_iter};
use serde::{Deserialize, Serialize};

use crate::client::Client;

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct Order {
    id: u32,
    name: String,
    price: Option<f64>,
}

fn order(id: u32, name: &str, price: Option<f64>) -> Order {
    let name = name.to_owned();
    Order { id, name, price }
}

fn written<S>(streaming: Streaming<S>) -> Vec<String>
where
    http::Response<peristyle_streaming::StreamBody<S>>: From<Streaming<S>>,
{
    let mut client = Client::of(streaming);
    let rows = client.values();
    client.assert_over(End::Finished);
    rows.iter()
        .map(|row| String::from_utf8(row.to_vec()).expect("rows are text"))
        .collect()
}

#[test]
fn the_fields_of_a_struct_are_the_first_row_once() {
    let orders = [order(1, "Ada", Some(2.5)), order(2, "", None)];
    let response = from_iter(orders.clone()).csv().into_response();
    assert_eq!(
        response.headers()["content-type"],
        "text/csv; charset=utf-8"
    );

    let rows = written(from_iter(orders).csv());
    assert_eq!(rows, ["id,name,price\r\n1,Ada,2.5\r\n", "2,,\r\n"]);
}

#[test]
fn what_would_break_a_row_is_quoted_and_read_back() {
    let names = ["a,b", "say \"hi\"", "two\r\nlines", "\n", "\r", " ", "=1+1"];
    let orders: Vec<_> = names.iter().map(|name| order(1, name, None)).collect();
    let text = written(from_iter(orders.clone()).csv()).concat();

    assert!(text.starts_with("id,name,price\r\n1,\"a,b\",\r\n1,\"say \"\"hi\"\"\",\r\n"));
    let mut reader = csv::Reader::from_reader(text.as_bytes());
    let read: Result<Vec<Order>, _> = reader.deserialize().collect();
    assert_eq!(read.unwrap(), orders);
}

#[test]
fn tuples_have_no_first_row_and_no_rows_are_no_bytes() {
    assert_eq!(written(from_iter([(1, "a")]).csv()), ["1,a\r\n"]);
    assert_eq!(written(from_iter([(); 0]).csv()), [""; 0]);
}

#[test]
fn a_header_that_was_given_stands_before_any_rows_and_before_none() {
    let headed = || Csv::new().header(["n", "letter, or so"]);
    let rows = written(from_iter([(1, "a"), (2, "b")]).format(headed()));
    assert_eq!(rows, ["n,\"letter, or so\"\r\n1,a\r\n", "2,b\r\n"]);

    let none = from_iter([(1, "a"); 0]).format(headed());
    assert_eq!(written(none), ["n,\"letter, or so\"\r\n"]);
    let orders = [order(1, "Ada", None)];
    let rows = written(from_iter(orders).format(Csv::new().header(["a", "b", "c"])));
    assert_eq!(rows, ["a,b,c\r\n1,Ada,\r\n"]);
}

#[test]
fn each_row_is_seen_before_the_next() {
    let (sender, streaming) = channel(4);
    let mut client = Client::of(streaming.csv());
    sender.try_send(order(1, "Ada", None)).unwrap();
    assert_eq!(client.value(), "id,name,price\r\n1,Ada,\r\n");
    client.assert_pending();
    sender.try_send(order(2, &"x".repeat(5000), None)).unwrap();
    assert_eq!(client.value(), format!("2,{},\r\n", "x".repeat(5000)));
    client.assert_pending();
}

#[test]
fn a_row_with_another_number_of_fields_aborts() {
    let mut client = Client::of(from_iter([vec![1, 2], vec![3]]).csv());

    let error = client.fails_after(["1,2\r\n"]);
    let source = error.downcast_ref::<Error>().unwrap().source().unwrap();
    let source = source.downcast_ref::<csv::Error>().unwrap();
    assert!(matches!(
        source.kind(),
        csv::ErrorKind::UnequalLengths { .. }
    ));
}

#[test]
fn a_value_that_is_no_row_aborts_before_the_first_row() {
    #[derive(Serialize)]
    struct Nested {
        id: u32,
        more: BTreeMap<String, u32>,
    }
    let more = BTreeMap::from([("a".to_owned(), 1)]);
    let mut client = Client::of(from_iter([Nested { id: 1, more }]).csv());

    let error = client.fails_after([]);
    let error = error.downcast_ref::<Error>().unwrap();
    assert!(error.is_not_serialized());
    assert!(error.source().unwrap().is::<csv::Error>());
}
