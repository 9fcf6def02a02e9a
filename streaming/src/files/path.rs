//! The path of a request, below a root.

use percent_encoding::percent_decode_str;

use super::Hidden;

/// Names separated by single slashes. None is empty, `.`, `..`, or has a character that could be taken for a separator, the
/// end of a text, or a line.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct PathBelow {
    names: String,
    /// It ends with a slash, or is the root.
    pub(super) is_folder: bool,
}

impl PathBelow {
    /// As it stands in a URI: each name is decoded once, so that an encoded slash does not separate, and is refused.
    pub(super) fn encoded(path: &str, hidden: Hidden) -> Option<Self> {
        let names = path.split('/').map(|name| {
            let name = percent_decode_str(name).decode_utf8().ok()?;
            (!name.contains('/')).then_some(name)
        });
        let names: Option<Vec<_>> = names.collect();
        Self::decoded(&names?.join("/"), hidden)
    }

    /// As a router's parameter has it: decoded already.
    pub(super) fn decoded(path: &str, hidden: Hidden) -> Option<Self> {
        let names = path.strip_suffix('/').unwrap_or(path);
        let is_folder = path.is_empty() || names.len() < path.len();
        let valid = path.is_empty() || names.split('/').all(|name| is_name(name, hidden));
        valid.then(|| Self {
            names: names.to_owned(),
            is_folder,
        })
    }

    /// Relative to the root; `.` for the root itself.
    pub(super) fn as_str(&self) -> &str {
        if self.names.is_empty() {
            return ".";
        }
        &self.names
    }

    pub(super) fn last_name(&self) -> &str {
        self.names.rsplit('/').next().unwrap_or_default()
    }

    /// A file in this folder.
    pub(super) fn join(&self, name: &str) -> Self {
        let separator = if self.names.is_empty() { "" } else { "/" };
        Self {
            names: format!("{}{separator}{name}", self.names),
            is_folder: false,
        }
    }
}

fn is_name(name: &str, hidden: Hidden) -> bool {
    let plain = |c: char| c != '\\' && !c.is_control();
    !name.is_empty()
        && name != "."
        && name != ".."
        && (hidden == Hidden::Served || !name.starts_with('.'))
        && name.chars().all(plain)
        && !(cfg!(windows) && is_special_on_windows(name))
}

/// Whether Windows would open something else: a drive, a stream of a file, a device, or the same name without what it ends
/// with.
fn is_special_on_windows(name: &str) -> bool {
    let forbidden = |c: char| matches!(c, ':' | '<' | '>' | '"' | '|' | '?' | '*');
    name.contains(forbidden) || name.ends_with(['.', ' ']) || is_device(name)
}

fn is_device(name: &str) -> bool {
    let stem = name.split('.').next().unwrap_or_default();
    let stem = stem.trim_end_matches(' ').to_ascii_uppercase();
    let numbered = |prefix: &str| {
        let number = stem.strip_prefix(prefix);
        number.is_some_and(|it| {
            let mut digits = it.chars();
            let digit = digits.next();
            digits.next().is_none()
                && digit.is_some_and(|it| matches!(it, '0'..='9' | '¹' | '²' | '³'))
        })
    };
    matches!(
        stem.as_str(),
        "CON" | "PRN" | "AUX" | "NUL" | "CONIN$" | "CONOUT$"
    ) || numbered("COM")
        || numbered("LPT")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn windows_would_open_something_else() {
        for name in [
            "C:", "c:x", "a::$DATA", "a:b", "con", "CON", "con.txt", "Nul", "nul .txt", "aux",
            "prn", "com1", "COM9.log", "lpt0", "com¹", "CONIN$", "conout$", "a.", "a ", "a?", "a*",
            "a|b", "a<b", "a\"b",
        ] {
            assert!(is_special_on_windows(name), "{name}");
        }
        for name in [
            "a.txt", "console", "com", "com10", "com1a", "lpt", "a b", "é",
        ] {
            assert!(!is_special_on_windows(name), "{name}");
        }
    }
}
