//! What a request matched.

use std::{fmt::Display, sync::Arc};

use super::{
    RouteInfo, RouteUrl, UrlError,
    table::{Entry, Place, Table},
};

/// The table that a request was looked up in, and what was found.
#[derive(Debug, Default)]
pub(crate) struct Matched {
    routed: Routed,
    place: Option<Place>,
}

#[derive(Debug, Default)]
enum Routed {
    /// The router has not run.
    #[default]
    Not,
    /// By the router of its [site](crate::exchange::Site).
    Here,
    /// By another, whose chain a stage has run.
    Elsewhere(Arc<Table>),
}

/// What was found, with the table of the site.
#[derive(Clone, Copy)]
pub(crate) struct MatchedRoute<'a> {
    matched: &'a Matched,
    table: Option<&'a Table>,
}

impl Matched {
    /// `here` is the table of the site.
    pub(crate) fn new(table: &Arc<Table>, here: Option<&Arc<Table>>, place: Option<Place>) -> Self {
        let routed = if here.is_some_and(|here| Arc::ptr_eq(here, table)) {
            Routed::Here
        } else {
            Routed::Elsewhere(Arc::clone(table))
        };
        Self { routed, place }
    }

    pub(crate) fn with<'a>(&'a self, here: Option<&'a Arc<Table>>) -> MatchedRoute<'a> {
        let table = match &self.routed {
            Routed::Not => None,
            Routed::Here => here.map(AsRef::as_ref),
            Routed::Elsewhere(table) => Some(&**table),
        };
        MatchedRoute {
            matched: self,
            table,
        }
    }
}

impl<'a> MatchedRoute<'a> {
    pub(crate) fn info(self) -> Option<&'a RouteInfo> {
        self.entry().map(|entry| &entry.info)
    }

    pub(crate) fn param(self, name: &str) -> Option<&'a str> {
        let mut params = self.params();
        params.find_map(|(other, value)| (other == name).then_some(value))
    }

    /// Names and values, in the order of the pattern.
    pub(crate) fn params(self) -> impl Iterator<Item = (&'a str, &'a str)> {
        let names = self.entry().map_or(&[][..], |entry| &entry.parameters);
        let values = self.matched.place.iter().flat_map(|place| &place.values);
        names
            .iter()
            .map(String::as_str)
            .zip(values.map(String::as_str))
    }

    pub(crate) fn url_for(
        self,
        name: &str,
        params: &[(&str, &dyn Display)],
    ) -> Result<RouteUrl, UrlError> {
        let table = self.table.ok_or(UrlError::NotRouted)?;
        table.url_for(name, params)
    }

    fn entry(self) -> Option<&'a Entry> {
        Some(self.table?.entry(self.matched.place.as_ref()?))
    }
}
