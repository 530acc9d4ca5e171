// Written by `cargo regenerate` from openapi.yaml. Do not edit.
// openapi.yaml fnv1a64:7e345ca9ce3b8a5c

//! The raw layer, generated from the contract.

#[rustfmt::skip]
pub mod client;
#[rustfmt::skip]
pub mod enums;
