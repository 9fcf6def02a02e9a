//! Whether a source file has a test of some name.

#[derive(Debug, PartialEq)]
pub(super) enum Claim {
    Test,
    /// The function is there, and no test runner ever calls it.
    Function,
    Absent,
}

pub(super) fn claim(text: &str, name: &str) -> Claim {
    let signature = format!("fn {name}(");
    let lines: Vec<_> = text.lines().map(str::trim).collect();
    let mut claim = Claim::Absent;
    for (index, line) in lines.iter().enumerate() {
        if !declares(line, &signature) {
            continue;
        }
        if has_test_attribute(&lines[..index]) {
            return Claim::Test;
        }
        claim = Claim::Function;
    }
    claim
}

fn declares(line: &str, signature: &str) -> bool {
    let before = line.split_once(signature).map(|(before, _)| before);
    before.is_some_and(|it| it.is_empty() || (it.ends_with(' ') && !it.contains("//")))
}

/// Looks upwards through the attributes and comments of a function, to the item before it.
fn has_test_attribute(above: &[&str]) -> bool {
    above
        .iter()
        .rev()
        .take_while(|line| line.starts_with("//") || !ends_an_item(line))
        .any(|line| line.starts_with("#[test]") || line.starts_with("#[tokio::test"))
}

fn ends_an_item(line: &str) -> bool {
    line.is_empty() || line.ends_with(['{', '}', ';'])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_test_is_known_by_its_attribute() {
        for text in [
            "#[test]\nfn a() {}",
            "#[tokio::test]\nasync fn a() {}",
            "#[tokio::test(start_paused = true)]\n#[expect(x, reason = \"y;\")]\nasync fn a() {}",
            "#[tokio::test(\n    flavor = \"multi_thread\",\n)]\nasync fn a() {}",
            "#[test]\n/// Why {\nfn a() {}",
            "proptest! {\n    #[test]\n    fn a(b in 0..9) {}\n}",
            "fn a() {}\n\n#[test]\nfn a() {}",
        ] {
            assert_eq!(claim(text, "a"), Claim::Test, "{text}");
        }
    }

    #[test]
    fn the_attribute_of_another_function_does_not_count() {
        for text in [
            "fn a() {}",
            "#[test]\nfn b() {}\nfn a() {}",
            "#[test]\n\nfn a() {}",
        ] {
            assert_eq!(claim(text, "a"), Claim::Function, "{text}");
        }
    }

    #[test]
    fn a_longer_name_or_a_comment_is_not_the_test() {
        for text in ["#[test]\nfn ab() {}", "#[test]\n// fn a() {}", "my_fn a()"] {
            assert_eq!(claim(text, "a"), Claim::Absent, "{text}");
        }
    }
}
