//! Instructions for a request.

use crate::{
    Error,
    bench::{binary::Binary, servers},
};

/// Many, since every so many requests the server does something besides.
const RUNS: [u32; 2] = [500, 2500];

pub(super) fn run(binary: &Binary) -> Result<(), Error> {
    servers::run(binary, "request", RUNS)
}
