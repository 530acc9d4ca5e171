// Written by `cargo regenerate` from openapi.yaml. Do not edit.
// openapi.yaml fnv1a64:77f11bd217fd162d

//! The raw layer, generated from the contract.

#[rustfmt::skip]
pub mod client;
#[rustfmt::skip]
pub mod enums;
