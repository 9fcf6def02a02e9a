//! A binding is declared like a static, without a value.

use peristyle_core::binding;

binding!(TENANT: u32);
binding!(static USER: u32 = 7);

fn main() {}
