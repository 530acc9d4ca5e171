//! Sandboxes that end with a scope.

use std::fmt;
use std::future::Future;
use std::ops::Deref;
use std::panic::{AssertUnwindSafe, resume_unwind};

use futures::FutureExt as _;

use super::{CreateSandbox, Sandbox, lifecycle};
use crate::{Client, Error, rt};

/// Terminates its sandbox when it is dropped; from [`Sandbox::terminate_on_drop`].
///
/// It dereferences to the [`Sandbox`]. Prefer [`terminate`](Self::terminate) where you can await
/// it: the drop sends the request from a thread of its own, so that it works while the runtime
/// shuts down, and can tell a failure only to the client's
/// [`on_cleanup_error`](crate::ClientBuilder::on_cleanup_error). A process that exits right after
/// the drop may be gone before the request is.
#[must_use = "dropping the guard terminates the sandbox"]
pub struct SandboxGuard {
    sandbox: Option<Sandbox>,
}

impl SandboxGuard {
    pub(super) fn new(sandbox: Sandbox) -> Self {
        Self { sandbox: Some(sandbox) }
    }

    /// Lets the sandbox live.
    pub fn disarm(mut self) -> Sandbox {
        self.sandbox.take().expect("a guard has its sandbox until it is consumed")
    }

    /// Terminates the sandbox and waits for it.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Cleanup`](crate::ErrorKind::Cleanup) with the sandbox's id and the cause.
    ///
    /// # Cancel safety
    ///
    /// If the future is dropped, the sandbox is terminated as by dropping the guard.
    pub async fn terminate(self) -> Result<(), Error> {
        // The guard stays armed until the server has said that it is done.
        let result = self.sandbox().terminate().await;
        let sandbox = self.disarm();
        result.map_err(|error| Error::cleanup(sandbox.id(), error))
    }

    fn sandbox(&self) -> &Sandbox {
        self.sandbox.as_ref().expect("a guard has its sandbox until it is consumed")
    }
}

impl Deref for SandboxGuard {
    type Target = Sandbox;

    fn deref(&self) -> &Sandbox {
        self.sandbox()
    }
}

impl fmt::Debug for SandboxGuard {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("SandboxGuard").field(&self.sandbox).finish()
    }
}

impl Drop for SandboxGuard {
    fn drop(&mut self) {
        if let Some(sandbox) = self.sandbox.take() {
            let (client, id) = (sandbox.client().clone(), sandbox.id().to_owned());
            rt::detach(async move {
                if let Err(error) = terminate_apart(&client, &id).await {
                    client.report_cleanup_error(&Error::cleanup(&id, error));
                }
            });
        }
    }
}

/// On connections of its own: the client's belong to a runtime that may be shutting down.
async fn terminate_apart(client: &Client, id: &str) -> Result<(), Error> {
    lifecycle::terminate_with(&client.detached()?, id).await
}

pub(super) async fn with_temp<T, E, F, A>(create: CreateSandbox, f: F) -> Result<T, E>
where
    F: FnOnce(Sandbox) -> A,
    A: Future<Output = Result<T, E>>,
    E: From<Error>,
{
    let sandbox = create.send().await?;
    let client = sandbox.client().clone();
    let guard = sandbox.clone().terminate_on_drop();
    // `f` itself runs inside too: it may panic before it has made a future.
    let outcome = AssertUnwindSafe(async move { f(sandbox).await }).catch_unwind().await;
    let ended = guard.terminate().await;
    match (outcome, ended) {
        (Ok(Ok(value)), Ok(())) => Ok(value),
        (Ok(Ok(_)), Err(error)) => Err(error.into()),
        (Ok(Err(error)), ended) => {
            ended.unwrap_or_else(|error| client.report_cleanup_error(&error));
            Err(error)
        }
        (Err(panic), ended) => {
            ended.unwrap_or_else(|error| client.report_cleanup_error(&error));
            resume_unwind(panic)
        }
    }
}
