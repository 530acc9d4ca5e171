//! The only place that knows the runtime: sleeping, the clock, and work that outlives its caller.

use std::future::Future;
use std::time::Duration;

use crate::Error;
use crate::error::ErrorKind;

pub(crate) use tokio::time::Instant;

pub(crate) use tokio::runtime::Id as RuntimeId;

/// The runtime that this runs on.
pub(crate) fn current() -> Option<RuntimeId> {
    tokio::runtime::Handle::try_current().ok().map(|handle| handle.id())
}

/// The date, where the target has a clock.
pub(crate) fn wall_clock() -> Option<chrono::DateTime<chrono::Utc>> {
    #[cfg(target_arch = "wasm32")]
    return None;
    #[cfg(not(target_arch = "wasm32"))]
    Some(std::time::SystemTime::now().into())
}

pub(crate) fn sleep(duration: Duration) -> tokio::time::Sleep {
    tokio::time::sleep(duration)
}

/// `future`'s output, unless the limit passes first.
pub(crate) async fn timeout<F: Future>(limit: Duration, future: F) -> Option<F::Output> {
    tokio::time::timeout(limit, future).await.ok()
}

pub(crate) fn no_answer(limit: Duration) -> Error {
    Error::new(
        ErrorKind::Connection,
        format!("the server did not answer within {} s", limit.as_secs_f64()),
    )
}

/// Runs `future` to its end even if the caller stops waiting.
///
/// Outside of a tokio runtime there is nothing to run it on: the future comes back.
pub(crate) fn spawn<F>(future: F) -> Result<(), F>
where
    F: Future<Output = ()> + Send + 'static,
{
    match tokio::runtime::Handle::try_current() {
        Ok(handle) => {
            drop(handle.spawn(future));
            Ok(())
        }
        Err(_) => Err(future),
    }
}

/// Runs `work` on a thread and a runtime of its own: it is for cleaning up while the caller's
/// runtime may be shutting down, when a task would be dropped before it started.
#[cfg(not(target_arch = "wasm32"))]
pub(crate) fn detach<F>(work: F)
where
    F: Future<Output = ()> + Send + 'static,
{
    let run = move || match tokio::runtime::Builder::new_current_thread().enable_all().build() {
        Ok(runtime) => runtime.block_on(work),
        Err(error) => log::error!("orkestr: no runtime to clean up in: {error}"),
    };
    if let Err(error) = std::thread::Builder::new().name("orkestr-cleanup".into()).spawn(run) {
        log::error!("orkestr: no thread to clean up in: {error}");
    }
}
