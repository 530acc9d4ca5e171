//! What can be seen of a sandbox and its account: limits, metrics, and the hosts of its ports.

use super::Sandbox;
use crate::Error;
use crate::limits::GetLimits;
use crate::metrics::{GetMetrics, MetricsStream};
use crate::preview::{self, HostInfo, PreviewUrl};

/// What it uses, and where it is reached.
impl Sandbox {
    /// What the plan of the account allows. Await the request; options are its setters.
    /// `GET /v1/sandboxes/limits`.
    ///
    /// ```no_run
    /// use orkestr::Sandbox;
    ///
    /// # async fn run() -> Result<(), orkestr::Error> {
    /// let limits = Sandbox::limits().await?;
    /// println!("{}: {} at once", limits.plan, limits.max_concurrent);
    /// if limits.allows("large") == Some(false) {
    ///     println!("no large ones");
    /// }
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Auth`](crate::ErrorKind::Auth), before anything is sent if there is no key.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future changes nothing, here or there.
    pub fn limits() -> GetLimits {
        GetLimits::new()
    }

    /// What the sandbox uses now, the samples of about the last minute, and its totals. Await the
    /// request; options are its setters. `GET /v1/sandboxes/{id}/metrics`.
    ///
    /// A paused or terminated sandbox has no live usage, which is no error.
    ///
    /// ```no_run
    /// # async fn run(sbx: orkestr::Sandbox) -> Result<(), orkestr::Error> {
    /// let metrics = sbx.metrics().await?;
    /// println!("{:?} % of the processor", metrics.cpu.usage_percent);
    /// println!("{:?} bytes of {:?}", metrics.memory.usage_bytes, metrics.memory.limit_bytes);
    /// println!("{:?} in all", metrics.lifetime.cpu_time);
    /// if let Some(as_of) = metrics.as_of {
    ///     let news = sbx.metrics().since(as_of).await?.samples;
    /// }
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// [`ErrorKind::SandboxNotFound`](crate::ErrorKind::SandboxNotFound) if it is gone.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future changes nothing, here or there.
    pub fn metrics(&self) -> GetMetrics {
        GetMetrics::new(self)
    }

    /// The samples of the sandbox as they are taken, each once, until its end.
    ///
    /// ```no_run
    /// use futures::TryStreamExt;
    ///
    /// # async fn run(sbx: orkestr::Sandbox) -> Result<(), orkestr::Error> {
    /// let mut samples = sbx.metrics_stream();
    /// while let Some(sample) = samples.try_next().await? {
    ///     println!("{} {:?} % {:?}", sample.at, sample.cpu_percent, sample.memory_bytes);
    /// }
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// From the stream, as for [`metrics`](Self::metrics).
    pub fn metrics_stream(&self) -> MetricsStream {
        MetricsStream::new(self)
    }

    /// The host under which a TCP port of the sandbox is reached from outside, by HTTP: the host
    /// of [`host_info`](Self::host_info). `GET /v1/sandboxes/{id}/host`.
    ///
    /// # Errors
    ///
    /// As for [`host_info`](Self::host_info).
    pub async fn get_host(&self, port: u16) -> Result<String, Error> {
        Ok(self.host_info(port).await?.host)
    }

    /// Where a TCP port of the sandbox is reached from outside, by HTTP. Nothing has to listen on
    /// it yet. `GET /v1/sandboxes/{id}/host`.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::InvalidInput`](crate::ErrorKind::InvalidInput) for port 0, before anything is
    /// sent; [`SandboxNotReady`](crate::ErrorKind::SandboxNotReady) on a terminated sandbox.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future loses nothing: the next call gets the same answer.
    pub async fn host_info(&self, port: u16) -> Result<HostInfo, Error> {
        preview::host(self, port).await
    }

    /// The URL under which a TCP port of the sandbox is reached from outside, with the preview
    /// token if the sandbox was created with [`preview_auth`](crate::CreateSandbox::preview_auth).
    /// `GET /v1/sandboxes/{id}/host`.
    ///
    /// ```no_run
    /// # async fn run(sbx: orkestr::Sandbox) -> Result<(), orkestr::Error> {
    /// sbx.spawn("python -m http.server 8080").await?;
    /// let preview = sbx.preview_url(8080).await?;
    /// println!("open {}", preview.expose()); // whoever has this URL can use it
    /// if let Some((name, value)) = preview.header() {
    ///     println!("or send {name} to {}", preview.url());
    /// }
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// As for [`host_info`](Self::host_info), and [`Decode`](crate::ErrorKind::Decode) if the
    /// sandbox asks for a token that the server does not tell.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future loses nothing: the next call gets the same answer.
    pub async fn preview_url(&self, port: u16) -> Result<PreviewUrl, Error> {
        preview::url(self, port).await
    }
}
