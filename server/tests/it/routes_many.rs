//! Tables of ten thousand routes.

use allocation_counter::{AllocationInfo, measure};
use peristyle_core::{Chain, handler};
use peristyle_server::{Context, Exchange, Route, Routes};

/// As a large service has them: resources below one another, and some names.
fn routes(count: usize) -> Routes {
    let chain: Chain<Exchange> = handler(|_: &mut Context| ()).into();
    (0..count).fold(Routes::new(), |routes, at| {
        let (service, resource) = (at % 100, at / 100);
        let pattern = match at % 4 {
            0 => format!("/service-{service}/resource-{resource}/{{id}}/parts/{{part}}"),
            1 => format!("/service-{service}/resource-{resource}/{{*path}}"),
            2 => format!("/service-{service}/resource-{resource}/{{id}}"),
            _ => format!("/service-{service}/resource-{resource}"),
        };
        let route = Route::get(&pattern, chain.clone());
        routes.route(route.named(&format!("route-{at}")))
    })
}

fn built(count: usize) -> AllocationInfo {
    let routes = routes(count);
    measure(|| drop(routes.build().unwrap()))
}

/// No clock: what a table is built of is allocated, so that work which grows faster than the table shows there.
#[test]
fn what_is_allocated_to_build_a_table_grows_no_faster_than_the_table() {
    let (thousand, ten) = (built(1_000), built(10_000));
    assert!(
        ten.count_total <= 11 * thousand.count_total,
        "{thousand:?} {ten:?}"
    );
    assert!(
        ten.bytes_total <= 22 * thousand.bytes_total,
        "{thousand:?} {ten:?}"
    );
    assert!(ten.count_total <= 25 * 10_000, "{ten:?}");
}

/// The promise is for a release build, of which this is a tenth and more of the speed. It is the time that the thread was given a
/// processor, so that others on the machine do not count, and the least of a few, since cold caches do not either.
#[cfg(target_os = "linux")]
#[test]
fn ten_thousand_routes_are_built_within_their_time() {
    let on_processor = || -> u64 {
        let stat = std::fs::read_to_string("/proc/thread-self/schedstat").unwrap();
        stat.split(' ').next().unwrap().parse().unwrap()
    };
    let taken = || {
        let listed = routes(10_000);
        let start = on_processor();
        let built = listed.build().unwrap();
        let taken = on_processor() - start;
        drop(built);
        taken / 1_000_000
    };
    let milliseconds = (0..3).map(|_| taken()).min().unwrap();
    let limit = if cfg!(debug_assertions) { 1_000 } else { 100 };
    assert!(milliseconds < limit, "{milliseconds} ms");
}
