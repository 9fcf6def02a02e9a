//! The table that requests are looked up in.

use std::{
    collections::{BTreeMap, HashMap},
    fmt::Display,
};

use http::{HeaderMap, HeaderValue, Method, Uri, header, uri::Authority};
use matchit::{Match, Params};
use peristyle_core::Chain;

use super::{
    Route, RouteError, RouteErrors, RouteInfo, RouteUrl, TrailingSlash, UrlError,
    path::{BadPattern, Pattern, Rank, Segment, decode, normalise},
};
use crate::Exchange;

/// Routes by host, then by path, then by method.
#[derive(Debug, Default)]
pub(crate) struct Table {
    /// In the order of the list. All else holds indices into it.
    entries: Vec<Entry>,
    names: HashMap<String, usize>,
    any_host: Paths,
    hosts: HashMap<String, Paths>,
    trailing_slash: TrailingSlash,
}

#[derive(Debug)]
pub(crate) struct Entry {
    pub(super) info: RouteInfo,
    pub(super) parameters: Vec<String>,
    pub(super) chain: Chain<Exchange>,
}

/// What a request was found to match.
#[derive(Debug)]
pub(crate) enum Found {
    Route(Place),
    /// The path matches, under other methods: those that there are.
    OtherMethods(HeaderValue),
    /// Another path, that of this address, matches.
    Moved(String),
    Nothing,
    /// The path has an escape that is none, or a parameter that is not UTF-8.
    BadPath,
}

/// A route of a table, with the values of its parameters.
#[derive(Debug)]
pub(crate) struct Place {
    entry: usize,
    pub(super) values: Vec<String>,
}

impl Table {
    pub(super) fn build(
        routes: Vec<Route>,
        trailing_slash: TrailingSlash,
    ) -> Result<Self, RouteErrors> {
        let mut table = Self {
            trailing_slash,
            ..Self::default()
        };
        let mut errors = Vec::new();
        for route in routes {
            table.add(route, &mut errors);
        }
        RouteErrors::none(errors)?;
        Ok(table)
    }

    /// Routes with errors have their place in the list too, so that others' errors can point there.
    fn add(&mut self, route: Route, errors: &mut Vec<RouteError>) {
        let Route { info, chain, fault } = route;
        let mut conflicts = Vec::new();
        let mut parameters = Vec::new();
        match checked(&info, fault) {
            Ok(pattern) => match self.claim(&info, pattern.shape, pattern.rank) {
                Ok(earlier) => {
                    conflicts = earlier;
                    parameters = pattern.names;
                }
                Err(refused) => errors.push(RouteError::bad_pattern(info.clone(), refused)),
            },
            Err(faults) => {
                let bad = |fault| RouteError::bad_pattern(info.clone(), fault);
                errors.extend(faults.into_iter().map(bad));
            }
        }
        for earlier in conflicts {
            let earlier = self.entries[earlier].info.clone();
            errors.push(RouteError::conflict(info.clone(), earlier));
        }
        if let Some(earlier) = self.claim_name(&info) {
            let earlier = self.entries[earlier].info.clone();
            errors.push(RouteError::same_name(info.clone(), earlier));
        }
        self.entries.push(Entry {
            info,
            parameters,
            chain,
        });
    }

    /// Puts the next entry where its requests are looked up. Returns the entries that are there already.
    fn claim(
        &mut self,
        info: &RouteInfo,
        shape: String,
        rank: Rank,
    ) -> Result<Vec<usize>, BadPattern> {
        let paths = match info.host() {
            Some(host) => self.hosts.entry(host.to_owned()).or_default(),
            None => &mut self.any_host,
        };
        let resource = paths.resource(shape, rank)?;
        Ok(resource.claim(info.methods(), self.entries.len()))
    }

    /// Gives the next entry its name. Returns the entry that has it already.
    fn claim_name(&mut self, info: &RouteInfo) -> Option<usize> {
        let name = info.name()?;
        let earlier = self.names.get(name).copied();
        if earlier.is_none() {
            self.names.insert(name.to_owned(), self.entries.len());
        }
        earlier
    }

    /// Looks a request up.
    pub(crate) fn find(&self, method: &Method, uri: &Uri, headers: &HeaderMap) -> Found {
        let Ok(path) = normalise(uri.path()) else {
            return Found::BadPath;
        };
        let host = self.paths_of_host(uri, headers);
        match self.resource(host, &path) {
            Some((resource, params)) => resource.find(method, &params),
            None => self.moved(host, &path, uri.query()),
        }
    }

    /// The paths of the host that the request is for.
    fn paths_of_host(&self, uri: &Uri, headers: &HeaderMap) -> Option<&Paths> {
        if self.hosts.is_empty() {
            return None;
        }
        self.hosts.get(&host(uri, headers)?)
    }

    fn resource<'t, 'p>(
        &'t self,
        host: Option<&'t Paths>,
        path: &'p str,
    ) -> Option<(&'t Resource, Params<'t, 'p>)> {
        let of_host = host.and_then(|paths| paths.find(path));
        of_host.or_else(|| self.any_host.find(path))
    }

    fn moved(&self, host: Option<&Paths>, path: &str, query: Option<&str>) -> Found {
        let other = self.trailing_slash.other_form(path);
        let other = other.filter(|other| self.resource(host, other).is_some());
        other.map_or(Found::Nothing, |other| {
            let mut location = other.into_owned();
            location.extend(query.into_iter().flat_map(|query| ["?", query]));
            Found::Moved(location)
        })
    }

    pub(crate) fn url_for(
        &self,
        name: &str,
        params: &[(&str, &dyn Display)],
    ) -> Result<RouteUrl, UrlError> {
        let Some(entry) = self.names.get(name) else {
            let name = name.to_owned();
            return Err(UrlError::UnknownRoute { name });
        };
        RouteUrl::new(&self.entries[*entry].info, params)
    }

    pub(super) fn entries(&self) -> &[Entry] {
        &self.entries
    }

    pub(super) fn entry(&self, place: &Place) -> &Entry {
        &self.entries[place.entry]
    }

    pub(crate) fn chain(&self, place: &Place) -> &Chain<Exchange> {
        &self.entry(place).chain
    }
}

/// All that is wrong with a route by itself.
fn checked(info: &RouteInfo, fault: Option<BadPattern>) -> Result<Pattern, Vec<BadPattern>> {
    let mut faults = Vec::new();
    if info.methods().is_some_and(<[Method]>::is_empty) {
        faults.push(BadPattern::NoMethod);
    }
    if let Some(host) = info.host().filter(|host| !is_host(host)) {
        faults.push(BadPattern::BadHost(host.to_owned()));
    }
    match fault.map_or_else(|| Pattern::parse(info.pattern()), Err) {
        Ok(pattern) if faults.is_empty() => return Ok(pattern),
        Ok(_) => {}
        Err(fault) => faults.push(fault),
    }
    Err(faults)
}

#[derive(Debug, Default)]
struct Paths {
    /// The patterns without a wildcard.
    plain: Option<matchit::Router<usize>>,
    /// By the place of the wildcard, since one tree does not take a parameter and a wildcard at the same place.
    wild: BTreeMap<usize, matchit::Router<usize>>,
    /// By shape of the pattern; the trees hold the indices.
    shapes: HashMap<String, usize>,
    resources: Vec<Resource>,
}

impl Paths {
    /// The resource of a shape, made when it is new.
    fn resource(&mut self, shape: String, rank: Rank) -> Result<&mut Resource, BadPattern> {
        if let Some(index) = self.shapes.get(&shape) {
            return Ok(&mut self.resources[*index]);
        }
        let index = self.resources.len();
        let tree = match wildcard(&rank) {
            Some(place) => self.wild.entry(place).or_default(),
            None => self.plain.get_or_insert_default(),
        };
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

    fn find<'t, 'p>(&'t self, path: &'p str) -> Option<(&'t Resource, Params<'t, 'p>)> {
        let found = if self.wild.is_empty() {
            self.plain.as_ref()?.at(path).ok()?
        } else {
            self.find_most_specific(path)?
        };
        Some((&self.resources[*found.value], found.params))
    }

    /// Each tree finds the most specific of its own.
    fn find_most_specific<'t, 'p>(&'t self, path: &'p str) -> Option<Match<'t, 'p, &'t usize>> {
        let found = self.trees_for(path).filter_map(|tree| tree.at(path).ok());
        found.min_by_key(|found| &self.resources[*found.value].rank)
    }

    /// The trees that can have this path: those without a wildcard, and those whose wildcard is at one of its segments.
    fn trees_for(&self, path: &str) -> impl Iterator<Item = &matchit::Router<usize>> {
        let wild = (!self.wild.is_empty()).then(|| {
            let segments = path.bytes().filter(|byte| *byte == b'/').count();
            self.wild.range(..segments)
        });
        let wild = wild.into_iter().flatten();
        self.plain.iter().chain(wild.map(|(_, tree)| tree))
    }
}

/// What one pattern leads to.
#[derive(Debug, Default)]
struct Resource {
    rank: Rank,
    methods: Vec<(Method, usize)>,
    any: Option<usize>,
}

impl Resource {
    /// Puts an entry under its methods. Returns the entries that are there already.
    fn claim(&mut self, methods: Option<&[Method]>, entry: usize) -> Vec<usize> {
        let mut earlier = Vec::new();
        let Some(methods) = methods else {
            earlier.extend(self.any);
            self.any = self.any.or(Some(entry));
            return earlier;
        };
        for method in methods {
            match self.of(method) {
                None => self.methods.push((method.clone(), entry)),
                Some(other) if earlier.contains(&other) => {}
                Some(other) => earlier.push(other),
            }
        }
        earlier
    }

    fn find(&self, method: &Method, params: &Params<'_, '_>) -> Found {
        let Some(entry) = self.entry(method) else {
            return Found::OtherMethods(self.allow());
        };
        let values = params.iter().map(|(_, value)| decode(value));
        match values.collect() {
            Ok(values) => Found::Route(Place { entry, values }),
            Err(_) => Found::BadPath,
        }
    }

    /// `HEAD` without a route of its own is answered as `GET` (RFC 9110, section 9.3.2).
    fn entry(&self, method: &Method) -> Option<usize> {
        let as_get = || {
            let get = self.of(&Method::GET);
            get.filter(|_| method == Method::HEAD)
        };
        self.of(method).or_else(as_get).or(self.any)
    }

    fn of(&self, method: &Method) -> Option<usize> {
        let mut methods = self.methods.iter();
        methods.find_map(|(other, entry)| (other == method).then_some(*entry))
    }

    /// The methods that there are, as `Allow` lists them (RFC 9110, section 10.2.1).
    fn allow(&self) -> HeaderValue {
        let mut methods: Vec<_> = self.methods.iter().map(|(method, _)| method).collect();
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
        let table =
            Table::build(patterns.iter().map(route).collect(), TrailingSlash::Exact).unwrap();
        for path in paths {
            let found = match table.find(&Method::GET, path, &HeaderMap::new()) {
                Found::Route(place) => Some(table.entry(&place).info.pattern().to_owned()),
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

    /// The cost of a request is its look-ups in trees, each of which walks down the path. They are counted, not timed.
    #[test]
    fn the_trees_that_a_path_is_looked_up_in_do_not_grow_with_the_number_of_routes() {
        let chain = Chain::from(handler(|_: &mut Context| ()));
        let table = |count: usize| {
            let routes = (0..count).map(|at| {
                let wild = if at % 2 == 0 { "{*w}" } else { "end" };
                let deep = "/{x}".repeat(at % 50).replace("{x}", "s");
                Route::get(&format!("/r{at}{deep}/{wild}"), chain.clone())
            });
            Table::build(routes.collect(), TrailingSlash::Exact).unwrap()
        };
        let (small, large) = (table(100), table(10_000));
        for (path, trees) in [
            ("", 1),
            ("/r2", 1),
            ("/r2/s/a", 2),
            ("/r2/s/s/a", 3),
            ("/r4/s/s/s/s/a", 4),
        ] {
            for table in [&small, &large] {
                assert_eq!(table.any_host.trees_for(path).count(), trees, "{path}");
            }
        }
        let found = large.find(
            &Method::GET,
            &"/r9998/s/s".parse().unwrap(),
            &HeaderMap::new(),
        );
        assert!(matches!(found, Found::Nothing), "{found:?}");
        let found = large.find(
            &Method::GET,
            &"/r9952/s/s/a".parse().unwrap(),
            &HeaderMap::new(),
        );
        assert!(matches!(found, Found::Route(_)), "{found:?}");
    }
}
