//! Ids: a prefix and a ULID.

use ulid::Ulid;

/// `sbx_01JD...`. Ids made later sort later, down to the millisecond.
pub(crate) fn new(prefix: &str) -> String {
    format!("{prefix}_{}", Ulid::new())
}
