//! The keys of a server, and what each may do.

use orkestr::Secret;

/// What a key may do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Scope {
    /// `sandboxes:read`: every GET.
    SandboxesRead,
    /// `sandboxes:write`: everything but GET, exec included.
    SandboxesWrite,
}

impl Scope {
    /// As it is written in a 403: `sandboxes:read`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::SandboxesRead => "sandboxes:read",
            Self::SandboxesWrite => "sandboxes:write",
        }
    }
}

/// One more key of a server; see [`LocalServerBuilder::key`](crate::LocalServerBuilder::key).
///
/// All keys of a server belong to one account: they see the same sandboxes. `Debug` hides the key.
#[derive(Clone, Debug)]
#[must_use = "a key does nothing until it is given to a server"]
pub struct ApiKey {
    pub(crate) key: Secret,
    pub(crate) scopes: Vec<Scope>,
}

impl ApiKey {
    /// A key with every scope.
    pub fn new(key: impl Into<Secret>) -> Self {
        Self { key: key.into(), scopes: vec![Scope::SandboxesRead, Scope::SandboxesWrite] }
    }

    /// The scopes that it has, in place of all.
    pub fn scopes(mut self, scopes: impl IntoIterator<Item = Scope>) -> Self {
        self.scopes = scopes.into_iter().collect();
        self
    }
}
