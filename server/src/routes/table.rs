//! The table that requests are looked up in.

use std::{
    collections::{BTreeMap, HashMap},
    sync::Arc,
};

use http::{HeaderMap, HeaderValue, Method, Uri, header, uri::Authority};
use peristyle_core::Chain;

use super::{
    Route, RouteError, RouteErrors, RouteInfo,
    path::{BadPattern, Pattern, Rank, Segment, decode, normalise},
};
use crate::Exchange;

/// Routes by host, then by path, then by method.
#[derive(Debug, Default)]
pub(crate) struct Table {
    any_host: Paths,
    hosts: HashMap<String, Paths>,
}

#[derive(Debug, Default)]
struct Paths {
    /// By the place of the wildcard, since one tree does not take a parameter and a wildcard at the same place.
    trees: BTreeMap<Option<usize>, matchit::Router<usize>>,
    /// By shape of the pattern; the trees hold the indices.
    shapes: HashMap<String, usize>,
    resources: Vec<Resource>,
}

/// What one pattern leads to.
#[derive(Debug, Default)]
struct Resource {
    rank: Rank,
    methods: Vec<Arc<Entry>>,
    any: Option<Arc<Entry>>,
}

#[derive(Debug)]
pub(crate) struct Entry {
    info: RouteInfo,
    parameters: Vec<String>,
    pub(crate) chain: Chain<Exchange>,
}

/// What a request was found to match.
#[derive(Debug)]
pub(crate) enum Found {
    Route(Matched),
    /// The path matches, under other methods: those that there are.
    OtherMethods(HeaderValue),
    Nothing,
    /// The path has an escape that is none, or a parameter that is not UTF-8.
    BadPath,
}

/// The route that a request matched, with the values of its parameters.
#[derive(Debug, Default)]
pub(crate) struct Matched {
    entry: Option<Arc<Entry>>,
    values: Vec<String>,
}

impl Matched {
    pub(crate) fn route(&self) -> Option<&RouteInfo> {
        self.entry.as_ref().map(|entry| &entry.info)
    }

    pub(crate) fn chain(&self) -> Option<&Chain<Exchange>> {
        self.entry.as_ref().map(|entry| &entry.chain)
    }

    pub(crate) fn param(&self, name: &str) -> Option<&str> {
        let names = &self.entry.as_ref()?.parameters;
        let at = names.iter().position(|parameter| parameter == name)?;
        self.values.get(at).map(String::as_str)
    }
}

impl Table {
    pub(super) fn build(routes: Vec<Route>) -> Result<Self, RouteErrors> {
        let mut table = Self::default();
        let mut errors = Vec::new();
        let mut names: HashMap<String, RouteInfo> = HashMap::new();
        for Route { info, chain } in routes {
            if let Some(name) = &info.name {
                match names.get(name) {
                    Some(earlier) => {
                        errors.push(RouteError::same_name(info.clone(), earlier.clone()));
                    }
                    None => drop(names.insert(name.clone(), info.clone())),
                }
            }
            errors.extend(table.add(info, chain).err());
        }
        RouteErrors::none(errors)?;
        Ok(table)
    }

    fn add(&mut self, info: RouteInfo, chain: Chain<Exchange>) -> Result<(), RouteError> {
        let pattern = match Pattern::parse(&info.pattern) {
            Ok(pattern) => pattern,
            Err(bad) => return Err(RouteError::bad_pattern(info, bad)),
        };
        let paths = match &info.host {
            Some(host) if !is_host(host) => {
                let bad = BadPattern::BadHost(host.clone());
                return Err(RouteError::bad_pattern(info, bad));
            }
            Some(host) => self.hosts.entry(host.clone()).or_default(),
            None => &mut self.any_host,
        };
        let resource = match paths.resource(pattern.shape, pattern.rank) {
            Ok(resource) => resource,
            Err(bad) => return Err(RouteError::bad_pattern(info, bad)),
        };
        let entry = Entry {
            info,
            parameters: pattern.names,
            chain,
        };
        resource.add(entry)
    }

    /// Looks a request up.
    pub(crate) fn find(&self, method: &Method, uri: &Uri, headers: &HeaderMap) -> Found {
        let Ok(path) = normalise(uri.path()) else {
            return Found::BadPath;
        };
        if !self.hosts.is_empty() {
            let paths = host(uri, headers).and_then(|host| self.hosts.get(&host));
            match paths.map(|paths| paths.find(method, &path)) {
                None | Some(Found::Nothing) => {}
                Some(found) => return found,
            }
        }
        self.any_host.find(method, &path)
    }
}

impl Paths {
    /// The resource of a shape, made when it is new.
    fn resource(&mut self, shape: String, rank: Rank) -> Result<&mut Resource, BadPattern> {
        if let Some(index) = self.shapes.get(&shape) {
            return Ok(&mut self.resources[*index]);
        }
        let index = self.resources.len();
        let tree = self.trees.entry(wildcard(&rank)).or_default();
        let inserted = tree.insert(shape.clone(), index);
        inserted.map_err(|refused| BadPattern::Refused(refused.to_string()))?;
        self.shapes.insert(shape, index);
        let resource = Resource {
            rank,
            ..Resource::default()
        };
        self.resources.push(resource);
        Ok(&mut self.resources[index])
    }

    fn find(&self, method: &Method, path: &str) -> Found {
        // Each tree finds the most specific of its own.
        let found = self.trees.values().filter_map(|tree| tree.at(path).ok());
        let found = found.min_by_key(|found| &self.resources[*found.value].rank);
        let Some(found) = found else {
            return Found::Nothing;
        };
        let resource = &self.resources[*found.value];
        let Some(entry) = resource.entry(method) else {
            return Found::OtherMethods(resource.allow());
        };
        let values = found.params.iter().map(|(_, value)| decode(value));
        match values.collect() {
            Ok(values) => Found::Route(Matched {
                entry: Some(Arc::clone(entry)),
                values,
            }),
            Err(_) => Found::BadPath,
        }
    }
}

impl Resource {
    fn add(&mut self, entry: Entry) -> Result<(), RouteError> {
        let same = match entry.info.method() {
            None => self.any.as_ref(),
            method => self
                .methods
                .iter()
                .find(|other| other.info.method() == method),
        };
        if let Some(earlier) = same {
            return Err(RouteError::conflict(entry.info, earlier.info.clone()));
        }
        match entry.info.method() {
            None => self.any = Some(Arc::new(entry)),
            Some(_) => self.methods.push(Arc::new(entry)),
        }
        Ok(())
    }

    /// `HEAD` without a route of its own is answered as `GET` (RFC 9110, section 9.3.2).
    fn entry(&self, method: &Method) -> Option<&Arc<Entry>> {
        let of = |method: &Method| {
            let mut entries = self.methods.iter();
            entries.find(|entry| entry.info.method() == Some(method))
        };
        let as_get = || of(&Method::GET).filter(|_| method == Method::HEAD);
        of(method).or_else(as_get).or(self.any.as_ref())
    }

    /// The methods that there are, as `Allow` lists them (RFC 9110, section 10.2.1).
    fn allow(&self) -> HeaderValue {
        let mut methods: Vec<_> = self
            .methods
            .iter()
            .filter_map(|entry| entry.info.method())
            .collect();
        if methods.contains(&&Method::GET) {
            methods.push(&Method::HEAD);
        }
        methods.push(&Method::OPTIONS);
        let mut names: Vec<_> = methods.into_iter().map(Method::as_str).collect();
        names.sort_unstable();
        names.dedup();
        HeaderValue::try_from(names.join(", ")).expect("methods are tokens")
    }
}

/// The place of the wildcard, if there is one.
fn wildcard(rank: &Rank) -> Option<usize> {
    rank.iter()
        .position(|segment| *segment == Segment::Wildcard)
}

/// The host that a request is for, without its port: from the target (HTTP/2, absolute form), else from `Host`.
fn host(uri: &Uri, headers: &HeaderMap) -> Option<String> {
    let from_header = || {
        let host = headers.get(header::HOST)?.to_str().ok()?;
        let authority: Authority = host.parse().ok()?;
        Some(authority.host().to_ascii_lowercase())
    };
    uri.host().map(str::to_ascii_lowercase).or_else(from_header)
}

/// Whether this can be the host of a request, as [`host`] gives it.
fn is_host(host: &str) -> bool {
    let authority = host.parse::<Authority>();
    authority.is_ok_and(|authority| authority.host() == host)
}

#[cfg(test)]
mod tests {
    use peristyle_core::handler;

    use super::*;
    use crate::Context;

    /// Every way to put up to three segments in a row.
    fn rows(segments: &[&str]) -> Vec<String> {
        let longer = |rows: &[String]| -> Vec<String> {
            let each = |row| segments.iter().map(move |last| format!("{row}/{last}"));
            rows.iter().flat_map(each).collect()
        };
        let one = longer(&[String::new()]);
        let two = longer(&one);
        let three = longer(&two);
        [one, two, three].concat()
    }

    /// All patterns of up to three segments.
    fn patterns(segments: &[&str]) -> Vec<String> {
        let mut all = rows(segments);
        let wild = all.iter().map(|pattern| format!("{pattern}/{{*w}}"));
        let wild = wild.filter(|wild| wild.matches('/').count() < 4);
        all.extend(wild.collect::<Vec<_>>());
        all.push("/{*w}".to_owned());
        for pattern in &mut all {
            for name in ["{1}", "{2}", "{3}"] {
                *pattern = pattern.replacen("{x}", name, 1);
            }
        }
        all
    }

    /// The kind of each segment of a pattern that matches the path, by definition.
    fn naive(pattern: &str, path: &str) -> Option<Vec<u8>> {
        let mut segments = path.split('/');
        let mut kinds = Vec::new();
        for expected in pattern.split('/') {
            if expected == "{*w}" {
                let rest: Vec<_> = segments.collect();
                return (!rest.join("/").is_empty()).then(|| [kinds, vec![2]].concat());
            }
            let segment = segments.next()?;
            let literal = expected == segment;
            if !literal && (!expected.starts_with('{') || segment.is_empty()) {
                return None;
            }
            kinds.push(u8::from(!literal));
        }
        segments.next().is_none().then_some(kinds)
    }

    /// What the naive twin of a table finds: segment by segment from the left, a literal before a parameter before a wildcard.
    fn expected<'a>(patterns: &[&'a str], path: &str) -> Option<&'a str> {
        let ranked = patterns
            .iter()
            .filter_map(|pattern| Some((naive(pattern, path)?, *pattern)));
        ranked.min().map(|(_, pattern)| pattern)
    }

    fn check(patterns: &[&str], paths: &[Uri]) {
        let chain = Chain::from(handler(|_: &mut Context| ()));
        let route = |pattern: &&str| Route::get(pattern, chain.clone());
        let table = Table::build(patterns.iter().map(route).collect()).unwrap();
        for path in paths {
            let found = match table.find(&Method::GET, path, &HeaderMap::new()) {
                Found::Route(matched) => matched.route().map(|route| route.pattern().to_owned()),
                other => {
                    assert!(matches!(other, Found::Nothing), "{other:?}");
                    None
                }
            };
            let expected = expected(patterns, path.path());
            assert_eq!(found.as_deref(), expected, "{path} in {patterns:?}");
        }
    }

    #[test]
    fn every_small_table_finds_what_its_naive_twin_finds() {
        let patterns = patterns(&["a", "{x}", ""]);
        let paths = rows(&["a", "ab", "b", ""]);
        let paths: Vec<_> = paths.iter().map(|path| path.parse().unwrap()).collect();
        for (at, first) in patterns.iter().enumerate() {
            for second in &patterns[at + 1..] {
                check(&[first, second], &paths);
            }
        }
    }

    #[test]
    fn larger_tables_find_what_their_naive_twins_find() {
        let patterns = patterns(&["a", "ab", "{x}", ""]);
        let paths = rows(&["a", "ab", "b", ""]);
        let paths: Vec<_> = paths.iter().map(|path| path.parse().unwrap()).collect();
        // The same tables each time, from a linear congruential generator.
        let mut seed = 1_u32;
        for round in 0..300 {
            let mut table: Vec<&str> = Vec::new();
            for _ in 0..3 + round % 10 {
                seed = seed.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
                let at = usize::try_from(seed >> 8).unwrap() % patterns.len();
                if !table.contains(&&*patterns[at]) {
                    table.push(&patterns[at]);
                }
            }
            check(&table, &paths);
        }
    }
}
