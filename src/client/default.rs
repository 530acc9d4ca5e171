//! The default client, the one piece of process-wide state that the reference asks for.

use std::sync::{PoisonError, RwLock};

use super::Client;

static DEFAULT: RwLock<Option<Client>> = RwLock::new(None);

/// Makes `client` the one that static calls use when they are given none, in the whole process;
/// `None` goes back to the environment.
///
/// An `api_key` given to a call still wins, and `ORKESTR_API_KEY` is read only where neither is
/// there (reference: "Authentication").
pub fn set_default_client(client: impl Into<Option<Client>>) {
    *DEFAULT.write().unwrap_or_else(PoisonError::into_inner) = client.into();
}

/// The client that [`set_default_client`] was given, if any.
pub fn default_client() -> Option<Client> {
    DEFAULT.read().unwrap_or_else(PoisonError::into_inner).clone()
}
