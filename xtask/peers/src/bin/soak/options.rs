//! How long, with how many, and from which seed.

use std::time::Duration;

use peristyle_peers::Failure;

/// What can be chosen.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Options {
    /// How many events clients must have got at least.
    pub(crate) deliveries: u64,
    pub(crate) clients: u64,
    /// Of all that is drawn.
    pub(crate) seed: u64,
    /// It fails when it has not come to its end by then.
    pub(crate) most: Duration,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            deliveries: 10_000_000,
            clients: 1_000,
            seed: 1,
            most: Duration::from_secs(15 * 60),
        }
    }
}

impl Options {
    pub(crate) fn parse(words: &[&str]) -> Result<Self, Failure> {
        let mut options = Self::default();
        let mut words = words.iter();
        while let Some(name) = words.next() {
            let value = words.next();
            let value = value.and_then(|value| value.parse::<u64>().ok());
            let value = value.ok_or_else(|| format!("no number after `{name}`"))?;
            match *name {
                "--deliveries" => options.deliveries = value,
                "--clients" => options.clients = value.max(1),
                "--seed" => options.seed = value,
                "--minutes" => options.most = Duration::from_secs(60 * value),
                name => return Err(format!("there is no option `{name}`").into()),
            }
        }
        Ok(options)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_said_is_as_always() {
        assert_eq!(Options::parse(&[]).unwrap(), Options::default());
        let options = Options::parse(&["--minutes", "2", "--seed", "7"]).unwrap();
        let expected = Options {
            seed: 7,
            most: Duration::from_secs(120),
            ..Options::default()
        };
        assert_eq!(options, expected);
    }

    #[test]
    fn what_makes_no_sense_is_named() {
        for (words, message) in [
            (&["--seed"][..], "no number after `--seed`"),
            (&["--seed", "x"], "no number after `--seed`"),
            (&["--sed", "1"], "there is no option `--sed`"),
        ] {
            assert_eq!(Options::parse(words).unwrap_err().to_string(), message);
        }
    }
}
