//! Everything that is wrong, said at once: nobody likes to run a test once per mistake.

#[derive(Default)]
pub(crate) struct Problems(Vec<String>);

impl Problems {
    pub(crate) fn add(&mut self, problem: impl Into<String>) {
        self.0.push(problem.into());
    }

    pub(crate) fn extend(&mut self, problems: impl IntoIterator<Item = String>) {
        self.0.extend(problems);
    }

    #[track_caller]
    pub(crate) fn assert_none(self) {
        let count = self.0.len();
        assert!(count == 0, "problems ({count}):\n  {}", self.0.join("\n  "));
    }
}
