//! What changed of a carried value.

use std::{collections::VecDeque, fmt};

use super::snapshot::Field;

/// A field of the carried value that came, changed or went. It displays as `name +after`, `name before -> after` or
/// `name -before`.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct FieldChange {
    /// Its name.
    pub name: String,
    /// The value before the stage, as text. `None` when it was not reported then.
    pub before: Option<String>,
    /// The value after the stage, as text. `None` when it is not reported any more.
    pub after: Option<String>,
}

impl FieldChange {
    pub(super) fn between(found: Vec<Field>, left: Vec<Field>) -> Vec<Self> {
        let mut found = VecDeque::from(found);
        let mut changes = Vec::new();
        for (name, after) in left {
            let before = take(&mut found, &name);
            if before.as_ref() != Some(&after) {
                changes.push(Self::new(name, before, Some(after)));
            }
        }
        let gone = found.into_iter();
        changes.extend(gone.map(|(name, before)| Self::new(name, Some(before), None)));
        changes
    }

    fn new(name: String, before: Option<String>, after: Option<String>) -> Self {
        Self {
            name,
            before,
            after,
        }
    }
}

/// The first value of this name; in most cases it is the first of all.
fn take(fields: &mut VecDeque<Field>, name: &str) -> Option<String> {
    let at = fields.iter().position(|(other, _)| other == name)?;
    fields.remove(at).map(|(_, value)| value)
}

impl fmt::Display for FieldChange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.name)?;
        match (&self.before, &self.after) {
            (Some(before), Some(after)) => write!(f, " {before} -> {after}"),
            (None, Some(after)) => write!(f, " +{after}"),
            (Some(before), None) => write!(f, " -{before}"),
            (None, None) => Ok(()),
        }
    }
}
