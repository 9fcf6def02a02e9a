//! Which of several media types a client prefers: its `Accept` (RFC 9110, section 12.5.1).

use http::{HeaderMap, header::ACCEPT};

/// What is chosen of the offers, each with its media type: the one of the highest quality; among equals the one that is asked for
/// more exactly, as a browser asks for `text/html`; then the first.
///
/// Without an `Accept` it is the first. It is `None` when nothing that is offered is acceptable, and when the header is not
/// well-formed.
///
/// Parameters of an offer are not compared. A range that has some asks for a variant, and counts for the type when no other range
/// names it.
pub(crate) fn choose<T: Copy, const N: usize>(
    request: &HeaderMap,
    offers: [(T, &str); N],
) -> Option<T> {
    if !request.contains_key(ACCEPT) {
        return offers.first().map(|(offer, _)| *offer);
    }
    let mut wishes = [None; N];
    for value in request.get_all(ACCEPT) {
        let ranges = split(value.to_str().ok()?, ',');
        for range in ranges.filter(|range| !range.is_empty()) {
            let range = Range::parse(range)?;
            for (wish, (_, offer)) in wishes.iter_mut().zip(&offers) {
                *wish = (*wish).max(range.wish_for(offer));
            }
        }
    }
    let wanted = offers.iter().zip(wishes).filter_map(|((offer, _), wish)| {
        let wish = wish.filter(|wish| wish.quality > 0)?;
        Some((*offer, wish))
    });
    // The last of the greatest is taken.
    let best = wanted
        .rev()
        .max_by_key(|(_, wish)| (wish.quality, wish.exactness))?;
    Some(best.0)
}

/// A media type without its parameters.
pub(crate) fn essence(media_type: &str) -> &str {
    let essence = media_type.split(';').next();
    essence.unwrap_or_default().trim_ascii()
}

/// What an `Accept` says of one media type. The greatest counts: the most exact, and of these the kindest.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Wish {
    exactness: Exactness,
    /// In thousandths.
    quality: u16,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Exactness {
    /// `*/*`
    Anything,
    /// `text/*`
    Kind,
    /// `text/html;level=1`
    Variant,
    /// `text/html`
    Type,
}

/// A range of media types with its weight.
struct Range<'a> {
    main: &'a str,
    sub: &'a str,
    parameters: bool,
    quality: u16,
}

impl<'a> Range<'a> {
    fn parse(text: &'a str) -> Option<Self> {
        let mut parts = split(text, ';');
        let (main, sub) = parts.next()?.split_once('/')?;
        if !is_token(main) || !is_token(sub) || (main == "*" && sub != "*") {
            return None;
        }
        let (mut parameters, mut quality) = (false, 1000);
        for parameter in parts.filter(|parameter| !parameter.is_empty()) {
            match parameter.split_once('=')? {
                (name, weight) if name.eq_ignore_ascii_case("q") => quality = thousandths(weight)?,
                (name, value) if is_token(name) && is_value(value) => parameters = true,
                _ => return None,
            }
        }
        Some(Self {
            main,
            sub,
            parameters,
            quality,
        })
    }

    fn wish_for(&self, media_type: &str) -> Option<Wish> {
        let (main, sub) = essence(media_type).split_once('/')?;
        let same_main = self.main.eq_ignore_ascii_case(main);
        let same_sub = self.sub.eq_ignore_ascii_case(sub);
        let exactness = match (self.main, self.sub) {
            ("*", _) => Exactness::Anything,
            (_, "*") if same_main => Exactness::Kind,
            _ if same_main && same_sub && self.parameters => Exactness::Variant,
            _ if same_main && same_sub => Exactness::Type,
            _ => return None,
        };
        let quality = self.quality;
        Some(Wish { exactness, quality })
    }
}

/// The parts between separators, those in quotes apart, without the whitespace around them.
fn split(text: &str, separator: char) -> impl Iterator<Item = &str> {
    let (mut quoted, mut escaped) = (false, false);
    let ends = move |char| {
        let plain = !std::mem::take(&mut escaped);
        match char {
            '"' if plain => quoted = !quoted,
            '\\' if plain => escaped = quoted,
            _ => return char == separator && !quoted,
        }
        false
    };
    text.split(ends).map(|part| part.trim_matches([' ', '\t']))
}

/// A weight (RFC 9110, section 12.4.2).
fn thousandths(weight: &str) -> Option<u16> {
    let (whole, fraction) = weight.split_once('.').unwrap_or((weight, ""));
    if fraction.len() > 3 || !fraction.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let padded = fraction.bytes().chain([b'0'; 3]).take(3);
    let fraction = padded.fold(0, |sum, digit| sum * 10 + u16::from(digit - b'0'));
    match whole {
        "0" => Some(fraction),
        "1" if fraction == 0 => Some(1000),
        _ => None,
    }
}

/// RFC 9110, section 5.6.2.
fn is_token(text: &str) -> bool {
    let in_token = |byte: u8| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte);
    !text.is_empty() && text.bytes().all(in_token)
}

/// The value of a parameter (RFC 9110, section 5.6.6): a token, or a text in quotes that ends where they do.
fn is_value(text: &str) -> bool {
    let Some(rest) = text.strip_prefix('"') else {
        return is_token(text);
    };
    let mut escaped = false;
    let end = rest.find(|char| {
        let plain = !std::mem::take(&mut escaped);
        escaped = plain && char == '\\';
        plain && char == '"'
    });
    end.is_some_and(|end| end + 1 == rest.len())
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    const OFFERS: [(&str, &str); 3] = [
        ("json", "application/json"),
        ("html", "text/html"),
        ("text", "text/plain"),
    ];

    fn chosen(values: &[&str]) -> Option<&'static str> {
        let values = values.iter().map(|value| {
            let value = HeaderValue::from_bytes(value.as_bytes());
            (ACCEPT, value.unwrap())
        });
        choose(&values.collect(), OFFERS)
    }

    #[test]
    fn what_is_liked_best_is_chosen() {
        for (accept, expected) in [
            ("*/*", "json"),
            ("text/html", "html"),
            ("TEXT/Html", "html"),
            ("text/*", "html"),
            ("text/plain", "text"),
            ("text/html;q=0.5, text/plain", "text"),
            ("text/html ; Q=0.5 , text/plain ;\tq=0.50", "html"),
            ("text/html;q=0.001, text/plain;q=0.002", "text"),
            ("text/html;q=1.000, application/json;q=0.999", "html"),
            // Equals: the first offer, unless another is asked for more exactly.
            ("text/html, application/json", "json"),
            ("text/html, */*", "html"),
            ("text/*, */*", "html"),
            ("text/*, text/plain, */*", "text"),
            // The most exact range counts for a type, however little it likes it.
            ("application/json;q=0.1, */*;q=0.2", "html"),
            ("*/*, application/json;q=0", "html"),
            ("text/*;q=0, */*;q=0.1", "json"),
            ("text/html;q=0, text/*", "text"),
            // Of two equal ranges the kinder one.
            ("text/html;q=0.9, text/html;q=0.1, text/plain;q=0.5", "html"),
            // A variant counts for its type when nothing else does.
            ("application/json;charset=utf-8", "json"),
            (
                "text/html;level=1;q=0.2, text/html;q=0.8, text/plain;q=0.5",
                "html",
            ),
            (
                "text/html;level=1, text/html;q=0.2, text/plain;q=0.5",
                "text",
            ),
            // What is not offered is passed over.
            ("image/png, text/plain;q=0.1", "text"),
            (",text/html,, ;,", "none"),
            (",text/html,, \t,", "html"),
            // Separators in quotes separate nothing.
            (r#"text/html;a="b,c;q=0\"", text/plain;q=0.5"#, "html"),
            (r#"text/html;a="\\";q=0.1, text/plain;q=0.5"#, "text"),
            ("text/html;, text/plain;q=0.5;", "html"),
            // As browsers ask for a page, for an image and for data.
            (
                "text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,image/webp,*/*;q=0.8",
                "html",
            ),
            (
                "image/avif,image/webp,image/png,image/svg+xml,image/*;q=0.8,*/*;q=0.5",
                "json",
            ),
            ("application/json, text/plain, */*", "json"),
        ] {
            assert_eq!(chosen(&[accept]).unwrap_or("none"), expected, "{accept}");
        }
    }

    #[test]
    fn parameters_of_an_offer_are_not_compared() {
        let offers = [("csv", "text/csv; charset=utf-8"), ("none", "")];
        for (accept, expected) in [
            ("text/csv", Some("csv")),
            ("text/csv;charset=ascii", Some("csv")),
            ("text/plain", None),
        ] {
            let accept = HeaderMap::from_iter([(ACCEPT, HeaderValue::from_static(accept))]);
            assert_eq!(choose(&accept, offers), expected);
        }
    }

    #[test]
    fn several_headers_are_one_list_and_none_accepts_the_first() {
        assert_eq!(chosen(&[]), Some("json"));
        let values = ["image/png", "text/plain;q=0.5", "text/html;q=0.4"];
        assert_eq!(chosen(&values), Some("text"));
    }

    #[test]
    fn nothing_is_chosen_where_nothing_is_acceptable() {
        for accept in [
            "",
            "image/png",
            "text/event-stream",
            "*/*;q=0",
            "text/html;q=0.000",
        ] {
            assert_eq!(chosen(&[accept]), None, "{accept}");
        }
    }

    #[test]
    fn nothing_is_chosen_by_a_header_that_is_not_well_formed() {
        for bad in [
            "text",
            "/html",
            "text/",
            "*",
            "*/html",
            "text/html/4",
            "te xt/html",
            "text /html",
            "text/html;q",
            "text/html;q=",
            "text/html;q=.5",
            "text/html;q=2",
            "text/html;q=1.1",
            "text/html;q=0.1234",
            "text/html;q=-0",
            "text/html;q=0,5",
            "text/html;q=0x1",
            "text/html;q = 0.5",
            "text/html;level",
            "text/html;=1",
            "text/html;a=b c",
            r#"text/html;a="b"#,
            r#"text/html;a="b"c"#,
            r#"text/html;a="b\""#,
            "text/ht\u{e4}ml",
        ] {
            assert_eq!(chosen(&[bad]), None, "{bad}");
            assert_eq!(chosen(&["text/html", bad]), None, "{bad}");
        }
    }
}
