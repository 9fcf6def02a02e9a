//! What can be wrong with a route table.

use std::{error, fmt};

use super::{RouteInfo, path::BadPattern};

/// All that is wrong with a route table.
#[derive(Debug)]
pub struct RouteErrors(Vec<RouteError>);

impl RouteErrors {
    /// `Err` when there is one.
    pub(super) fn none(errors: Vec<RouteError>) -> Result<(), Self> {
        if errors.is_empty() {
            Ok(())
        } else {
            Err(Self(errors))
        }
    }

    /// Each of them.
    pub fn iter(&self) -> std::slice::Iter<'_, RouteError> {
        self.0.iter()
    }
}

impl<'a> IntoIterator for &'a RouteErrors {
    type Item = &'a RouteError;
    type IntoIter = std::slice::Iter<'a, RouteError>;

    fn into_iter(self) -> Self::IntoIter {
        self.iter()
    }
}

/// One line each.
impl fmt::Display for RouteErrors {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let count = self.0.len();
        write!(
            f,
            "the route table has {count} error{}",
            if count == 1 { "" } else { "s" }
        )?;
        self.0.iter().try_for_each(|error| write!(f, "\n  {error}"))
    }
}

impl error::Error for RouteErrors {}

/// One thing that is wrong with a route table.
#[derive(Debug)]
pub struct RouteError(Box<Wrong>);

#[derive(Debug)]
struct Wrong {
    route: RouteInfo,
    fault: Fault,
}

#[derive(Debug)]
enum Fault {
    BadPattern(BadPattern),
    Conflict(RouteInfo),
    SameName(RouteInfo),
}

impl RouteError {
    pub(super) fn bad_pattern(route: RouteInfo, why: BadPattern) -> Self {
        Self(Box::new(Wrong {
            route,
            fault: Fault::BadPattern(why),
        }))
    }

    pub(super) fn conflict(route: RouteInfo, earlier: RouteInfo) -> Self {
        Self(Box::new(Wrong {
            route,
            fault: Fault::Conflict(earlier),
        }))
    }

    pub(super) fn same_name(route: RouteInfo, earlier: RouteInfo) -> Self {
        Self(Box::new(Wrong {
            route,
            fault: Fault::SameName(earlier),
        }))
    }

    /// The route at fault; of two, the later one.
    pub fn route(&self) -> &RouteInfo {
        &self.0.route
    }

    /// Of two routes that exclude each other, the earlier one.
    pub fn earlier(&self) -> Option<&RouteInfo> {
        match &self.0.fault {
            Fault::BadPattern(_) => None,
            Fault::Conflict(earlier) | Fault::SameName(earlier) => Some(earlier),
        }
    }

    /// Whether the pattern, the host, or the list of methods is one that nothing can match.
    pub fn is_bad_pattern(&self) -> bool {
        matches!(self.0.fault, Fault::BadPattern(_))
    }

    /// Whether two routes match the same requests.
    pub fn is_conflict(&self) -> bool {
        matches!(self.0.fault, Fault::Conflict(_))
    }

    /// Whether two routes have the same name.
    pub fn is_same_name(&self) -> bool {
        matches!(self.0.fault, Fault::SameName(_))
    }
}

impl fmt::Display for RouteError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Wrong { route, fault } = &*self.0;
        let place = route.place();
        match fault {
            Fault::BadPattern(why) => write!(f, "`{route}` at {place} cannot be matched: {why}"),
            Fault::Conflict(earlier) => {
                let earlier_place = earlier.place();
                write!(
                    f,
                    "`{route}` at {place} matches the same requests as `{earlier}` at {earlier_place}"
                )
            }
            Fault::SameName(earlier) => {
                let name = route.name().unwrap_or_default();
                let earlier_place = earlier.place();
                write!(
                    f,
                    "`{route}` at {place} has the name `{name}` of `{earlier}` at {earlier_place}"
                )
            }
        }
    }
}

impl error::Error for RouteError {}
