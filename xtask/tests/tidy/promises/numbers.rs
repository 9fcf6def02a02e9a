//! Numbers of promises in short: `C1-C3 T1` is C1, C2, C3 and T1.

pub(super) fn numbers(ranges: &str) -> Vec<String> {
    ranges.split_whitespace().flat_map(range).collect()
}

fn range(text: &str) -> impl Iterator<Item = String> {
    let (first, last) = text.split_once('-').unwrap_or((text, text));
    let ((letter, first), (end_letter, last)) = (split(first), split(last));
    assert_eq!(letter, end_letter, "{text}");
    (first..=last).map(move |number| format!("{letter}{number}"))
}

fn split(number: &str) -> (&str, u32) {
    let (letter, digits) = number.split_at(1);
    (letter, digits.parse().expect("a letter and digits"))
}

#[test]
fn ranges_and_single_numbers_are_listed_in_order() {
    assert_eq!(numbers("C9-C11 T1"), ["C9", "C10", "C11", "T1"]);
}
