//! Instructions for a value of a stream.

use crate::{
    Error,
    bench::{binary::Binary, servers},
};

/// Many, since the server writes several values at once, and as many as the client has room for.
const RUNS: [u32; 2] = [2_000, 12_000];

pub(super) fn run(binary: &Binary) -> Result<(), Error> {
    servers::run(binary, "value", RUNS)
}
