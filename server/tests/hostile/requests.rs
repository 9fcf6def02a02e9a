//! The rows of `requests.txt`, as `README.md` says.

const ROWS: &str = include_str!("requests.txt");

/// The columns of each row.
pub(crate) fn rows() -> impl Iterator<Item = [&'static str; 4]> {
    let lines = ROWS.lines().filter(|line| !line.starts_with('#'));
    lines.filter(|line| !line.is_empty()).map(|line| {
        let columns: Vec<_> = line.splitn(4, " | ").collect();
        let columns = columns.try_into();
        columns.unwrap_or_else(|_| panic!("four columns: {line}"))
    })
}

pub(crate) fn unescaped(text: &str) -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut rest = text;
    while let Some((before, escape)) = rest.split_once('\\') {
        bytes.extend(before.as_bytes());
        let (kind, after) = escape.split_at(1);
        rest = after;
        match kind {
            "r" => bytes.push(b'\r'),
            "n" => bytes.push(b'\n'),
            "t" => bytes.push(b'\t'),
            "0" => bytes.push(0),
            "x" => {
                bytes.push(u8::from_str_radix(&after[..2], 16).unwrap());
                rest = &after[2..];
            }
            "{" => {
                let (repeated, after) = after.split_once('}').unwrap();
                let (times, text) = repeated.split_once(':').unwrap();
                bytes.extend(unescaped(text).repeat(times.parse().unwrap()));
                rest = after;
            }
            _ => bytes.extend(kind.as_bytes()),
        }
    }
    bytes.extend(rest.as_bytes());
    bytes
}
