// Written by `cargo regenerate` from openapi.yaml. Do not edit.
// openapi.yaml fnv1a64:096c1ba01df38878

//! The raw layer, generated from the contract.

#[rustfmt::skip]
pub mod client;
#[rustfmt::skip]
pub mod enums;
