//! What the load generators write, read.

/// How many requests were answered, how many were not or not well, and how many were answered in a second.
#[derive(Debug, PartialEq)]
pub(super) struct Report {
    pub(super) answered: u64,
    pub(super) failed: u64,
    pub(super) per_second: f64,
}

impl Report {
    /// Of wrk, which has a line on what failed only if something did.
    pub(super) fn of_wrk(text: &str) -> Option<Self> {
        let lines = || text.lines().map(str::trim);
        let answered = lines().find_map(|line| line.split_once(" requests in "))?.0;
        let per_second = lines().find_map(|line| line.strip_prefix("Requests/sec:"))?;
        let failed = lines()
            .filter_map(|line| {
                let broken = line.strip_prefix("Socket errors:");
                broken.or_else(|| line.strip_prefix("Non-2xx or 3xx responses:"))
            })
            .map(sum);
        Some(Self {
            answered: answered.parse().ok()?,
            failed: failed.sum(),
            per_second: per_second.trim().parse().ok()?,
        })
    }

    /// Of h2load.
    pub(super) fn of_h2load(text: &str) -> Option<Self> {
        let line = |start| text.lines().find_map(move |line| line.strip_prefix(start));
        let per_second = line("finished in ")?.split(", ").nth(1)?;
        let requests = line("requests: ")?;
        let statuses = line("status codes: ")?;
        let failed = ["failed", "errored", "timeout"].map(|what| counted(requests, what));
        let refused = ["3xx", "4xx", "5xx"].map(|what| counted(statuses, what));
        let failed: Option<u64> = failed.into_iter().chain(refused).sum();
        Some(Self {
            answered: counted(statuses, "2xx")?,
            failed: failed?,
            per_second: per_second.strip_suffix(" req/s")?.parse().ok()?,
        })
    }

    pub(super) fn is_good(&self) -> bool {
        self.failed == 0 && self.answered > 0
    }
}

/// All numbers of a line.
fn sum(line: &str) -> u64 {
    let words = line.split(|c: char| !c.is_ascii_digit());
    words.filter_map(|word| word.parse::<u64>().ok()).sum()
}

/// The number before this word in `1 one, 2 two`.
fn counted(list: &str, what: &str) -> Option<u64> {
    let items = list.split(", ").filter_map(|item| item.split_once(' '));
    let mut named = items.filter(|(_, name)| *name == what);
    named.next()?.0.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    const WRK: &str = "\
Running 3s test @ http://127.0.0.1:8080/
  1 threads and 64 connections
  Thread Stats   Avg      Stdev     Max   +/- Stdev
    Latency   720.71us  210.07us   4.10ms   78.52%
    Req/Sec    87.43k     3.37k   92.10k    73.33%
  260948 requests in 3.00s, 34.34MB read
Requests/sec:  86962.51
Transfer/sec:     11.44MB
";

    const H2LOAD: &str = "\
finished in 3.00s, 61422.67 req/s, 3.46MB/s
requests: 184268 total, 184396 started, 184268 done, 184268 succeeded, 0 failed, 0 errored, 0 timeout
status codes: 184268 2xx, 0 3xx, 0 4xx, 0 5xx
";

    #[test]
    fn the_report_of_wrk_is_read() {
        let report = Report::of_wrk(WRK).unwrap();

        assert_eq!((report.answered, report.failed), (260_948, 0));
        assert!((report.per_second - 86_962.51).abs() < 1e-6);
        assert!(report.is_good());
        assert_eq!(Report::of_wrk("unable to connect"), None);
    }

    #[test]
    fn whatever_failed_for_wrk_counts() {
        let broken = "  Socket errors: connect 1, read 20, write 300, timeout 4000\n";
        let refused = "  Non-2xx or 3xx responses: 50000\n";
        let report = Report::of_wrk(&format!("{WRK}{broken}{refused}")).unwrap();

        assert_eq!(report.failed, 54_321);
        assert!(!report.is_good());
    }

    #[test]
    fn the_report_of_h2load_is_read() {
        let report = Report::of_h2load(H2LOAD).unwrap();

        assert_eq!((report.answered, report.failed), (184_268, 0));
        assert!((report.per_second - 61_422.67).abs() < 1e-6);
        assert!(report.is_good());
        assert_eq!(Report::of_h2load("starting benchmark..."), None);
    }

    #[test]
    fn whatever_failed_for_h2load_counts() {
        for (good, bad) in [
            ("0 failed", "1 failed"),
            ("0 errored", "1 errored"),
            ("0 timeout", "1 timeout"),
            ("0 3xx", "1 3xx"),
            ("0 4xx", "1 4xx"),
            ("0 5xx", "1 5xx"),
        ] {
            let report = Report::of_h2load(&H2LOAD.replace(good, bad)).unwrap();
            assert_eq!(report.failed, 1, "{bad}");
        }
    }

    #[test]
    fn nothing_answered_is_no_success() {
        let text = "finished in 3.00s, 0.00 req/s, 0B/s\n\
                    requests: 0 total, 8 started, 0 done, 0 succeeded, 0 failed, 0 errored, 0 timeout\n\
                    status codes: 0 2xx, 0 3xx, 0 4xx, 0 5xx\n";
        assert!(!Report::of_h2load(text).unwrap().is_good());
    }
}
