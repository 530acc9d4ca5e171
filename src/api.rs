//! The raw layer: every endpoint and every type of `openapi.yaml`, generated.
//!
//! It is here for endpoints that have no facade yet, for servers and for tests. It follows the
//! contract, so its types can gain members in a minor release, and it stands outside the promises
//! of semantic versioning. [`Client::api`](crate::Client::api) gives a ready [`Client`]; its calls
//! neither retry nor classify failures.

pub use crate::client::CallContext;
pub use crate::generated::client::{Client, types};
pub use crate::generated::enums::*;
pub use crate::wire::{Base64, Integer, MetadataQuery};
