//! The routes, to be read by people and programs.

use std::fmt;

use peristyle_core::{Chain, Name};

use super::{RouteInfo, Table, table::Entry};
use crate::Exchange;

/// The routes of a [`Router`](crate::Router), in the order in which they were listed.
///
/// It prints as a table: what every request walks through, then a line for each route with the interceptors of its groups
/// and its own.
///
/// ```
/// use peristyle_core::{before, handler};
/// use peristyle_server::{Context, Group, Route, Routes};
///
/// let authorise = before(|_: &mut Context| ()).named("authorise");
/// let show = handler(|_: &mut Context| "an order").named("show");
/// let put = handler(|_: &mut Context| "changed").named("put");
/// let api = Group::new("/api")
///     .interceptors(authorise)
///     .route(Route::get("/orders/{id}", show).named("order"))
///     .route(Route::put("/orders/{id}", put).host("eu.example.org"));
/// let router = Routes::new().group(api).build()?;
///
/// let expected = "\
/// every request: router, errors
/// NAME   METHOD  HOST            PATTERN           CHAIN
/// order  GET     any             /api/orders/{id}  authorise, show
/// -      PUT     eu.example.org  /api/orders/{id}  authorise, put
/// ";
/// assert_eq!(router.routes().to_string(), expected);
/// # Ok::<(), peristyle_server::RouteErrors>(())
/// ```
#[derive(Debug, Clone, Copy)]
pub struct RouteList<'a> {
    table: &'a Table,
    shared: &'a Chain<Exchange>,
}

impl<'a> RouteList<'a> {
    pub(crate) fn new(table: &'a Table, shared: &'a Chain<Exchange>) -> Self {
        Self { table, shared }
    }

    /// Each of them.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = ListedRoute<'a>> + use<'a> {
        let shared = self.shared;
        let entries = self.table.entries().iter();
        entries.map(move |entry| ListedRoute { entry, shared })
    }

    fn rows(&self) -> impl Iterator<Item = [String; 5]> {
        let heads = ["NAME", "METHOD", "HOST", "PATTERN", "CHAIN"].map(ToOwned::to_owned);
        let routes = self
            .table
            .entries()
            .iter()
            .map(|Entry { info, chain, .. }| {
                [
                    info.name().unwrap_or("-").to_owned(),
                    info.method_list(),
                    info.host().unwrap_or("any").to_owned(),
                    info.pattern().to_owned(),
                    names(chain),
                ]
            });
        std::iter::once(heads).chain(routes)
    }
}

/// A line for what every request walks through, one of heads, and one for each route.
impl fmt::Display for RouteList<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let rows: Vec<_> = self.rows().collect();
        let width = |column: usize| {
            let widths = rows.iter().map(|row| row[column].chars().count());
            widths.max().unwrap_or_default()
        };
        let [name, method, host, pattern] = [0, 1, 2, 3].map(width);
        writeln!(f, "every request: {}", names(self.shared))?;
        rows.iter().try_for_each(|[a, b, c, d, chain]| {
            writeln!(
                f,
                "{a:name$}  {b:method$}  {c:host$}  {d:pattern$}  {chain}"
            )
        })
    }
}

fn names(chain: &Chain<Exchange>) -> String {
    let names: Vec<_> = chain.names().map(Name::as_str).collect();
    names.join(", ")
}

/// A route with what answers it.
#[derive(Debug, Clone, Copy)]
pub struct ListedRoute<'a> {
    entry: &'a Entry,
    shared: &'a Chain<Exchange>,
}

impl<'a> ListedRoute<'a> {
    /// What is known of it.
    pub fn route(&self) -> &'a RouteInfo {
        &self.entry.info
    }

    /// All interceptors that its requests walk through, in the order in which they are entered: those for every request, those
    /// of its groups, and its own.
    pub fn chain(&self) -> Chain<Exchange> {
        self.shared.then(&self.entry.chain)
    }
}
