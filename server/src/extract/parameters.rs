//! Parameters of a header's value.

/// A value whose parameters cannot be told apart with certainty.
#[derive(Debug)]
pub(super) struct Unreadable;

/// The parameter of this name (RFC 9110, section 5.6.6), whose case does not matter; `None` when there is none.
///
/// One that comes twice is unreadable: another reader would take the other.
pub(super) fn parameter(value: &str, name: &str) -> Result<Option<String>, Unreadable> {
    let mut rest = value.find(';').map_or("", |at| &value[at..]);
    let mut found = None;
    while let Some((other, value)) = next(&mut rest)? {
        if other.eq_ignore_ascii_case(name) && found.replace(value).is_some() {
            return Err(Unreadable);
        }
    }
    Ok(found)
}

fn next<'a>(rest: &mut &'a str) -> Result<Option<(&'a str, String)>, Unreadable> {
    let text = rest.trim_start_matches([';', ' ', '\t']);
    if text.is_empty() {
        return Ok(None);
    }
    let (name, text) = text.split_once('=').ok_or(Unreadable)?;
    if name.contains([' ', '\t', '"', ';']) {
        return Err(Unreadable);
    }
    let (value, text) = match text.strip_prefix('"') {
        Some(text) => quoted(text)?,
        None => unquoted(text)?,
    };
    *rest = text.trim_start_matches([' ', '\t']);
    if rest.is_empty() || rest.starts_with(';') {
        Ok(Some((name, value)))
    } else {
        Err(Unreadable)
    }
}

/// Only a quote and a backslash are taken for escaped: clients that escape nothing send paths with backslashes.
fn quoted(text: &str) -> Result<(String, &str), Unreadable> {
    let mut value = String::new();
    let mut characters = text.char_indices();
    while let Some((at, character)) = characters.next() {
        let after = text[at..].chars().nth(1);
        match (character, after) {
            ('"', _) => return Ok((value, &text[at + 1..])),
            ('\\', Some(escaped @ ('"' | '\\'))) => {
                value.push(escaped);
                characters.next();
            }
            _ => value.push(character),
        }
    }
    Err(Unreadable)
}

fn unquoted(text: &str) -> Result<(String, &str), Unreadable> {
    let end = text.find([';', ' ', '\t']).unwrap_or(text.len());
    let (value, rest) = text.split_at(end);
    if value.is_empty() || value.contains('"') {
        return Err(Unreadable);
    }
    Ok((value.to_owned(), rest))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_parameter_is_read_quoted_or_not() {
        for (value, expected) in [
            ("form-data", None),
            ("form-data;", None),
            ("form-data; name=a", Some("a")),
            ("form-data;NAME=a", Some("a")),
            ("form-data ; name=a;", Some("a")),
            ("form-data; ;\tname=a ; b=c", Some("a")),
            ("form-data; filename=x; name=a", Some("a")),
            (r#"form-data; name="""#, Some("")),
            (r#"form-data; name="a; filename=b""#, Some("a; filename=b")),
            (r#"form-data; filename="x; name=b"; name="a""#, Some("a")),
            (r#"form-data; name="a\"\\b""#, Some(r#"a"\b"#)),
            (r#"form-data; name="C:\dir\a.txt""#, Some(r"C:\dir\a.txt")),
            (r#"form-data; name="%22 ä""#, Some("%22 ä")),
            (r#"form-data; xname="b"; name*=c"#, None),
        ] {
            let read = parameter(value, "name");
            let read = read.unwrap_or_else(|_| panic!("{value} can be read"));
            assert_eq!(read.as_deref(), expected, "{value}");
        }
    }

    #[test]
    fn what_two_readers_could_take_for_different_things_is_unreadable() {
        for value in [
            "form-data; name",
            "form-data; name=",
            "form-data; name =a",
            "form-data; name= a",
            "form-data; name=a b",
            "form-data; name=a; name=a",
            "form-data; name=a; Name=b",
            r#"form-data; name=a"b"#,
            r#"form-data; name="a"#,
            r#"form-data; name="a\""#,
            r#"form-data; name="a"b"#,
            r#"form-data; name="a" filename="b""#,
            r#"form-data; x; name="a""#,
        ] {
            assert!(parameter(value, "name").is_err(), "{value}");
        }
    }
}
