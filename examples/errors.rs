//! What becomes of an error: raised, declined, caught by its type, handled, suppressed, or nobody's.

use std::{
    error::Error as _,
    fmt,
    io::{self, Write},
};

use peristyle::{BoxError, Caught, Chain, Context, Error, always, before, catch, on_error};

/// What is ordered, and what came of it.
#[derive(Default)]
struct Order {
    item: &'static str,
    log: Vec<String>,
}

#[derive(Debug)]
struct OutOfStock {
    until: Option<&'static str>,
}

impl fmt::Display for OutOfStock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.until {
            Some(month) => write!(f, "out of stock until {month}"),
            None => f.write_str("out of stock for good"),
        }
    }
}

impl std::error::Error for OutOfStock {}

fn reserve(cx: &mut Context<Order>) -> Result<(), OutOfStock> {
    match cx.item {
        "pen" => Err(OutOfStock { until: Some("May") }),
        "quill" => Err(OutOfStock { until: None }),
        _ => Ok(()),
    }
}

/// A text is an error too.
fn charge(cx: &mut Context<Order>) -> Result<(), &'static str> {
    match cx.item {
        "yacht" => Err("the card is refused"),
        "crown" => Err("nobody knows the price"),
        _ => Ok(()),
    }
}

/// Asked about every error, and declines all but refused cards, for which it fails itself.
fn refund(cx: &mut Context<Order>, error: Error) -> Result<(), BoxError> {
    cx.log.push(format!("refund is asked: {error}"));
    match cx.item {
        "yacht" => Err("the bank is closed".into()),
        _ => Err(error.into()),
    }
}

/// Asked about errors of this type only. Handles what can be waited for, and declines the rest.
fn wait_for_stock(
    cx: &mut Context<Order>,
    error: Caught<OutOfStock>,
) -> Result<(), Caught<OutOfStock>> {
    let Some(month) = error.until else {
        return Err(error);
    };
    cx.log.push(format!("handled: comes in {month}"));
    Ok(())
}

/// Runs on every way out, and leaves the error as it is.
fn close(cx: &mut Context<Order>) {
    let line = match cx.recovered() {
        Some(error) => format!("closed after: {error}"),
        None => "closed".to_owned(),
    };
    cx.log.push(line);
}

pub(crate) fn errors(mut out: impl Write) -> Result<(), BoxError> {
    let chain = Chain::new([
        always(close),
        catch(wait_for_stock),
        on_error(refund).named("refund"),
        before(reserve).named("reserve"),
        before(charge).named("charge"),
    ]);
    for item in ["ink", "pen", "quill", "crown", "yacht"] {
        let mut cx = Context::new(Order {
            item,
            ..Order::default()
        });
        let result = chain.run_now(&mut cx);
        writeln!(out, "{item}")?;
        for line in &cx.log {
            writeln!(out, "  {line}")?;
        }
        if let Err(error) = result {
            report(&error, &mut out)?;
        }
    }
    Ok(())
}

fn report(error: &Error, out: &mut impl Write) -> io::Result<()> {
    writeln!(out, "  nobody's: {}", with_original(error))?;
    for suppressed in error.suppressed() {
        writeln!(out, "  suppressed: {}", with_original(suppressed))?;
    }
    Ok(())
}

fn with_original(error: &Error) -> String {
    let original = error.source().map(ToString::to_string);
    format!("{error}: {}", original.unwrap_or_default())
}

fn main() -> Result<(), BoxError> {
    errors(io::stdout())
}
