//! What the debug observer shows of an exchange.

use http::{
    HeaderMap, HeaderName,
    header::{AUTHORIZATION, COOKIE, PROXY_AUTHORIZATION, SET_COOKIE},
};
use peristyle_core::debug::{Fields, Snapshot};

use crate::Exchange;

/// Their values are not shown, whether or not the observer leaves them out.
const SECRET: [HeaderName; 4] = [AUTHORIZATION, COOKIE, PROXY_AUTHORIZATION, SET_COOKIE];

/// Reports `method`, `uri`, `route`, `status`, and each header as `request.NAME` or `response.NAME`. Credentials are reported
/// as being there, without their values.
impl Snapshot for Exchange {
    fn snapshot(&self, fields: &mut Fields<'_>) {
        fields
            .display("method", self.method())
            .display("uri", self.uri());
        if let Some(route) = self.route() {
            fields.display("route", &route.pattern());
        }
        headers(fields, "request", self.headers());
        if let Some(response) = self.response() {
            fields.display("status", &response.status().as_u16());
            headers(fields, "response", response.headers());
        }
    }
}

fn headers(fields: &mut Fields<'_>, of: &str, headers: &HeaderMap) {
    for (name, value) in headers {
        let field = format!("{of}.{name}");
        if SECRET.contains(name) {
            fields.display(&field, &"(hidden)");
        } else {
            fields.debug(&field, value);
        }
    }
}
