//! What one round of a scenario shows of one server.

/// One figure.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Reading {
    pub(crate) what: &'static str,
    pub(crate) unit: &'static str,
    pub(crate) value: f64,
}

impl Reading {
    pub(crate) const fn new(what: &'static str, unit: &'static str, value: f64) -> Self {
        Self { what, unit, value }
    }
}
