// Written by `cargo regenerate` from openapi.yaml. Do not edit.
// openapi.yaml fnv1a64:60818f64f0cac608

//! The raw layer, generated from the contract.

#[rustfmt::skip]
pub mod client;
#[rustfmt::skip]
pub mod enums;
