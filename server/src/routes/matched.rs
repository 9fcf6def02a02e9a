//! What a request matched.

use std::{fmt::Display, sync::Arc};

use super::{
    RouteInfo, RouteUrl, UrlError,
    table::{Entry, Place, Table},
};

/// The table that a request was looked up in, and what was found. Without a table before the router has run.
#[derive(Debug, Default)]
pub(crate) struct Matched {
    table: Option<Arc<Table>>,
    place: Option<Place>,
}

impl Matched {
    pub(crate) fn new(table: Arc<Table>, place: Option<Place>) -> Self {
        Self {
            table: Some(table),
            place,
        }
    }

    pub(crate) fn route(&self) -> Option<&RouteInfo> {
        self.entry().map(|entry| &entry.info)
    }

    pub(crate) fn param(&self, name: &str) -> Option<&str> {
        let mut params = self.params();
        params.find_map(|(other, value)| (other == name).then_some(value))
    }

    /// Names and values, in the order of the pattern.
    pub(crate) fn params(&self) -> impl Iterator<Item = (&str, &str)> {
        let names = self.entry().map_or(&[][..], |entry| &entry.parameters);
        let values = self.place.iter().flat_map(|place| &place.values);
        names
            .iter()
            .map(String::as_str)
            .zip(values.map(String::as_str))
    }

    pub(crate) fn url_for(
        &self,
        name: &str,
        params: &[(&str, &dyn Display)],
    ) -> Result<RouteUrl, UrlError> {
        let table = self.table.as_ref().ok_or(UrlError::NotRouted)?;
        table.url_for(name, params)
    }

    fn entry(&self) -> Option<&Entry> {
        let table = self.table.as_ref()?;
        Some(table.entry(self.place.as_ref()?))
    }
}
