//! Creating a sandbox.

use std::future::IntoFuture;
use std::time::Duration;

use futures::future::BoxFuture;

use super::{Sandbox, SandboxGuard, lifecycle};
use crate::api::types;
use crate::api::{NetworkMode, OnTimeout, SandboxSize, Template};
use crate::client::options::{CallOptions, call_options};
use crate::client::{Call, Client, RetryPolicy, Safety};
use crate::error::{Error, ErrorKind, Scope};
use crate::wire::whole_seconds;
use crate::{Secret, rt};

/// A sandbox to create; see [`Sandbox::create`]. Await it.
///
/// What is not set is not sent: the server's defaults apply.
#[derive(Clone, Debug)]
#[must_use = "a request is sent only when it is awaited"]
pub struct CreateSandbox {
    body: types::CreateSandboxRequest,
    timeout: Option<Duration>,
    options: CallOptions,
}

impl CreateSandbox {
    pub(super) fn from_template(template: Template) -> Self {
        let body = types::CreateSandboxRequest { template: Some(template), ..Default::default() };
        Self { body, timeout: None, options: CallOptions::default() }
    }

    pub(super) fn from_snapshot(snapshot: String) -> Self {
        let body = types::CreateSandboxRequest { snapshot: Some(snapshot), ..Default::default() };
        Self { body, timeout: None, options: CallOptions::default() }
    }

    /// Virtual CPUs. Default: 1.0. The plan may cap it.
    pub fn cpu(mut self, cpus: f64) -> Self {
        self.body.cpu = Some(cpus);
        self
    }

    /// Memory in MB. Default: 2048. The plan may cap it.
    pub fn memory_mb(mut self, megabytes: u32) -> Self {
        self.body.memory_mb = Some(megabytes.into());
        self
    }

    /// A named size in place of [`cpu`](Self::cpu) and [`memory_mb`](Self::memory_mb).
    pub fn size(mut self, size: impl Into<SandboxSize>) -> Self {
        self.body.size = Some(size.into());
        self
    }

    /// What the sandbox may reach. Default: [`NetworkMode::Off`].
    pub fn network(mut self, mode: impl Into<NetworkMode>) -> Self {
        self.body.network = Some(mode.into());
        self
    }

    /// The domains that [`NetworkMode::Restricted`] lets through, in place of the default ones.
    pub fn allow_domains<D: Into<String>>(mut self, domains: impl IntoIterator<Item = D>) -> Self {
        self.body.allow_domains = Some(domains.into_iter().map(Into::into).collect());
        self
    }

    /// How long the sandbox lives, rounded up to whole seconds. Default: 600 s; from 10 s to
    /// 3600 s, within what the plan allows.
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.timeout = Some(timeout);
        self
    }

    /// What happens when its lifetime ends. Default: [`OnTimeout::Kill`].
    pub fn on_timeout(mut self, action: impl Into<OnTimeout>) -> Self {
        self.body.on_timeout = Some(action.into());
        self
    }

    /// Whether exec and file calls resume it when it is paused, in place of an error of kind
    /// [`ErrorKind::SandboxNotReady`](crate::ErrorKind::SandboxNotReady). Default: no.
    pub fn auto_resume(mut self, enabled: bool) -> Self {
        self.body.auto_resume = Some(enabled);
        self
    }

    /// Whether its preview URLs ask for a token. Default: no.
    pub fn preview_auth(mut self, enabled: bool) -> Self {
        self.body.preview_auth = Some(enabled);
        self
    }

    /// Adds one variable to the environment of every process in the sandbox.
    pub fn env(mut self, name: impl Into<String>, value: impl Into<Secret>) -> Self {
        self.body.env.get_or_insert_default().insert(name.into(), value.into());
        self
    }

    /// Adds variables to the environment of every process in the sandbox.
    pub fn envs<K: Into<String>, V: Into<Secret>>(
        mut self,
        vars: impl IntoIterator<Item = (K, V)>,
    ) -> Self {
        let vars = vars.into_iter().map(|(name, value)| (name.into(), value.into()));
        self.body.env.get_or_insert_default().extend(vars);
        self
    }

    /// Adds a tag, which every answer repeats and [`Sandbox::list`] can filter by. At most 16,
    /// with at most 256 characters a value.
    pub fn metadata(mut self, key: impl Into<String>, value: impl Into<String>) -> Self {
        self.body.metadata.get_or_insert_default().insert(key.into(), value.into());
        self
    }

    /// Where to run, such as `fsn1` or `hel1`. Default: the server picks.
    pub fn region(mut self, region: impl Into<String>) -> Self {
        self.body.region = Some(region.into());
        self
    }

    /// A volume to mount at `/persist`, by its name or its id (`vol_...`). A name that there is not
    /// makes a volume of 10 GB; [`Volume::create`](crate::Volume::create) makes one of another size.
    /// The sandbox runs where its volume is, so a [`region`](Self::region) must be the volume's.
    pub fn volume(mut self, volume: impl Into<String>) -> Self {
        self.body.volume = Some(volume.into());
        self
    }

    /// When to try again while there is no capacity. Default: the client's, which is
    /// [`RetryPolicy::fleet_full`]; [`RetryPolicy::none`] switches it off.
    pub fn fleet_full_retry(mut self, policy: RetryPolicy) -> Self {
        self.options.fleet_full_retry = Some(policy);
        self
    }

    call_options!();

    pub(super) async fn send(mut self) -> Result<Sandbox, Error> {
        let client = self.options.resolve()?;
        self.body.timeout_seconds = self.timeout.map(whole_seconds).transpose()?;
        check(&self.body)?;
        let policy = self.options.fleet_full_retry.unwrap_or(client.fleet_full_retry());

        // The request runs as a task: if the caller leaves, the sandbox that comes of it is known
        // here, and its guard terminates it.
        let (sender, receiver) = futures::channel::oneshot::channel();
        let unfinished = Unfinished(Some(client.clone()));
        let request = async move {
            let result = post(client, self.body, policy, || !sender.is_canceled()).await;
            unfinished.finish();
            // Nobody receives it: the guard in it is dropped, and terminates.
            drop(sender.send(result.map(SandboxGuard::new)));
        };
        if let Err(request) = rt::spawn(request) {
            request.await;
        }
        match receiver.await {
            Ok(result) => result.map(SandboxGuard::disarm),
            Err(_) => Err(Error::new(ErrorKind::Connection, LOST)),
        }
    }
}

const LOST: &str = "the runtime ended while a sandbox was being created; it may exist";

/// Reports a request that is dropped under way: with its runtime, when the caller may have left.
struct Unfinished(Option<Client>);

impl Unfinished {
    fn finish(mut self) {
        self.0 = None;
    }
}

impl Drop for Unfinished {
    fn drop(&mut self) {
        if let Some(client) = &self.0 {
            client.report_cleanup_error(&Error::new(ErrorKind::Cleanup, LOST));
        }
    }
}

async fn post(
    client: Client,
    body: types::CreateSandboxRequest,
    policy: RetryPolicy,
    wanted: impl Fn() -> bool,
) -> Result<Sandbox, Error> {
    let body = &body;
    let send = |api: crate::api::Client| async move { api.create_sandbox(body).await };
    let call = Call { scope: Scope::Within, ..client.plain(Safety::Launch(policy)) };
    let created = client.call_while(call, wanted, send).await;
    let created =
        created.and_then(|answer| Sandbox::from_wire(client.clone(), answer.into_inner()));
    // An answer that cannot be read is no reason to leave its sandbox running.
    if let Err(error) = &created
        && let Some(id) = error.sandbox_id()
        && let Err(cause) = lifecycle::terminate_with(&client, id).await
    {
        return Err(Error::cleanup(id, cause));
    }
    created
}

/// What cannot be put on the wire. All else the server judges.
fn check(body: &types::CreateSandboxRequest) -> Result<(), Error> {
    if body.cpu.is_some_and(|cpu| !cpu.is_finite()) {
        return Err(Error::invalid_input("`cpu` is not a finite number"));
    }
    if body.snapshot.is_none() {
        return Ok(());
    }
    let fixed = [
        ("cpu", body.cpu.is_some()),
        ("memory_mb", body.memory_mb.is_some()),
        ("size", body.size.is_some()),
        ("network", body.network.is_some()),
        ("allow_domains", body.allow_domains.is_some()),
        ("region", body.region.is_some()),
        ("volume", body.volume.is_some()),
    ];
    match fixed.iter().find(|(_, is_set)| *is_set) {
        Some((name, _)) => Err(Error::invalid_input(format!(
            "`{name}` is fixed by the snapshot and cannot be set beside it"
        ))),
        None => Ok(()),
    }
}

impl IntoFuture for CreateSandbox {
    type Output = Result<Sandbox, Error>;
    type IntoFuture = BoxFuture<'static, Self::Output>;

    fn into_future(self) -> Self::IntoFuture {
        Box::pin(self.send())
    }
}

impl From<Template> for CreateSandbox {
    fn from(template: Template) -> Self {
        Self::from_template(template)
    }
}

impl From<String> for CreateSandbox {
    fn from(template: String) -> Self {
        Self::from_template(template.into())
    }
}

impl From<&str> for CreateSandbox {
    fn from(template: &str) -> Self {
        Self::from_template(template.into())
    }
}
