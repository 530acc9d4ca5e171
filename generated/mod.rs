// Written by `cargo regenerate` from openapi.yaml. Do not edit.
// openapi.yaml fnv1a64:4cd99f162e0f2567

//! The raw layer, generated from the contract.

#[rustfmt::skip]
pub mod client;
#[rustfmt::skip]
pub mod enums;
