//! Ids: a prefix and a ULID.

use std::sync::{Mutex, PoisonError};

use ulid::{Generator, Ulid};

/// `sbx_01JD...`. Ids made later sort later, also within a millisecond.
pub(crate) fn new(prefix: &str) -> String {
    static GENERATOR: Mutex<Generator> = Mutex::new(Generator::new());
    let mut generator = GENERATOR.lock().unwrap_or_else(PoisonError::into_inner);
    // Fails only where 2^80 ids were made within one millisecond.
    let ulid = generator.generate().unwrap_or_else(|_| Ulid::new());
    format!("{prefix}_{ulid}")
}
